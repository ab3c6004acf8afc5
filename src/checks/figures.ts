/**
 * Figures out of what the VM's own programs printed. Every reader takes any text and gives null or an empty list for what it
 * does not know: outputs come from a sick machine, cut anywhere, and may be written by somebody who means harm.
 */
import type { Reading } from "./finding.ts";

export const textOf = (readings: readonly Reading[], key: string): string =>
  readings.find((reading) => reading.key === key)?.output ?? "";

/** Longer lines are no figures; cut, so that no pattern takes quadratic time over one. */
const LONGEST_LINE = 1000;
const lines = (text: string): string[] => text.split(/\r?\n/).map((line) => line.slice(0, LONGEST_LINE));
const number = (text: string | undefined): number | null => {
  const n = Number(text);
  return text === undefined || text === "" || !Number.isFinite(n) ? null : n;
};

export interface Memory {
  /** GiB. */
  readonly total: number;
  readonly used: number;
  readonly available: number | null;
  readonly swap_total: number;
  readonly swap_used: number;
}

/** `free -m`. */
export function memoryIn(text: string): Memory | null {
  const row = (name: string) =>
    new RegExp(`^${name}:\\s+(\\d+)\\s+(\\d+)\\s+(\\d+)(?:\\s+\\d+\\s+\\d+\\s+(\\d+))?`, "m").exec(text);
  const mem = row("Mem");
  if (!mem) return null;
  const swap = row("Swap");
  const gib = (mib: string | undefined) => Number(mib ?? 0) / 1024;
  const total = gib(mem[1]);
  if (!(total > 0) || !Number.isFinite(total)) return null;
  return {
    total,
    used: gib(mem[2]),
    available: mem[4] === undefined ? null : gib(mem[4]),
    swap_total: gib(swap?.[1]),
    swap_used: gib(swap?.[2]),
  };
}

/** The load of the last minute, from `uptime`. */
export function loadIn(text: string): number | null {
  return number(/load averages?:\s*([\d.]+)/.exec(text)?.[1]);
}

export function cpusIn(text: string): number | null {
  const n = number(/^\s*(\d{1,5})\s*$/m.exec(text)?.[1]);
  return n !== null && n > 0 ? n : null;
}

/** The kernel's `full avg60` of one pressure file, percent: how long everything waited. */
export function pressureIn(text: string): number | null {
  return number(/^full .*?avg60=([\d.]+)/m.exec(text)?.[1]);
}

export interface Mount {
  readonly device: string;
  readonly mount: string;
  readonly percent: number;
  /** GiB free, for space; null for inodes. */
  readonly free: number | null;
}

/** `df -Pk` or `df -Pi`; a mount point may have spaces. */
export function mountsIn(text: string, unit: "kilobytes" | "inodes"): Mount[] {
  return lines(text).flatMap((line) => {
    const row = /^(\S+)\s+(\d+)\s+(\d+)\s+(-?\d+)\s+(\d{1,3})%\s+(\/.*)$/.exec(line.trimEnd());
    if (!row) return [];
    const free = unit === "kilobytes" ? Number(row[4]) / 1024 / 1024 : null;
    return [{ device: row[1]!, mount: row[6]!, percent: Number(row[5]), free }];
  });
}

/** File systems of a disk that stand read-only, from /proc/mounts. */
export function readOnlyIn(text: string): string[] {
  return lines(text).flatMap((line) => {
    const [device = "", mount = "", type = "", options = ""] = line.split(" ");
    return device.startsWith("/dev/") && /^(ext[234]|xfs|btrfs)$/.test(type) && options.split(",").includes("ro")
      ? [mount]
      : [];
  });
}

/** Names of tasks in uninterruptible sleep: `ps -eo stat,pid,comm`. */
export function stuckIn(text: string): string[] {
  return lines(text).flatMap((line) => /^\s*D\S*\s+\d+\s+(\S.*)$/.exec(line)?.[1]?.trim() ?? []);
}

export interface Consumer {
  readonly pid: number;
  readonly user: string;
  readonly name: string;
  /** GiB. */
  readonly size: number;
}

/** The largest by resident memory, first: `ps -eo pid,user,rss,comm --sort=-rss`. */
export function consumersIn(text: string): Consumer[] {
  return lines(text)
    .flatMap((line) => {
      const row = /^\s*(\d{1,9})\s+(\S+)\s+(\d{1,15})\s+(\S.*)$/.exec(line);
      return row
        ? [{ pid: Number(row[1]), user: row[2]!, size: Number(row[3]) / 1024 / 1024, name: row[4]!.trim() }]
        : [];
    })
    .sort((a, b) => b.size - a.size);
}

/** Names of units, first word of each line. `●` stands before failed ones in some versions even with --plain. */
export function unitsIn(text: string): string[] {
  return lines(text).flatMap(
    (line) =>
      /^\s*(?:[●×*]\s+)?([\w@:.\\-]+\.(?:service|socket|mount|timer|path|scope|slice|target|swap))\b/.exec(line)?.[1] ??
      [],
  );
}

export interface OomKill {
  readonly name: string;
  /** GiB, when the kernel said it. */
  readonly size: number | null;
}

/** What the kernel, or systemd on its behalf, says that it killed for want of memory. */
export function oomKillsIn(text: string): OomKill[] {
  return lines(text).flatMap((line) => {
    const kernel = /[Oo]ut of memory.*?Killed process \d+ \(([^)]*)\)(?:.*?anon-rss:(\d+)kB)?/.exec(line);
    if (kernel) return [{ name: kernel[1]!, size: kernel[2] ? Number(kernel[2]) / 1024 / 1024 : null }];
    const unit = /([\w@:.\\-]+\.(?:service|scope)): Failed with result 'oom-kill'/.exec(line);
    return unit ? [{ name: unit[1]!, size: null }] : [];
  });
}

/** Kernel lines that tell of a disk or file system in trouble. */
export function diskErrorsIn(text: string): string[] {
  return lines(text).filter((line) =>
    /EXT4-fs error|Journal has aborted|[Rr]emounting filesystem read-only|I\/O error|XFS .*(?:Corruption|shutdown)|BTRFS.*(?:error|forced readonly)/.test(
      line,
    ),
  );
}

/** Tasks that the kernel says have hung. */
export function hungTasksIn(text: string): string[] {
  return lines(text).flatMap((line) => /task (\S+?):\d+ blocked for more than/.exec(line)?.[1] ?? []);
}

/** A size in GiB as people say it: 10, 9.4, 0. */
export function gb(size: number): string {
  if (size < 0.05) return "0";
  return size.toFixed(1).replace(/^(\d\d+)\.0$/, "$1");
}

/** So much of so much: 13.9/14.0. */
export function gbOf(part: number, whole: number): string {
  return `${part.toFixed(1)}/${whole.toFixed(1)} GB`;
}

/** A line as evidence: printable, and not longer than a sentence can bear. */
export function brief(line: string, most = 160): string {
  const clean = line.replace(/[\x00-\x1f\x7f]+/g, " ").trim();
  return clean.length > most ? `${clean.slice(0, most - 1)}…` : clean;
}
