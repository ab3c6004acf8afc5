/**
 * The files that a mutating run's ssh writes to, so that its output outlives us: a pipe of ours that broke would end a legacy run.
 * Read as they grow, again after a restart, and pruned. It knows no verb and no host.
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, join } from "node:path";
import { type Line, startToFiles } from "../child.ts";
import { ALWAYS_ANSWERS, type Disk } from "../log/disk.ts";
import type { Ending } from "../outcome.ts";
import type { Target } from "../target/target.ts";
import { folderWithRoom, runFolders } from "./run-folder.ts";

/** How often the files of a run are read, ms. */
const LOOK_EVERY_MS = 120;
/** The most that one look takes from a file, bytes. */
const LOOK_BYTES = 256 * 1024;
/** Runs whose files are kept; what was shown of a run is in the log as well. */
const KEEP_RUNS = 200;

export interface RunFilesTools {
  readonly runs_dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly isOver?: (target_id: string, id: string) => boolean;
  readonly clean?: (text: string) => string;
  /** The disk of `runs_dir`. */
  readonly disk?: Disk;
}

export function runFiles({ runs_dir, env, isOver = () => true, clean, disk = ALWAYS_ANSWERS }: RunFilesTools) {
  const folders = runFolders(runs_dir);
  const base = (dir: string, target: Target, id: string, attempt: number) => join(dir, `${target.id}.${id}.${attempt}`);
  return {
    async run(target: Target, id: string, attempt: number, argv: string[]) {
      const trouble = await disk.asked();
      if (trouble === null) pruneRuns(runs_dir, KEEP_RUNS, isOver);
      return runToFiles(base(folderWithRoom(folders, trouble), target, id, attempt), argv, env, disk, clean);
    },
    leftBehind(target: Target, id: string): string {
      const path = [1, 0].flatMap((n) => folders.map((dir) => `${base(dir, target, id, n)}.out`)).find(existsSync);
      return path ? readFileSync(path, "utf8") : "";
    },
  };
}

/** Keeps the files of the newest runs, and of each run that is not over. Trouble with it is no reason not to run. */
export function pruneRuns(dir: string, keep: number, isOver: (target_id: string, id: string) => boolean): void {
  try {
    const runs = new Map<string, { paths: string[]; at: number }>();
    for (const path of filesIn(dir)) {
      const [target = "", id = ""] = basename(path).split(".");
      const run = runs.get(`${target}.${id}`) ?? { paths: [], at: 0 };
      runs.set(`${target}.${id}`, { paths: [...run.paths, path], at: Math.max(run.at, statSync(path).mtimeMs) });
    }
    const oldest = [...runs].sort(([, a], [, b]) => b.at - a.at).slice(keep);
    for (const [key, { paths }] of oldest) {
      const [target = "", id = ""] = key.split(".");
      if (isOver(target, id)) for (const path of paths) rmSync(path, { force: true });
    }
  } catch (error) {
    console.error("files of old runs:", error);
  }
}

/** Removes the files of runs that are over and were last written before that time. Trouble with it is no reason to stop. */
export function pruneRunsBefore(dir: string, before: number, isOver: (target_id: string, id: string) => boolean): void {
  try {
    for (const path of filesIn(dir)) {
      const [target = "", id = ""] = basename(path).split(".");
      if (statSync(path).mtimeMs < before && isOver(target, id)) rmSync(path, { force: true });
    }
  } catch (error) {
    console.error("files of old runs:", error);
  }
}

/** Also those that went elsewhere while the folder took none. */
function filesIn(dir: string): string[] {
  return runFolders(dir)
    .filter((folder) => statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
}

/** One ssh whose output goes to files of ours; `tail` reads them as they grow. */
function runToFiles(
  base: string,
  argv: string[],
  env: Readonly<Record<string, string>>,
  disk: Disk,
  clean?: (text: string) => string,
) {
  const paths = { stdout: `${base}.out`, stderr: `${base}.err` } as const;
  const child = startToFiles({ argv, env, ...paths });
  let left = false;
  let gone = false;
  void child.ended.then(() => {
    gone = true;
  });
  return {
    letGo: () => {
      left = true;
      // Once it is gone its number may be somebody else's.
      if (!gone) child.signal("SIGKILL");
    },
    leave: () => {
      left = true;
    },
    async tail(first: (line: Line) => void, later: (line: Line) => void, held: Line[]): Promise<Ending> {
      let over: Ending | null = null;
      void child.ended.then((ending) => {
        over = ending;
      });
      const readers = (["stdout", "stderr"] as const).map((from) => fileLines(paths[from], from));
      let tell = first;
      const started = performance.now();
      for (;;) {
        const last = over !== null || left;
        for (const reader of readers) for (const line of await reader.more(last)) tell(line);
        // A refusal comes at once: what is still going after 3 s is a run, and is shown as it comes.
        if (tell === first && tell !== later && performance.now() - started > 3000) {
          for (const line of held.splice(0)) later(line);
          tell = later;
        }
        if (last) {
          // While it runs ssh itself writes there, and nothing of ours may stand between.
          if (over !== null && clean) await cleanFiles(Object.values(paths), clean, disk);
          return over ?? { is: "stopped" };
        }
        await Bun.sleep(LOOK_EVERY_MS);
      }
    },
  };
}

/** At once, so that whoever is told of the end finds them clean; of a disk that does not answer, later. */
async function cleanFiles(paths: readonly string[], clean: (text: string) => string, disk: Disk): Promise<void> {
  const all = () => {
    for (const path of paths) cleanFile(path, clean);
  };
  if ((await disk.asked()) === null) all();
  else disk.later(all);
}

/** The same text without secrets, in its place at once. Trouble with it must not end a run. */
function cleanFile(path: string, clean: (text: string) => string): void {
  try {
    const text = readFileSync(path, "utf8");
    const cleaned = clean(text);
    if (cleaned === text) return;
    writeFileSync(`${path}.clean`, cleaned, { mode: 0o600 });
    renameSync(`${path}.clean`, path);
  } catch (error) {
    console.error("a run's file could not be cleaned:", error);
  }
}

function fileLines(path: string, from: Line["from"]) {
  let at = 0;
  let rest = "";
  const decoder = new TextDecoder();
  return {
    async more(last: boolean): Promise<Line[]> {
      if (!existsSync(path)) return [];
      const size = statSync(path).size;
      const lines: Line[] = [];
      if (size > at) {
        const file = await open(path, "r");
        try {
          while (at < size) {
            const chunk = Buffer.alloc(Math.min(LOOK_BYTES, size - at));
            const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
            if (bytesRead === 0) break;
            at += bytesRead;
            const pieces = (rest + decoder.decode(chunk.subarray(0, bytesRead), { stream: true })).split("\n");
            rest = pieces.pop() ?? "";
            for (const text of pieces) lines.push({ from, text });
          }
        } finally {
          await file.close();
        }
      }
      if (last && rest !== "") {
        lines.push({ from, text: rest });
        rest = "";
      }
      return lines;
    },
  };
}
