/**
 * Redaction of a text that comes in pieces: what could still become part of a secret is held back until it is clear, in a bounded
 * amount. It knows no pipe and no process; lines of `child.ts` go through `linesThrough`.
 */
import type { Line } from "../child.ts";
import { KEY_BEGINS, KEY_MOST } from "./patterns.ts";

/** The most that waits for its end, characters; of a longer run the last part goes on waiting. */
const MOST = 64 * 1024;
const OVERLAP = 8 * 1024;
/** A line of one word that may go on in the next. */
const ONE_WORD = /^[ \t]*[\w+/=-]{12,}\r?$/;

export class AsItComes {
  /** Whole lines that wait. In parts: a flood of them must not be copied for each one. */
  private waiting: string[] = [];
  private size = 0;
  private inKey = false;
  /** A line whose end has not come. */
  private rest = "";

  constructor(private readonly clean: (text: string) => string) {}

  /** What may be shown by now. */
  push(piece: string): string {
    const end = piece.lastIndexOf("\n") + 1;
    if (end === 0) {
      this.rest += piece;
      return this.rest.length > MOST ? this.takeRest() : "";
    }
    const fresh = this.rest + piece.slice(0, end);
    this.rest = piece.slice(end);
    this.waiting.push(fresh);
    this.size += fresh.length;
    if (this.inKey ? !fresh.includes("-----END ") && this.size <= KEY_MOST : goesOn(fresh) && this.size <= MOST)
      return "";
    const text = this.waiting.join("");
    const key = openKey(text);
    this.inKey = key !== null && text.length - key <= KEY_MOST;
    const cut = this.inKey ? text.lastIndexOf("\n", key!) + 1 : Math.min(wordsFrom(text), text.length);
    return this.keep(text, text.length - cut > MOST ? null : cut);
  }

  /** The rest. */
  end(): string {
    const text = this.waiting.join("") + this.rest;
    this.rest = "";
    this.keep("", 0);
    this.inKey = false;
    return this.clean(text);
  }

  /** Gives what is before the cut; null: as much as can be given without cutting through something that is found. */
  private keep(text: string, cut: number | null): string {
    if (cut === null) {
      const whole = this.clean(text);
      const line = text.lastIndexOf("\n", text.length - OVERLAP) + 1;
      cut = line > OVERLAP ? line : text.length - OVERLAP;
      if (whole !== text)
        while (cut > OVERLAP && this.clean(text.slice(0, cut)) + this.clean(text.slice(cut)) !== whole) cut -= 1024;
    }
    const left = text.slice(cut);
    this.waiting = left === "" ? [] : [left];
    this.size = left.length;
    return cut === 0 ? "" : this.clean(text.slice(0, cut));
  }

  private takeRest(): string {
    const text = this.waiting.join("") + this.rest;
    this.rest = "";
    const out = this.keep(text, null);
    this.rest = this.waiting.join("");
    this.keep("", 0);
    return out;
  }
}

/** Whether all these lines are words that may go on in the next. */
const goesOn = (lines: string): boolean => wordsFrom(lines) === 0;

/** Where, at the end of whole lines, those begin that are one word each and may go on in the next. */
function wordsFrom(lines: string): number {
  let cut = lines.length;
  while (cut > 0) {
    const start = lines.lastIndexOf("\n", cut - 2) + 1;
    if (!ONE_WORD.test(lines.slice(start, cut - 1))) break;
    cut = start;
  }
  return cut;
}

/** Where a private key began whose end has not come. */
function openKey(text: string): number | null {
  if (!text.includes("PRIVATE KEY")) return null;
  const last = [...text.matchAll(KEY_BEGINS)].at(-1);
  return last && !text.slice(last.index).includes("-----END ") ? last.index : null;
}

/** Lines on their way to whoever hears them. `end` gives what was held back; call it when no more lines come. */
export function linesThrough(clean: (text: string) => string, heard: (line: Line) => void) {
  const pipes = { stdout: new AsItComes(clean), stderr: new AsItComes(clean) };
  const tell = (from: Line["from"], text: string) => {
    if (text === "") return;
    for (const line of (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n")) heard({ from, text: line });
  };
  return {
    heard: ({ from, text }: Line) => tell(from, pipes[from].push(`${text}\n`)),
    end: () => {
      for (const from of ["stdout", "stderr"] as const) tell(from, pipes[from].end());
    },
  };
}

/**
 * Words that are shown before they are whole: all of them so far, without the last one, which may be the beginning of a secret,
 * and without a private key that is still coming.
 */
export function soFar(clean: (text: string) => string, words: string): string {
  const key = openKey(words);
  const until = key ?? words.length;
  let cut = until;
  while (cut > 0 && until - cut < OVERLAP && !/\s/.test(words[cut - 1]!)) cut--;
  // A run of single words in lines of their own may be one value.
  for (;;) {
    const start = words.lastIndexOf("\n", cut - 2) + 1;
    if (cut === 0 || !ONE_WORD.test(words.slice(start, cut).trimEnd())) break;
    cut = start;
  }
  return clean(words.slice(0, cut));
}
