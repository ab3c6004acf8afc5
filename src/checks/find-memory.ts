/** Memory: is it running out, who takes it, and has it become an I/O storm? Pure. */
import {
  consumersIn,
  cpusIn,
  gb,
  gbOf,
  hungTasksIn,
  loadIn,
  memoryIn,
  oomKillsIn,
  pressureIn,
  stuckIn,
  textOf,
} from "./figures.ts";
import type { Finding, Reading } from "./finding.ts";

/** Fewer tasks than this in state D are everyday business of a busy disk. */
const MANY_STUCK = 10;

export function memoryFindings(readings: readonly Reading[]): Finding[] {
  const memory = memoryIn(textOf(readings, "memory"));
  const load = loadIn(textOf(readings, "uptime"));
  const cpus = cpusIn(textOf(readings, "cpus"));
  const stuck = stuckIn(textOf(readings, "stuck"));
  const largest = consumersIn(textOf(readings, "largest"))[0];
  const pressure = pressureIn(textOf(readings, "pressure_memory"));
  const pressureIo = pressureIn(textOf(readings, "pressure_io"));
  // The journal keeps the kernel's lines, too: the same kill is not two.
  const logs = [textOf(readings, "kernel"), textOf(readings, "journal")];

  const swapped = memory !== null && memory.swap_total > 0 ? memory.swap_used / memory.swap_total : 0;
  const left = memory === null || memory.available === null ? null : memory.available / memory.total;
  const crowded = load !== null && cpus !== null && load > 1.5 * cpus;
  const waiting = stuck.length >= MANY_STUCK || (pressure ?? 0) >= 20;
  const evidence = [
    ...(memory && memory.swap_total > 0 && swapped >= 0.5
      ? [`swap ${gbOf(memory.swap_used, memory.swap_total)} full`]
      : []),
    ...(memory && (left ?? 1) < 0.15 ? [`${gb(memory.available ?? 0)} of ${gb(memory.total)} GB memory left`] : []),
    ...(load !== null && cpus !== null && crowded
      ? [`load ${load >= 10 ? Math.round(load) : load} on ${cpus} CPUs`]
      : []),
    ...(stuck.length >= MANY_STUCK ? [`${stuck.length} processes in D state`] : []),
    ...((pressure ?? 0) >= 20 ? [`everything waited for memory ${Math.round(pressure!)} % of the last minute`] : []),
  ].join(", ");
  const kill =
    largest && largest.size >= 0.5
      ? `Kill the largest (${largest.name}, ${gb(largest.size)} GB, pid ${largest.pid})`
      : null;

  const found: Finding[] = [];
  if (swapped >= 0.85 && (waiting || crowded))
    found.push({
      level: "bad",
      says: upper(`${evidence}: memory pressure has become an I/O storm.`),
      next: `${kill ?? "Find the largest process and kill it"} or cycle.`,
    });
  else if (left !== null && left < 0.05 && (swapped >= 0.85 || memory?.swap_total === 0))
    found.push({
      level: "bad",
      says: upper(`${evidence}: memory is about to run out.`),
      next: `${kill ?? "Free memory"} before the kernel picks one.`,
    });
  else if ((pressure ?? 0) >= 20)
    found.push({
      level: "bad",
      says: upper(`${evidence}: processes spend their time waiting for memory.`),
      next: kill ? `${kill}, or restart its unit.` : "",
    });
  else if (swapped >= 0.85 || (left !== null && left < 0.1))
    found.push({
      level: "warn",
      says: upper(`${evidence}: memory is tight, but nothing waits for it yet.`),
      next: largest ? `Look at ${largest.name} (${gb(largest.size)} GB, pid ${largest.pid}).` : "",
    });

  if (found.length === 0 && stuck.length >= MANY_STUCK)
    found.push({
      level: "bad",
      says: upper(
        `${stuck.length} processes in D state (${most(stuck)})${load === null ? "" : `, load ${Math.round(load)}`}${pressureIo === null ? "" : `, ${Math.round(pressureIo)} % of the last minute lost to I/O`}, and memory is not the reason: they wait for a disk or a network file system.`,
      ),
      next: "Run the check “QEMU wedged?”; if QEMU is fine, look at the network mounts.",
    });
  else if (found.length === 0 && crowded)
    found.push({
      level: "warn",
      says: upper(`load ${Math.round(load!)} on ${cpus} CPUs, with memory to spare.`),
      next: "See who computes: top.",
    });

  const kills = logs.map(oomKillsIn).reduce((a, b) => (b.length > a.length ? b : a));
  if (kills.length > 0) {
    const last = kills.at(-1)!;
    found.push({
      level: "warn",
      says: `The kernel killed ${kills.length === 1 ? "a process" : `${kills.length} processes`} for want of memory, last ${last.name}${last.size === null ? "" : ` (${gb(last.size)} GB)`}.`,
      next: "See that what it belonged to runs again: the check “Services”.",
    });
  }
  const hung = hungTasksIn(logs[0]!);
  if (hung.length > 0)
    found.push({
      level: "warn",
      says: `The kernel says that tasks hung for more than two minutes: ${most(hung)}.`,
      next: "",
    });

  if (memory && !found.some((f) => f.level === "bad"))
    found.push({
      level: "fine",
      says: `Memory: ${gb(memory.used)} of ${gb(memory.total)} GB used${memory.swap_total > 0 ? `, swap ${gbOf(memory.swap_used, memory.swap_total)}` : ", no swap"}${load === null ? "" : `, load ${load}${cpus === null ? "" : ` on ${cpus} CPUs`}`}${largest ? `, largest ${largest.name} (${gb(largest.size)} GB)` : ""}.`,
      next: "",
    });
  return found;
}

/** The commonest names with their counts. */
export function most(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  const shown = sorted.slice(0, 3).map(([name, n]) => (n > 1 ? `${n} ${name}` : name));
  return `${shown.join(", ")}${sorted.length > 3 ? ", …" : ""}`;
}

export const upper = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
