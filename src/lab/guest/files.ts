/** The simulated guest's files: a short table, no file system. What a fault fills stands there while it lasts. */
import { BIG_FILE, BIG_FILE_KB, factsOf } from "./facts.ts";
import type { Run } from "./machine.ts";

export interface Entry {
  readonly kb: number;
  readonly text?: (run: Run) => string;
  readonly root?: true;
}

export const facts = (run: Run) => factsOf(run.machine.world(), run.machine.now());
const three = (n: readonly number[]) =>
  `avg10=${n[0]!.toFixed(2)} avg60=${n[1]!.toFixed(2)} avg300=${n[2]!.toFixed(2)}`;
const pressure = (which: "memory" | "io") => (run: Run) => {
  const [some, full] = facts(run).pressure[which];
  return `some ${three(some)} total=91842210\nfull ${three(full)} total=80120482\n`;
};

const ALWAYS: Readonly<Record<string, Entry>> = {
  "/etc/hostname": { kb: 4, text: (run) => `${facts(run).hostname}\n` },
  "/etc/os-release": {
    kb: 4,
    text: () => 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n',
  },
  "/etc/fstab": { kb: 4, text: () => "UUID=4b1f / ext4 errors=remount-ro 0 1\n/swapfile none swap sw 0 0\n" },
  "/etc/nginx/nginx.conf": {
    kb: 4,
    text: () =>
      "user www-data;\nworker_processes auto;\nevents { worker_connections 768; }\nhttp { include /etc/nginx/sites-enabled/*; }\n",
  },
  "/proc/loadavg": {
    kb: 0,
    text: (run) =>
      `${facts(run)
        .load.map((n) => n.toFixed(2))
        .join(" ")} 2/${facts(run).processes.length} 4211\n`,
  },
  "/proc/uptime": { kb: 0, text: (run) => `${facts(run).uptime_s}.00 0.00\n` },
  "/proc/meminfo": { kb: 0, text: meminfo },
  "/proc/pressure/memory": { kb: 0, text: pressure("memory") },
  "/proc/pressure/io": { kb: 0, text: pressure("io") },
  "/proc/mounts": {
    kb: 0,
    text: () => "/dev/sda1 / ext4 rw,relatime,errors=remount-ro 0 0\n/dev/sda15 /boot/efi vfat rw,relatime 0 0\n",
  },
  "/proc/swaps": {
    kb: 0,
    text: (run) =>
      `Filename Type Size Used Priority\n/swapfile file ${facts(run).memory.swap_total} ${facts(run).memory.swap_used} -2\n`,
  },
  "/proc/version": { kb: 0, text: () => "Linux version 6.1.0-29-amd64 (debian-kernel@lists.debian.org)\n" },
  "/var/log/syslog": { kb: 18_204, text: () => "systemd[1]: Started Session 4 of User dev.\n" },
  "/var/log/journal/7d1c/system.journal": { kb: 131_072 },
  "/var/log/nginx/access.log": { kb: 41_984, text: () => '192.0.2.44 - - "GET / HTTP/1.1" 200 1422\n' },
  "/var/lib/postgresql/15/main/base/16384/2619": { kb: 6_815_744, root: true },
  "/var/lib/docker/overlay2/layers": { kb: 9_437_184, root: true },
  "/var/cache/apt/archives/linux-image.deb": { kb: 71_680 },
  "/srv/app/server.js": { kb: 12, text: () => "// the order service\n" },
  "/srv/app/worker.js": { kb: 8, text: () => "// writes exports below /var/lib/app/export\n" },
  "/home/dev/notes.txt": { kb: 4, text: () => "exports land in /var/lib/app/export; safe to delete once sent\n" },
  "/usr/lib/all": { kb: 5_242_880 },
  "/swapfile": { kb: 14_680_064, root: true },
};

export function files(run: Run): Readonly<Record<string, Entry>> {
  if (run.machine.world().fault !== "disk_full") return ALWAYS;
  return { ...ALWAYS, [BIG_FILE]: { kb: BIG_FILE_KB }, "/var/log/journal/7d1c/archived.journal": { kb: 4_089_446 } };
}

function meminfo(run: Run): string {
  const m = facts(run).memory;
  const rows = {
    MemTotal: m.total,
    MemFree: Math.max(0, m.total - m.used - m.cache),
    MemAvailable: Math.max(0, m.total - m.used - 20_000),
    Buffers: 2104,
    Cached: m.cache,
    SwapTotal: m.swap_total,
    SwapFree: m.swap_total - m.swap_used,
    Dirty: 412,
  };
  return `${Object.entries(rows)
    .map(([key, kb]) => `${`${key}:`.padEnd(16)}${String(kb).padStart(8)} kB`)
    .join("\n")}\n`;
}

export const clean = (path: string) => (path.length > 1 ? path.replace(/\/+$/, "") : path);
export const below = (all: Readonly<Record<string, Entry>>, dir: string) =>
  Object.entries(all).filter(([path]) => path === dir || path.startsWith(dir === "/" ? "/" : `${dir}/`));
export const spread = (run: Run, path: string): string[] => {
  if (!/[*?]/.test(path)) return [clean(path)];
  const pattern = new RegExp(
    `^${path
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replace(/\*/g, "[^/]*")
      .replace(/\?/g, "[^/]")}(?=/|$)`,
  );
  return [...new Set(Object.keys(files(run)).flatMap((p) => pattern.exec(p)?.[0] ?? []))];
};
