/**
 * Values that must not be shown, known to the letter, and found in the forms in which they get about: plain, base64 at any of its
 * three alignments, URL, hexadecimal, as a JSON string. One pass over the text, however many forms there are. Pure.
 */

/** A stretch of a text that is to be replaced, and what it is called. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly kind: string;
}

export interface Secret {
  readonly kind: string;
  readonly value: string;
}

interface Form {
  readonly text: string;
  /** What it is called; null for a hint. */
  readonly kind: string | null;
  /** A hint's number, -1 otherwise. */
  readonly hint: number;
}

/** A shorter one would be found in ordinary words. */
export const SHORTEST = 8;
/** Forms are looked up by their first three characters. */
const HEAD = 3;

export class Known {
  private readonly heads = new Uint8Array(65_536);
  private readonly byHead = new Map<number, Form[]>();

  /** @param hints words in small letters whose coming is told, in whatever case: by the way, since one pass costs what one pass costs. */
  constructor(secrets: Iterable<Secret>, hints: readonly (readonly string[])[] = []) {
    for (const { kind, value } of secrets)
      if (value.length >= SHORTEST) for (const text of formsOf(value)) this.enter({ text, kind, hint: -1 });
    hints.forEach((words, hint) => {
      for (const text of words) this.enter({ text, kind: null, hint });
    });
  }

  /** `hinted` gets the numbers of the hints that the text has. */
  find(text: string, hinted?: Set<number>): Span[] {
    const spans: Span[] = [];
    const { heads, byHead } = this;
    let key = 0;
    for (let i = 0; i < text.length; i++) {
      key = ((key << 8) | ((text.charCodeAt(i) | 32) & 255)) & 0xffffff;
      if (heads[bucket(key)] === 0) continue;
      const from = i - HEAD + 1;
      for (const { text: form, kind, hint } of byHead.get(key) ?? []) {
        if (kind === null) {
          if (hinted && !hinted.has(hint) && text.slice(from, from + form.length).toLowerCase() === form)
            hinted.add(hint);
        } else if (text.startsWith(form, from)) {
          spans.push({ from, to: from + form.length, kind });
          i = from + form.length - 1;
          break;
        }
      }
    }
    return spans;
  }

  private enter(form: Form): void {
    let key = 0;
    for (let i = 0; i < HEAD; i++) key = (key << 8) | ((form.text.charCodeAt(i) | 32) & 255);
    this.heads[bucket(key)] = 1;
    const forms = [...(this.byHead.get(key) ?? []), form];
    // The longest first: a value may begin with another one. Hints before all.
    const weight = (f: Form) => (f.kind === null ? Number.POSITIVE_INFINITY : f.text.length);
    this.byHead.set(
      key,
      forms.sort((a, b) => (weight(a) === weight(b) ? 0 : weight(b) - weight(a))),
    );
  }
}

const bucket = (key: number): number => Math.imul(key, 0x9e3779b1) >>> 16;

/** Each is at least SHORTEST characters long, since each is as long as the value or longer, but for base64's cut ends. */
export function formsOf(value: string): Set<string> {
  const bytes = Buffer.from(value, "utf8");
  const hex = bytes.toString("hex");
  const url = encodeURIComponent(value);
  const forms = new Set([value, url, url.replace(/%../g, (x) => x.toLowerCase()), hex, hex.toUpperCase()]);
  forms.add(JSON.stringify(value).slice(1, -1));
  for (const before of [0, 1, 2]) {
    // What stands before and after shares a character with the value's ends: those are left out.
    const whole = Buffer.concat([Buffer.alloc(before), bytes]);
    const inner = whole
      .toString("base64")
      .replace(/=+$/, "")
      .slice([0, 2, 3][before], whole.length % 3 === 0 ? undefined : -1);
    forms.add(inner);
    forms.add(inner.replaceAll("+", "-").replaceAll("/", "_"));
  }
  return new Set([...forms].filter((form) => form.length >= SHORTEST));
}
