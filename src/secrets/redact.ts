/**
 * Replaces what must not be shown by `[redacted: kind]`: the values that the console itself holds, and what secrets usually look
 * like. Best effort, and said to be: whoever encrypts or splits a value gets it past. Pure; where the values come from is
 * `ours.ts`, where text comes in is `assemble.ts`.
 */
import { Known, type Secret, type Span } from "./known.ts";
import { HINTS, patternsIn } from "./patterns.ts";

export class Redaction {
  private known: Known;
  private readonly secrets: Set<Secret>;

  constructor(secrets: Iterable<Secret>) {
    this.secrets = new Set(secrets);
    this.known = new Known(this.secrets, HINTS);
  }

  /** A value that comes and goes, as the token of a turn does. Returns the way to forget it. */
  learn(secret: Secret): () => void {
    this.secrets.add(secret);
    this.known = new Known(this.secrets, HINTS);
    return () => {
      this.secrets.delete(secret);
      this.known = new Known(this.secrets, HINTS);
    };
  }

  /** The same text, or one without the secrets that were found. Twice is as once. */
  readonly text = (text: string): string => replaced(text, this.spans(text));

  /** Without the console's own values only: for what the agent is told, where an operator's notes may hold others. */
  readonly ours = (text: string): string => replaced(text, this.oursIn(text));

  /** Every string in a value, and the names in it; what holds nothing is given back as it is. */
  readonly deep = <T>(value: T): T => this.inside(value) as T;

  /**
   * What would be replaced in a command, and whether it is a value of the console's own; null when all of it would be shown.
   * Whoever approves a command must see all that it does, and what looks like a secret may be a program's name: `X_TOKEN=mkfs.ext4; $X_TOKEN`.
   */
  hiddenIn(command: string): { readonly kind: string; readonly ours: boolean } | null {
    const [own] = this.oursIn(command);
    if (own) return { kind: own.kind, ours: true };
    const [other] = this.spans(command);
    return other ? { kind: other.kind, ours: false } : null;
  }

  private inside(value: unknown): unknown {
    if (typeof value === "string") return value.length < 8 ? value : this.text(value);
    if (Array.isArray(value)) {
      const items = value.map((item) => this.inside(item));
      return items.every((item, i) => item === value[i]) ? value : items;
    }
    if (value === null || typeof value !== "object") return value;
    let changed = false;
    const pairs = Object.entries(value).map(([name, held]) => {
      const pair = [this.inside(name) as string, this.named(name, held)] as const;
      changed ||= pair[0] !== name || pair[1] !== held;
      return pair;
    });
    return changed ? Object.fromEntries(pairs) : value;
  }

  /** `{"password": "hunter2"}` says by its name what `hunter2` alone does not. */
  private named(name: string, held: unknown): unknown {
    if (typeof held !== "string" || !/passw|secret|token|api_?key|credential/i.test(name)) return this.inside(held);
    const before = `${name}="`;
    const clean = this.text(`${before}${held}"`);
    return clean === `${before}${held}"` ? this.inside(held) : clean.slice(before.length, -1);
  }

  private spans(text: string): Span[] {
    const hinted = new Set<number>();
    const ours = this.oursIn(text, hinted);
    return hinted.size === 0 ? ours : [...ours, ...patternsIn(text, hinted)];
  }

  private oursIn(text: string, hinted?: Set<number>): Span[] {
    const spans = this.known.find(text, hinted);
    if (!isWrapped(text)) return spans;
    // `base64` breaks its lines at 76 characters, a terminal at its width: a value may go on in the next one.
    const { joined, places } = unwrapped(text);
    for (const { from, to, kind } of this.known.find(joined))
      spans.push({ from: places(from), to: places(to - 1) + 1, kind });
    return spans;
  }
}

const RUN = /^[\w+/=-]{12}\r?\n[ \t]*[\w+/=-]/;

/** Whether a line ends in a long word and the next one begins with one. By hand: as one search it costs three times the rest. */
function isWrapped(text: string): boolean {
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) {
    const before = text.charCodeAt(at - 1) === 13 ? at - 13 : at - 12;
    if (before >= 0 && text.charCodeAt(at - 6) > 42 && RUN.test(text.slice(before, at + 24))) return true;
  }
  return false;
}

const BREAKS = /(?<=[\w+/=-])\r?\n[ \t]*(?=[\w+/=-])/g;

function unwrapped(text: string) {
  const starts: number[] = [0];
  const at: number[] = [0];
  const parts: string[] = [];
  let last = 0;
  let length = 0;
  for (const match of text.matchAll(BREAKS)) {
    parts.push(text.slice(last, match.index));
    length += match.index - last;
    last = match.index + match[0].length;
    starts.push(length);
    at.push(last);
  }
  parts.push(text.slice(last));
  const places = (place: number): number => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= place) low = middle;
      else high = middle - 1;
    }
    return at[low]! + place - starts[low]!;
  };
  return { joined: parts.join(""), places };
}

function replaced(text: string, spans: Span[]): string {
  if (spans.length === 0) return text;
  spans.sort((a, b) => a.from - b.from || b.to - a.to);
  let out = "";
  let at = 0;
  for (let i = 0; i < spans.length; i++) {
    const { from, kind } = spans[i]!;
    let { to } = spans[i]!;
    // Those that overlap are one, under the name of the first.
    while (i + 1 < spans.length && spans[i + 1]!.from < to) to = Math.max(to, spans[++i]!.to);
    out += `${text.slice(at, from)}[redacted: ${kind}]`;
    at = to;
  }
  return out + text.slice(at);
}
