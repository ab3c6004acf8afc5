/**
 * Processes of a turn, found by the marker in their environment (/proc). SIGKILL of the CLI, or of its group, does not
 * reach what it started in sessions of their own; this does. Only Linux has /proc; elsewhere nothing is found.
 */
import { readdirSync, readFileSync } from "node:fs";
import { MARKER } from "./environment.ts";

/** Pids whose environment holds a marker that begins so. Ours alone can be read: another user's are not seen. */
export function markedProcesses(marker: string): number[] {
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  const wanted = `${MARKER}=${marker}`;
  return names
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => environmentOf(name).some((variable) => variable.startsWith(wanted)))
    .map(Number);
}

/** Ends what is left, hard. Resolves with how many processes that were, once none is left or 2 s have passed. */
export async function sweep(marker: string): Promise<number> {
  const seen = new Set<number>();
  for (let round = 0; round < 20; round++) {
    const left = markedProcesses(marker);
    if (left.length === 0) break;
    for (const pid of left) {
      seen.add(pid);
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // gone already
      }
    }
    await Bun.sleep(round < 5 ? 10 : 100);
  }
  return seen.size;
}

function environmentOf(pid: string): string[] {
  try {
    // A zombie's is empty: it holds nothing and waits for its parent.
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
  } catch {
    return [];
  }
}
