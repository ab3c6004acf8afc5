/** What the kernel says of a process: its memory, and the processor time that it has used itself. */
import { readFileSync } from "node:fs";

/** Linux gives processor time in ticks of 1/100 s everywhere that counts. */
const TICK_MS = 10;

export function residentMiB(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))!;
  return Number(kib) / 1024;
}

/** User and system time of all its threads, without its children. */
export function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in brackets may hold spaces; fields are counted after it. utime and stime are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
