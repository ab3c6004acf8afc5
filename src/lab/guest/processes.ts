/** What runs inside the simulated guest: a small machine for development, or one whose memory is crowded. Pure. */
import { chance, type World } from "../world.ts";

export interface Process {
  readonly pid: number;
  readonly user: string;
  readonly comm: string;
  readonly args: string;
  readonly stat: string;
  readonly cpu: number;
  readonly rss_kb: number;
  /** Kernel threads have no memory of their own and can't be killed. */
  readonly kernel?: true;
}

export const LARGEST = "ugrep";

export function processesOf(world: World, crowded: boolean): Process[] {
  const base = 700 + Math.floor(chance(world.seed, 9) * 200);
  const stuck = crowded ? "D" : "S";
  const own: Process[] = [
    { pid: 1, user: "root", comm: "systemd", args: "/sbin/init", stat: "Ss", cpu: 0, rss_kb: 13_312 },
    { pid: 2, user: "root", comm: "kthreadd", args: "[kthreadd]", stat: "S", cpu: 0, rss_kb: 0, kernel: true },
    {
      pid: 64,
      user: "root",
      comm: "kswapd0",
      args: "[kswapd0]",
      stat: crowded ? "R" : "S",
      cpu: crowded ? 94.1 : 0,
      rss_kb: 0,
      kernel: true,
    },
    {
      pid: 211,
      user: "root",
      comm: "jbd2/sda1-8",
      args: "[jbd2/sda1-8]",
      stat: stuck,
      cpu: 0,
      rss_kb: 0,
      kernel: true,
    },
    {
      pid: 288,
      user: "root",
      comm: "systemd-journal",
      args: "/lib/systemd/systemd-journald",
      stat: `${stuck}s`,
      cpu: 0.1,
      rss_kb: 61_440,
    },
    {
      pid: base,
      user: "root",
      comm: "sshd",
      args: "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups",
      stat: "Ss",
      cpu: 0,
      rss_kb: 9_216,
    },
    { pid: base + 14, user: "root", comm: "qemu-ga", args: "/usr/sbin/qemu-ga", stat: "Ss", cpu: 0, rss_kb: 5_120 },
    {
      pid: base + 40,
      user: "postgres",
      comm: "postgres",
      args: "/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main",
      stat: `${stuck}s`,
      cpu: 0.4,
      rss_kb: 1_310_720,
    },
    {
      pid: base + 77,
      user: "app",
      comm: "node",
      args: "node /srv/app/server.js",
      stat: `${stuck}sl`,
      cpu: 2.1,
      rss_kb: 1_884_160,
    },
    {
      pid: base + 91,
      user: "app",
      comm: "node",
      args: "node /srv/app/worker.js",
      stat: `${stuck}l`,
      cpu: 1.2,
      rss_kb: 942_080,
    },
    {
      pid: base + 130,
      user: "dev",
      comm: "dockerd",
      args: "/usr/bin/dockerd -H fd://",
      stat: "Ssl",
      cpu: 0.3,
      rss_kb: 143_360,
    },
  ];
  if (world.fault !== "service_dead") {
    own.push({
      pid: base + 55,
      user: "root",
      comm: "nginx",
      args: "nginx: master process /usr/sbin/nginx -g daemon on; master_process on;",
      stat: "Ss",
      cpu: 0,
      rss_kb: 12_288,
    });
    own.push({
      pid: base + 56,
      user: "www-data",
      comm: "nginx",
      args: "nginx: worker process",
      stat: "S",
      cpu: 0.2,
      rss_kb: 18_432,
    });
  }
  if (!crowded) return own;
  const largest = base + 2_411;
  own.push({
    pid: largest,
    user: "dev",
    comm: LARGEST,
    args: "ugrep -rn --hidden -e TODO / --include=*",
    stat: "Dl",
    cpu: 41.3,
    rss_kb: 10_485_760,
  });
  // The wall of tasks waiting for the disk: 41 in state D with those above.
  for (let i = 0; own.filter((p) => p.stat.startsWith("D")).length < 41; i++)
    own.push({
      pid: largest + 3 + i,
      user: "dev",
      comm: i % 3 ? "git" : "tsserver",
      args: i % 3 ? "git status --porcelain" : "node tsserver.js",
      stat: "D",
      cpu: 0.1,
      rss_kb: 61_440 + 1024 * i,
    });
  return own;
}
