/**
 * What a command prints, as far as it is kept: head and tail of each pipe for the answer, the last lines for the page, and
 * all of it up to a limit for the file. Whatever is printed, this holds a bounded amount. It touches no file.
 */
import type { Line } from "../child.ts";
import { ANSWER_LIMIT } from "./data.ts";

/** The most that is kept whole of one command, bytes. */
export const WHOLE_LIMIT = 4 * 1024 * 1024;
/** The last lines that a page sees while it runs, characters. */
const RECENT = 2000;
/** Room in the answer for how it ended and for our own remarks. */
const SPARE = 1200;

export class Output {
  private readonly pipes = { stdout: new HeadTail(), stderr: new HeadTail() };
  private readonly whole: string[] = [];
  private whole_bytes = 0;
  private recent_lines: string[] = [];
  /** Bytes printed in all, as text. */
  bytes = 0;

  add({ from, text }: Line): void {
    const line = `${text}\n`;
    const size = Buffer.byteLength(line);
    this.bytes += size;
    this.pipes[from].add(line);
    if (this.whole_bytes < WHOLE_LIMIT) {
      const room = WHOLE_LIMIT - this.whole_bytes;
      this.whole.push(size <= room ? line : Buffer.from(line).subarray(0, room).toString("utf8"));
      this.whole_bytes += Math.min(size, room);
    }
    this.recent_lines.push(text.length > RECENT ? text.slice(-RECENT) : text);
    if (this.recent_lines.length > 400) this.recent_lines = this.recent_lines.slice(-200);
  }

  /** The last lines, bounded. */
  recent(): string {
    const text = this.recent_lines.slice(-40).join("\n");
    return text.length > RECENT ? text.slice(-RECENT) : text;
  }

  /** For the agent and the transcript; `cut` when something is left out of it. */
  shown(): { text: string; cut: boolean } {
    const { stdout, stderr } = this.pipes;
    const room = ANSWER_LIMIT - SPARE;
    // What went wrong is mostly on stderr, and mostly short: it gets what it needs, up to a third.
    const err = stderr.within(Math.max(Math.floor(room / 3), room - stdout.size));
    const out = stdout.within(room - err.text.length);
    return {
      text: [out.text, err.text && `stderr:\n${err.text}`].filter(Boolean).join("\n"),
      cut: out.cut || err.cut,
    };
  }

  /** All of it, up to the limit. */
  all(): string {
    const over = this.bytes - this.whole_bytes;
    return this.whole.join("") + (over > 0 ? `\n[${over} more bytes were printed and not kept]\n` : "");
  }
}

class HeadTail {
  size = 0;
  private head = "";
  private tail: string[] = [];
  private tail_size = 0;

  add(line: string): void {
    this.size += line.length;
    const room = Math.max(0, ANSWER_LIMIT - this.head.length);
    if (room > 0) this.head += line.slice(0, room);
    // The tail holds all that is behind the head, or its last part.
    const rest = line.slice(room);
    if (rest === "") return;
    this.tail.push(rest.length > ANSWER_LIMIT ? rest.slice(-ANSWER_LIMIT) : rest);
    this.tail_size += Math.min(rest.length, ANSWER_LIMIT);
    while (this.tail_size - this.tail[0]!.length >= ANSWER_LIMIT) this.tail_size -= this.tail.shift()!.length;
  }

  /** Head and tail in at most so many characters: a third and two thirds. */
  within(limit: number): { text: string; cut: boolean } {
    const all = this.head + this.tail.join("");
    if (this.size <= limit) return { text: all, cut: false };
    const room = Math.max(0, limit - 150);
    const head = this.head.slice(0, Math.floor(room / 3)).toWellFormed();
    const tail = all.slice(all.length - (room - head.length)).toWellFormed();
    const left_out = this.size - head.length - tail.length;
    return {
      text: `${head}\n[${left_out} of ${this.size} characters were left out here; narrow the command to see them]\n${tail}`,
      cut: true,
    };
  }
}
