/** Programs that show the simulated guest as a whole: load, memory, disks, network, who. Figures come from `facts.ts`. */
import { factsOf } from "./facts.ts";
import { human, options, type Program, type Programs, type Run } from "./machine.ts";

const facts = (run: Run) => factsOf(run.machine.world(), run.machine.now());
const two = (n: number) => String(n).padStart(2, "0");
const clock = (ms: number) => new Date(ms).toISOString().slice(11, 19);

function upFor(s: number): string {
  const [days, hours, minutes] = [Math.floor(s / 86_400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  return `${days > 0 ? `${days} day${days > 1 ? "s" : ""}, ` : ""}${hours > 0 ? `${hours}:${two(minutes)}` : `${minutes} min`}`;
}

export function uptimeLine(run: Run): string {
  const f = facts(run);
  return ` ${clock(run.machine.now())} up ${upFor(f.uptime_s)},  1 user,  load average: ${f.load.map((n) => n.toFixed(2)).join(", ")}`;
}

const uptime: Program = (run) => {
  run.out(run.args.includes("-p") ? `up ${upFor(facts(run).uptime_s)}\n` : `${uptimeLine(run)}\n`);
  return 0;
};

const w: Program = (run) => {
  run.out(`${uptimeLine(run)}\nUSER     TTY      FROM             LOGIN@   IDLE   JCPU   PCPU WHAT\n`);
  run.out("dev      pts/0    192.0.2.44       08:12    1:02   0.41s  0.02s -bash\n");
  return 0;
};

const free: Program = (run) => {
  const { has } = options(run.args);
  const m = facts(run).memory;
  const shared = 18_432;
  const available = Math.max(0, m.total - m.used - 20_000);
  const left = Math.max(0, m.total - m.used - m.cache);
  const unit = (kb: number) =>
    has("h", "human")
      ? iec(kb)
      : String(
          has("m", "mebi")
            ? Math.floor(kb / 1024)
            : has("g", "gibi")
              ? Math.floor(kb / 1024 / 1024)
              : has("b", "bytes")
                ? kb * 1024
                : kb,
        );
  const row = (name: string, all: number[]) => name.padEnd(8) + all.map((n) => unit(n).padStart(12)).join("");
  run.out(
    `${" ".repeat(8)}${["total", "used", "free", "shared", "buff/cache", "available"].map((t) => t.padStart(12)).join("")}\n`,
  );
  run.out(`${row("Mem:", [m.total, m.used, left, shared, m.cache, available])}\n`);
  run.out(`${row("Swap:", [m.swap_total, m.swap_used, m.swap_total - m.swap_used])}\n`);
  return 0;
};

function iec(kb: number): string {
  if (kb === 0) return "0B";
  let n = kb;
  for (const unit of ["Ki", "Mi", "Gi"]) {
    if (n < 1024) return `${n < 10 ? n.toFixed(1) : Math.round(n)}${unit}`;
    n /= 1024;
  }
  return `${n.toFixed(1)}Ti`;
}

const df: Program = (run) => {
  const { has, plain } = options(run.args);
  const inodes = has("i", "inodes");
  const typed = has("T", "print-type");
  const skip = new Set(
    [...run.args.join(" ").matchAll(/-x[ =]?(\w+)|--exclude-type[ =](\w+)/g)].map((m) => m[1] ?? m[2]),
  );
  const paths = plain.filter((p) => p.startsWith("/"));
  const rows = facts(run)
    .disks.filter((d) => !skip.has(d.type) && (!has("l", "local") || d.type !== "nfs"))
    .filter((d) => paths.length === 0 || paths.some((p) => d.mount === mountOf(p)));
  const shown = rows.map((d) => {
    // The last 5 % are root's: what is free to everyone reaches 0 before the disk is full.
    const reserve = d.type === "ext4" ? Math.floor(d.size_kb * 0.05) : 0;
    const free = Math.max(0, d.size_kb - d.used_kb - reserve);
    const used = Math.ceil((100 * d.used_kb) / Math.max(1, d.used_kb + free));
    const size = (kb: number) =>
      has("h", "human-readable", "H") ? human(kb) : has("m") ? String(Math.ceil(kb / 1024)) : String(kb);
    const total = 4_128_768;
    return inodes
      ? [
          d.device,
          ...(typed ? [d.type] : []),
          String(total),
          String(Math.floor((total * d.inodes_percent) / 100)),
          String(Math.floor((total * (100 - d.inodes_percent)) / 100)),
          `${d.inodes_percent}%`,
          d.mount,
        ]
      : [d.device, ...(typed ? [d.type] : []), size(d.size_kb), size(d.used_kb), size(free), `${used}%`, d.mount];
  });
  const second = inodes
    ? ["Inodes", "IUsed", "IFree", "IUse%"]
    : has("h")
      ? ["Size", "Used", "Avail", "Use%"]
      : ["1K-blocks", "Used", "Available", "Use%"];
  if (has("P", "portability") && !inodes) second.splice(0, 4, "1024-blocks", "Used", "Available", "Capacity");
  const table = [["Filesystem", ...(typed ? ["Type"] : []), ...second, "Mounted on"], ...shown];
  const widths = table[0]!.map((_, i) => Math.max(...table.map((r) => r[i]!.length)));
  for (const r of table) {
    const last = r.length - 1;
    run.out(
      `${r.map((cell, i) => (i === last ? cell : i < (typed ? 2 : 1) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(" ")}\n`,
    );
  }
  return 0;
};

function mountOf(path: string): string {
  if (path.startsWith("/boot/efi")) return "/boot/efi";
  if (path === "/dev" || path.startsWith("/dev/")) return "/dev";
  return path === "/run" || path.startsWith("/run/") ? "/run" : "/";
}

const vmstat: Program = async (run) => {
  const f = facts(run);
  const stuck = f.processes.filter((p) => p.stat.startsWith("D")).length;
  const crowded = stuck > 20;
  run.out("procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----\n");
  run.out(" r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st\n");
  const times = Math.min(5, Number(options(run.args).plain[1] ?? 1));
  for (let i = 0; i < times; i++) {
    if (i > 0) await run.machine.sleep(1000);
    const io = crowded
      ? "41216 38912 88120 41340 21894 40112  2 31  0 67  0"
      : "    0     0     4    96  410  802  1  1 98  0  0";
    run.out(
      ` ${crowded ? 4 : 1} ${String(stuck).padStart(2)} ${f.memory.swap_used} ${f.memory.total - f.memory.used} 2104 ${f.memory.cache} ${io}\n`,
    );
  }
  return 0;
};

const swapon: Program = (run) => {
  const m = facts(run).memory;
  run.out(
    `NAME      TYPE  SIZE  USED PRIO\n/swapfile file ${iec(m.swap_total).replace("i", "")} ${iec(m.swap_used).replace("i", "")}   -2\n`,
  );
  return 0;
};

const ip: Program = (run) => {
  if (run.args.some((a) => /^r/.test(a)))
    run.out(
      "default via 192.0.2.1 dev eth0 proto static\n192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.102\n",
    );
  else run.out("lo               UNKNOWN        127.0.0.1/8 ::1/128\neth0             UP             192.0.2.102/24\n");
  return 0;
};

const ss: Program = (run) => {
  run.out("State  Recv-Q Send-Q Local Address:Port  Peer Address:Port\n");
  const ports: [number, string][] = [
    [22, "ssh.service"],
    [80, "nginx.service"],
    [3000, "app.service"],
    [5432, "postgresql@15-main.service"],
  ];
  for (const [port, unit] of ports)
    if (facts(run).units.find((u) => u.name === unit)?.state === "active")
      run.out(`LISTEN 0      511          0.0.0.0:${port}       0.0.0.0:*\n`);
  return 0;
};

const curl: Program = (run) => {
  const url = options(run.args).plain.find((a) => /localhost|127\.0\.0\.1|^http/.test(a)) ?? "";
  const local = /^(https?:\/\/)?(localhost|127\.0\.0\.1)(:(\d+))?/.exec(url);
  if (!local) {
    run.err(`curl: (6) Could not resolve host: ${url.replace(/^https?:\/\//, "").split("/")[0]}\n`);
    return 6;
  }
  const port = Number(local[4] ?? 80);
  const unit = { 80: "nginx.service", 3000: "app.service" }[port];
  if (unit === undefined || facts(run).units.find((u) => u.name === unit)?.state !== "active") {
    run.err(`curl: (7) Failed to connect to localhost port ${port} after 0 ms: Couldn't connect to server\n`);
    return 7;
  }
  const { has } = options(run.args);
  run.out(
    has("I", "head")
      ? "HTTP/1.1 200 OK\nServer: nginx/1.22.1\n\n"
      : run.args.some((a) => a.includes("http_code"))
        ? "200"
        : "<!doctype html><title>Orders</title>\n",
  );
  return 0;
};

const uname: Program = (run) => {
  const name = facts(run).hostname;
  if (run.args.length === 0) run.out("Linux\n");
  else if (run.args.includes("-r")) run.out("6.1.0-29-amd64\n");
  else run.out(`Linux ${name} 6.1.0-29-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.123-1 (2025-01-02) x86_64 GNU/Linux\n`);
  return 0;
};

const date: Program = (run) => {
  const now = new Date(run.machine.now());
  const format = run.args.find((a) => a.startsWith("+"));
  if (format === "+%s") run.out(`${Math.floor(now.getTime() / 1000)}\n`);
  else if (format || run.args.some((a) => a.startsWith("-I"))) run.out(`${now.toISOString().slice(0, 19)}+00:00\n`);
  else run.out(`${now.toUTCString().replace(/^(\w+), (\d+) (\w+) (\d+) (\S+) GMT/, "$1 $3 $2 $5 UTC $4")}\n`);
  return 0;
};

const say =
  (what: (run: Run) => string): Program =>
  (run) => {
    run.out(what(run));
    return 0;
  };

export const SYSTEM_PROGRAMS: Programs = {
  ...{ uptime, w, who: w, free, df, vmstat, swapon, ip, ss, netstat: ss, curl, wget: curl, uname, date },
  hostname: say((run) => `${facts(run).hostname}\n`),
  hostnamectl: say(
    (run) =>
      ` Static hostname: ${facts(run).hostname}\nOperating System: Debian GNU/Linux 12 (bookworm)\n  Virtualization: kvm\n`,
  ),
  whoami: say((run) => `${run.user}\n`),
  id: say((run) =>
    run.root
      ? "uid=0(root) gid=0(root) groups=0(root)\n"
      : `uid=1001(${run.user}) gid=1001(${run.user}) groups=1001(${run.user}),4(adm),27(sudo)\n`,
  ),
  nproc: say((run) => `${facts(run).cpus}\n`),
  getconf: say((run) => `${run.args[0] === "_NPROCESSORS_ONLN" ? facts(run).cpus : 4096}\n`),
  sync: () => 0,
  lsblk: say(
    () =>
      "NAME    MAJ:MIN RM  SIZE RO TYPE MOUNTPOINTS\nsda       8:0    0   64G  0 disk \n├─sda1    8:1    0 63.9G  0 part /\n└─sda15   8:15   0  124M  0 part /boot/efi\n",
  ),
  findmnt: say(
    () =>
      "TARGET     SOURCE     FSTYPE OPTIONS\n/          /dev/sda1  ext4   rw,relatime,errors=remount-ro\n/boot/efi  /dev/sda15 vfat   rw,relatime\n",
  ),
  mount: say(
    () => "/dev/sda1 on / type ext4 (rw,relatime,errors=remount-ro)\n/dev/sda15 on /boot/efi type vfat (rw,relatime)\n",
  ),
  last: say(() => "dev      pts/0        192.0.2.44       still logged in\n"),
  pwd: say((run) => `${run.root ? "/root" : `/home/${run.user}`}\n`),
  lscpu: say(
    (run) => `Architecture:        x86_64\nCPU(s):              ${facts(run).cpus}\nHypervisor vendor:   KVM\n`,
  ),
  ping: (run) => {
    run.err(`ping: ${options(run.args).plain.at(-1) ?? ""}: the lab's simulated guest has no network\n`);
    return 2;
  },
};
