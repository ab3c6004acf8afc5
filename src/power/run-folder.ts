/**
 * Where the files of runs go: into the data directory, and where that takes no file (its disk is full, or hangs), into memory or
 * the machine's own temporary folder: a sick disk must not stop a verb. It knows neither runs nor what is in their files.
 */
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** A disk may still make a file and then have no room for its first line. */
const ROOM_BYTES = 64 * 1024;
const ELSEWHERE: readonly string[] = ["/dev/shm", tmpdir()];

/** The usual folder first. The names are the same after a restart: what a run left there is found again. */
export function runFolders(runs_dir: string, elsewhere = ELSEWHERE): readonly [string, ...string[]] {
  const name = `breakglass-runs-${createHash("sha256").update(resolve(runs_dir)).digest("hex").slice(0, 16)}`;
  return [runs_dir, ...elsewhere.map((dir) => join(dir, name))];
}

/**
 * The first of them that takes a file; the usual one where none does, and then the run says that it did not start.
 * @param known what is wrong with the disk of the usual one, if that is known: then it is not touched.
 */
export function folderWithRoom(
  [usual, ...others]: readonly [string, ...string[]],
  known: string | null = null,
): string {
  const trouble = (dir: string) => troubleWith(dir, dir !== usual);
  const why = known ?? trouble(usual);
  if (why === null) return usual;
  const other = others.find((dir) => trouble(dir) === null);
  console.error(
    `breakglass: no file of a run can be made in ${usual} (${why}); ${other ? `the output of this run goes to ${other}, and not beyond a restart of the machine` : `nor in ${others.join(" or ")}`}`,
  );
  return other ?? usual;
}

function troubleWith(dir: string, shared: boolean): string | null {
  const probe = join(dir, "room");
  try {
    mkdirSync(dir, { recursive: !shared, mode: 0o700 });
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST") return wordsOf(error);
  }
  try {
    // Everybody may write beside it: somebody else's folder, or a link to one, is not for what a hypervisor prints.
    const found = lstatSync(dir);
    if (shared && (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o077) !== 0))
      return "it is not ours alone";
    writeFileSync(probe, new Uint8Array(ROOM_BYTES), { mode: 0o600 });
    return null;
  } catch (error) {
    return wordsOf(error);
  } finally {
    try {
      rmSync(probe, { force: true });
    } catch {
      // a file where the folder should be
    }
  }
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
