/**
 * Keys that were accepted at the server's own terminal, on their way into the log. The log has one writer, the console; so
 * the terminal leaves a line in a file of the data directory, and the console takes it from there: when it looks at a
 * target next, at the latest at its next start.
 */
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { ALWAYS_ANSWERS, type Disk } from "../log/disk.ts";
import { ownedLike } from "./known-hosts.ts";

const Print = z.object({ type: z.string(), fingerprint: z.string() });
const Accepted = z.object({
  id: z.string(),
  target: z.string(),
  end: z.enum(["vm", "pve"]),
  host: z.string(),
  by: z.string(),
  old: Print.nullable(),
  new: Print,
});
export type Accepted = z.output<typeof Accepted>;

const fileIn = (data_dir: string) => join(data_dir, "accepted-keys.jsonl");

export function leaveAcceptance(data_dir: string, accepted: Accepted): void {
  const path = fileIn(data_dir);
  appendFileSync(path, `${JSON.stringify(accepted)}\n`, { mode: 0o600 });
  ownedLike(dirname(path), path);
}

/**
 * Hands each over once, and again after a crash in between: `taken` must know an id that it has had. Another time, where the disk
 * does not answer.
 */
export async function takeAcceptances(
  data_dir: string,
  taken: (accepted: Accepted) => Promise<void>,
  disk: Disk = ALWAYS_ANSWERS,
): Promise<void> {
  const path = fileIn(data_dir);
  const ours = `${path}.taken`;
  if ((existsSync(path) || existsSync(ours)) && (await disk.asked()) !== null) return;
  for (;;) {
    if (!existsSync(ours)) {
      if (!existsSync(path)) return;
      // Renamed first: a line that the terminal adds while we read goes into a new file.
      renameSync(path, ours);
    }
    for (const line of readFileSync(ours, "utf8").split("\n").filter(Boolean)) {
      const read = Accepted.safeParse(fromJson(line));
      if (read.success) await taken(read.data);
      else console.error(`breakglass: a line of ${ours} was not understood and is left out: ${line.slice(0, 200)}`);
    }
    rmSync(ours, { force: true });
  }
}

function fromJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
