/**
 * Processes of a turn, found by the marker in their environment (/proc). SIGKILL of the CLI, or of its group, does not
 * reach what it started in sessions of their own; this does. Only Linux has /proc; elsewhere nothing is found.
 */
import { readdir, readFile } from "node:fs/promises";
import { MARKER } from "./environment.ts";

const AT_ONCE = 8;
/** The kernel lets one wait for the environment of a process that is stuck in its own memory: those are passed over, ms. */
const LIMIT_MS = 2_000;

/**
 * Pids whose environment holds a marker that begins so. Ours alone can be read: another user's are not seen. Never on the main
 * thread: of 400 processes it would hold up everybody for 5 to 40 ms (measured), of a stuck one for as long as that lasts.
 */
export async function markedProcesses(marker: string): Promise<number[]> {
  const names = (await readdir("/proc").catch(() => []))
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .reverse();
  const wanted = `${MARKER}=${marker}`;
  const found: number[] = [];
  const read = async () => {
    for (let name = names.pop(); name !== undefined; name = names.pop())
      if ((await environmentOf(name)).some((variable) => variable.startsWith(wanted))) found.push(Number(name));
  };
  let late: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<void>((over) => {
    late = setTimeout(over, LIMIT_MS);
  });
  await Promise.race([Promise.all(Array.from({ length: AT_ONCE }, read)), limit]);
  clearTimeout(late);
  names.length = 0;
  return found.toSorted((a, b) => a - b);
}

/** Ends what is left, hard. Resolves with how many processes that were, once none is left or 2 s have passed. */
export async function sweep(marker: string): Promise<number> {
  const seen = new Set<number>();
  for (let round = 0; round < 20; round++) {
    const left = await markedProcesses(marker);
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

async function environmentOf(pid: string): Promise<string[]> {
  // Gone, or another user's. A zombie's is empty: it holds nothing and waits for its parent.
  return (await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "")).split("\0");
}
