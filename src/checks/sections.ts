/**
 * All reads of a check in one ssh command, and what came back sorted into readings. The sections are marked with a word that
 * nobody on the VM knew before, so that text in a log can't pass for a mark. Pure: it neither draws the word nor runs anything.
 */
import type { CheckRead } from "./check.ts";
import type { Reading } from "./finding.ts";

/** How long the far shell waits for a read that its own limit could not end, s. */
const BEYOND_S = 3;
/** The most that is kept of one read's output, characters: its head; the rest is counted. */
const KEEP = 64 * 1024;

/**
 * A process that waits for a dead disk can't be killed, and `timeout` waits for it. So each read runs in the background of a
 * pipe whose reader *can* be ended: it costs its limit and a little, and the next read goes on.
 */
export function commandFor(reads: readonly CheckRead[], mark: string): string {
  const script = [
    `n=${mark}; LC_ALL=C; export LC_ALL`,
    "r() { printf '\\n%s begin %s\\n' $n $1; { { timeout -k 1 $2 sh -c \"$4\" 2>&1 </dev/null; printf '\\n%s end %s %s\\n' $n $1 $?; } & } 2>/dev/null | timeout $3 cat; }",
    ...reads.map((read) => `r ${read.key} ${read.limit_s} ${read.limit_s + BEYOND_S} ${quoted(read.command)}`),
    "printf '\\n%s all\\n' $n",
  ].join("\n");
  // The login shell may be any; only quoting is asked of it.
  return `exec sh -c ${quoted(script)}`;
}

/** The longest that the whole command can take, ms; with it ssh's own time to connect. */
export function longest_ms(reads: readonly CheckRead[]): number {
  return reads.reduce((sum, read) => sum + (read.limit_s + BEYOND_S) * 1000, 15_000);
}

export class Sections {
  /** True when the last mark came: the link lasted to the end. */
  complete = false;
  /** True when anything of ours came back at all. */
  began = false;
  private readonly done = new Map<string, Reading>();
  private open: { read: CheckRead; lines: string[]; size: number; over: number } | null = null;

  constructor(
    private readonly reads: readonly CheckRead[],
    private readonly mark: string,
    private readonly told: (reading: Reading) => void = () => {},
  ) {}

  line(text: string): void {
    if (!text.startsWith(`${this.mark} `)) {
      this.keep(text);
      return;
    }
    this.began = true;
    const [, what, key, code] = text.split(" ");
    if (what === "all") {
      this.leave(HUNG);
      this.complete = true;
    } else if (what === "begin") {
      this.leave(HUNG);
      const read = this.reads.find((one) => one.key === key);
      if (read) this.open = { read, lines: [], size: 0, over: 0 };
    } else if (what === "end" && this.open !== null && this.open.read.key === key) {
      const exit = code === undefined || code === "" ? Number.NaN : Number(code);
      const { limit_s } = this.open.read;
      // timeout(1): 124 when it ended the command, 137 when it had to kill it.
      if (exit === 124 || exit === 137) this.leave(`it was ended after its limit of ${limit_s} s`);
      else this.close(Number.isInteger(exit) ? exit : null, Number.isInteger(exit) ? "" : "its exit code was lost");
    }
  }

  /** Every read of the check, those that never came with `why`. */
  readings(why: string): Reading[] {
    this.leave(why);
    return this.reads.map(
      (read) => this.done.get(read.key) ?? { key: read.key, command: read.command, output: "", exit_code: null, why },
    );
  }

  private keep(text: string): void {
    if (!this.open) return;
    const room = KEEP - this.open.size;
    if (room > 0) this.open.lines.push(text.slice(0, room));
    this.open.over += Math.max(0, text.length - Math.max(0, room));
    this.open.size += text.length + 1;
  }

  private leave(why: string): void {
    if (this.open) this.close(null, why);
  }

  private close(exit_code: number | null, why: string): void {
    if (!this.open) return;
    const { read, lines, over } = this.open;
    // The mark's own line break makes one empty line at the end.
    while (lines.at(-1) === "") lines.pop();
    const left = over > 0 ? `\n[${over} more characters were left out]` : "";
    const reading = { key: read.key, command: read.command, output: lines.join("\n") + left, exit_code, why };
    this.open = null;
    this.done.set(read.key, reading);
    this.told(reading);
  }
}

const HUNG = "it hung beyond its limit and could not be ended; it probably waits for a disk";

/** In single quotes for any POSIX shell, and for fish. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
