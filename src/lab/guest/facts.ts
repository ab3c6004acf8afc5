/**
 * What is true inside the simulated guest, as figures: memory, load, disk, processes, units. Pure: world and clock in. The
 * programs (`system.ts`, `services.ts`, …) only lay these figures out. The crowded figures are those of a real memory crawl.
 */
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

export interface Unit {
  readonly name: string;
  readonly about: string;
  readonly state: "active" | "failed" | "inactive";
  readonly sub: string;
  readonly pid: number | null;
  /** Why it failed, as systemd says. */
  readonly why?: string;
}

export interface Facts {
  readonly hostname: string;
  readonly cpus: number;
  readonly load: readonly [number, number, number];
  /** KiB. */
  readonly memory: { total: number; used: number; cache: number; swap_total: number; swap_used: number };
  /** Percent, the kernel's pressure figures: some and full, 10 s, 60 s, 300 s. */
  readonly pressure: {
    memory: readonly [readonly number[], readonly number[]];
    io: readonly [readonly number[], readonly number[]];
  };
  readonly disks: readonly {
    device: string;
    type: string;
    mount: string;
    size_kb: number;
    used_kb: number;
    inodes_percent: number;
  }[];
  readonly processes: readonly Process[];
  readonly units: readonly Unit[];
  readonly uptime_s: number;
}

export const BIG_FILE = "/var/lib/app/export/orders-full.dump";
export const BIG_FILE_KB = 31_457_280;
export const LARGEST = "ugrep";

export function factsOf(world: World, now: number): Facts {
  const crowded = world.fault === "out_of_memory";
  const full = world.fault === "disk_full";
  const at = (place: number, spread: number) => chance(world.seed, place) * spread;
  const uptime_s = Math.max(1, Math.floor((now - (world.booted_at ?? now)) / 1000));
  const used = full ? 61_255_700 : 34_890_112 + Math.floor(at(3, 2_000_000));
  return {
    hostname: world.name,
    cpus: 32,
    load: crowded ? [60.42, 58.17, 41.9] : full ? [1.12, 0.94, 0.61] : [0.3 + at(1, 0.3), 0.35, 0.31],
    memory: crowded
      ? { total: 24_641_536, used: 23_592_960, cache: 312_320, swap_total: 14_680_064, swap_used: 14_575_206 }
      : {
          total: 24_641_536,
          used: 6_291_456 + Math.floor(at(2, 900_000)),
          cache: 9_437_184,
          swap_total: 14_680_064,
          swap_used: 104_448,
        },
    pressure: {
      memory: crowded
        ? [
            [88.4, 86.1, 71.2],
            [81.7, 80.3, 64.9],
          ]
        : [
            [0, 0, 0],
            [0, 0, 0],
          ],
      io: crowded
        ? [
            [91.2, 89.9, 70.1],
            [84.3, 82.2, 66.0],
          ]
        : [
            [0.2, 0.1, 0.05],
            [0.1, 0.05, 0.02],
          ],
    },
    disks: [
      { device: "udev", type: "devtmpfs", mount: "/dev", size_kb: 12_289_024, used_kb: 0, inodes_percent: 1 },
      { device: "tmpfs", type: "tmpfs", mount: "/run", size_kb: 2_464_156, used_kb: 1_284, inodes_percent: 1 },
      { device: "/dev/sda1", type: "ext4", mount: "/", size_kb: 64_479_664, used_kb: used, inodes_percent: 11 },
      { device: "/dev/sda15", type: "vfat", mount: "/boot/efi", size_kb: 126_678, used_kb: 12_010, inodes_percent: 0 },
    ],
    processes: processesOf(world, crowded),
    units: unitsOf(world, full),
    uptime_s,
  };
}

function processesOf(world: World, crowded: boolean): Process[] {
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

function unitsOf(world: World, full: boolean): Unit[] {
  const base = 700 + Math.floor(chance(world.seed, 9) * 200);
  const dead = world.fault === "service_dead";
  const unit = (name: string, about: string, pid: number | null): Unit => ({
    name: `${name}.service`,
    about,
    state: "active",
    sub: "running",
    pid,
  });
  const failed = (name: string, about: string, why: string): Unit => ({
    name: `${name}.service`,
    about,
    state: "failed",
    sub: "failed",
    pid: null,
    why,
  });
  return [
    full
      ? failed("app-worker", "Order export worker", "exit-code")
      : unit("app-worker", "Order export worker", base + 91),
    unit("app", "Order service", base + 77),
    unit("cron", "Regular background program processing daemon", base + 3),
    unit("docker", "Docker Application Container Engine", base + 130),
    dead
      ? failed("nginx", "A high performance web server and a reverse proxy server", "signal")
      : unit("nginx", "A high performance web server and a reverse proxy server", base + 55),
    unit("postgresql@15-main", "PostgreSQL Cluster 15-main", base + 40),
    unit("qemu-guest-agent", "QEMU Guest Agent", base + 14),
    unit("ssh", "OpenBSD Secure Shell server", base),
    unit("systemd-journald", "Journal Service", 288),
  ];
}
