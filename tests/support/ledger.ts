/**
 * A ledger of what is started on one side of a test, kept in two ways: every program that is found by name on PATH is a
 * stand-in that writes a line and goes on as the real one; and everything below a process is looked for in /proc, so that what
 * is started by its full path is seen, too. It knows nothing of the console. What lives for less than a look and is not found
 * by name escapes it.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

export interface Started {
  /** The name of its executable. */
  readonly program: string;
  readonly argv: string;
}

export interface Ledger {
  /** A PATH with nothing but the stand-ins. */
  readonly path: string;
  /** What was started by name, oldest first. */
  named(): Started[];
  /** What was seen below the watched processes. */
  seen(): Started[];
  /** Looks for whatever descends from it, or carries `mark` in its environment, from now on. */
  watch(pid: number, mark?: string): void;
  stop(): void;
}

const LOOK_EVERY_MS = 3;

/** `real` are the folders whose programs get stand-ins. */
export function openLedger(dir: string, real: readonly string[]): Ledger {
  const bin = join(dir, "bin");
  const file = join(dir, "named");
  mkdirSync(bin, { recursive: true });
  writeFileSync(file, "");
  const standIn = join(dir, "stand-in");
  writeFileSync(
    standIn,
    [
      "#!/bin/sh",
      "name=${0##*/}",
      `printf '%s\\t%s\\n' "$name" "$(printf %s "$*" | /usr/bin/tr '\\n\\t' '  ')" >>'${file}'`,
      `real=$(PATH='${real.join(":")}' command -v -- "$name")`,
      'exec "$real" "$@"',
      "",
    ].join("\n"),
  );
  chmodSync(standIn, 0o755);
  for (const folder of real)
    for (const name of namesIn(folder)) {
      try {
        symlinkSync(standIn, join(bin, name));
      } catch {
        // An earlier folder has it.
      }
    }

  const roots = new Set<number>();
  const marks: string[] = [];
  const looked = new Set<string>();
  const family = new Set<number>();
  const started = new Map<string, Started>();
  const look = () => {
    for (const name of readdirSync("/proc")) {
      const pid = Number(name);
      if (!(pid > 0) || roots.has(pid)) continue;
      const state = read(`/proc/${pid}/stat`);
      const [, ppid, since] = /^\d+ \(.*\) \S (\d+)(?: \S+){17} (\d+)/s.exec(state) ?? [];
      if (ppid === undefined) continue;
      const born = `${pid} ${since}`;
      // What it is may change once or twice by exec; whose it is, does not.
      if (!looked.has(born)) {
        looked.add(born);
        const environ = marks.length > 0 ? read(`/proc/${pid}/environ`) : "";
        if (roots.has(Number(ppid)) || family.has(Number(ppid)) || marks.some((mark) => environ.includes(mark)))
          family.add(pid);
        else family.delete(pid);
      }
      if (!family.has(pid)) continue;
      const was = programOf(pid);
      const argv = read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
      if (argv === "") continue;
      const now = programOf(pid);
      // Another by exec between the two: the next look has both of one kind.
      if (was !== "" && now !== "" && was !== now) continue;
      // Ended meanwhile: then by what it was, or by the name that it was called by.
      const program = now || was || basename(argv.split(" ")[0]!);
      started.set(`${born} ${program} ${argv}`, { program, argv });
    }
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return {
    path: bin,
    named: () =>
      readFileSync(file, "utf8")
        .split("\n")
        .filter(Boolean)
        .map((line) => ({ program: line.split("\t")[0]!, argv: line.slice(line.indexOf("\t") + 1) })),
    seen: () => [...started.values()],
    watch: (pid, mark) => {
      roots.add(pid);
      if (mark) marks.push(mark);
    },
    stop: () => clearInterval(timer),
  };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function programOf(pid: number): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return "";
  }
}
