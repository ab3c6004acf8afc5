/**
 * What was done at the server's own terminal, on its way into the audit. The audit has one writer, the console; so the
 * terminal leaves a line in a file of the data directory, and the console takes it over at its start and at each look.
 */
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { ALWAYS_ANSWERS, type Disk } from "../log/disk.ts";
import { ownedLike } from "../target/known-hosts.ts";

const Act = z.object({ id: z.string(), at: z.number(), who: z.string(), what: z.string(), detail: z.string() });
export type Act = z.output<typeof Act>;

const fileIn = (data_dir: string) => join(data_dir, "terminal-acts.jsonl");

/** Never throws: on a disk that takes nothing the terminal's own work still counts. */
export function leaveAct(data_dir: string, act: Omit<Act, "id" | "at">): void {
  const path = fileIn(data_dir);
  const line = JSON.stringify({ id: crypto.randomUUID(), at: Date.now(), ...act } satisfies Act);
  try {
    appendFileSync(path, `${line}\n`, { mode: 0o600 });
    ownedLike(dirname(path), path);
  } catch (error) {
    console.error(`breakglass: this could not be left for the audit (${error}): ${line}`);
  }
}

/**
 * Hands each over once, and perhaps again after a crash in between: `taken` must know an id that it has had. Another time, where
 * the disk does not answer.
 */
export async function takeActs(
  data_dir: string,
  taken: (act: Act) => void,
  disk: Disk = ALWAYS_ANSWERS,
): Promise<void> {
  const path = fileIn(data_dir);
  const ours = `${path}.taken`;
  if (!existsSync(path) && !existsSync(ours)) return;
  if ((await disk.asked()) !== null) return;
  try {
    if (!existsSync(ours)) {
      if (!existsSync(path)) return;
      // Renamed first: a line that the terminal adds while we read goes into a new file.
      renameSync(path, ours);
    }
    for (const line of readFileSync(ours, "utf8").split("\n").filter(Boolean)) {
      const read = Act.safeParse(fromJson(line));
      if (read.success) taken(read.data);
      else console.error(`breakglass: a line of ${ours} was not understood and is left out: ${line.slice(0, 200)}`);
    }
    rmSync(ours, { force: true });
  } catch (error) {
    console.error("what was done at the terminal could not be read:", error);
  }
}

function fromJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
