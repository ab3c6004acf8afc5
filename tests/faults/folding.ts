/**
 * What a client holds of a session after reading its stream: events as a browser's parser hands them on, whole or not at all, folded
 * as a page or a program folds them. Pure; it knows no connection.
 */
export interface SseEvent {
  readonly name: string | null;
  readonly data: string;
}

/** By the standard's rules; what is not ended by an empty line when the link is cut was never an event. */
export class SseParser {
  private rest = "";

  /** @param last is what was known before this connection. */
  constructor(public last: string) {}

  /** Bytes that came and are no event yet. */
  get begun(): number {
    return this.rest.length;
  }

  take(text: string): SseEvent[] {
    const parts = (this.rest + text).split("\n\n");
    this.rest = parts.pop()!;
    return parts.flatMap((part) => {
      let name: string | null = null;
      const data: string[] = [];
      for (const line of part.split("\n")) {
        const [, field, value = ""] = /^([^:]+)(?:: ?(.*))?$/s.exec(line) ?? [];
        if (field === "id") this.last = value;
        else if (field === "event") name = value;
        else if (field === "data") data.push(value);
      }
      return data.length > 0 ? [{ name, data: data.join("\n") }] : [];
    });
  }
}

export interface Fold {
  take(data: string): void;
  /** In the order of the transcript: what it is, and what it says. */
  readonly items: readonly (readonly [id: string, says: string])[];
  /** What a reader could only put down to a gap or a double. */
  readonly amiss: readonly { readonly kind: "lost" | "duplicated"; readonly what: string }[];
}

/** The page's: items are appended, and replaced whole under their ids. */
export class PageFold implements Fold {
  readonly amiss: { kind: "lost" | "duplicated"; what: string }[] = [];
  private readonly held = new Map<string, string>();

  get items() {
    return [...this.held];
  }

  take(data: string): void {
    const appended = data.replace(
      /<hx-partial hx-target="#([^"]+)"[^>]*>([\s\S]*?)<\/hx-partial>/g,
      (_, target: string, html: string) => {
        if (!/^[ace]-?/.test(target) || !itemsIn(html).some(([id]) => id === target)) return "";
        if (this.held.has(target)) this.held.set(target, timeless(html));
        else this.amiss.push({ kind: "lost", what: `${target} changed, and was never shown` });
        return "";
      },
    );
    for (const [id, html] of itemsIn(appended)) {
      if (this.held.has(id)) this.amiss.push({ kind: "duplicated", what: `${id} was appended twice` });
      this.held.set(id, timeless(html));
    }
  }
}

/** A program's: each entry once, ascending; an action is what its last one says, wherever that came. */
export class ProgramFold implements Fold {
  readonly amiss: { kind: "lost" | "duplicated"; what: string }[] = [];
  private readonly held = new Map<string, string>();
  private newest = 0;

  get items() {
    return actionsLast([...this.held], ([id]) => id);
  }

  take(data: string): void {
    const { id, ...entry } = JSON.parse(data) as { id: number; kind: string; action?: { id: string } };
    if (id <= this.newest)
      this.amiss.push({ kind: "duplicated", what: `${entry.kind} ${id} came after ${this.newest}` });
    this.newest = Math.max(this.newest, id);
    this.held.set(entry.action ? `a-${entry.action.id}` : `e${id}`, JSON.stringify(entry));
  }
}

/** A program may be spared the states between of an action, so the place of what it is told is no part of the promise. */
export function actionsLast<T>(items: readonly T[], id: (item: T) => string): T[] {
  const isAction = (item: T) => id(item).startsWith("a-");
  return [...items.filter((item) => !isAction(item)), ...items.filter(isAction)];
}

/** Our items begin with an id of their own; a list inside one has none. */
function itemsIn(html: string): [id: string, html: string][] {
  const starts = [...html.matchAll(/<li id="(e\d+|[acp]-[^"]+)"/g)];
  return starts.map((start, n) => [start[1]!, html.slice(start.index, starts[n + 1]?.index)]);
}

/** How long ago something was is different each time it is drawn. */
const timeless = (html: string): string => html.replace(/<time[^>]*>[^<]*<\/time>/g, "").trim();

/** How two transcripts differ, in a few sentences: what the first has and the second does not, and the other way round. */
export function difference(
  expected: Fold["items"],
  got: Fold["items"],
): { kind: "lost" | "duplicated" | "unresolved"; what: string }[] {
  const theirs = new Map(got);
  const ours = new Map(expected);
  const found = [
    ...expected.filter(([id]) => !theirs.has(id)).map(([id]) => ({ kind: "lost" as const, what: `${id} is missing` })),
    ...got
      .filter(([id]) => !ours.has(id))
      .map(([id]) => ({ kind: "duplicated" as const, what: `${id} is not in the log` })),
    ...expected
      .filter(([id, says]) => theirs.has(id) && theirs.get(id) !== says)
      .map(([id, says]) => ({ kind: "unresolved" as const, what: `${id} says ${theirs.get(id)}, and not ${says}` })),
  ];
  const order = (items: Fold["items"]) => items.map(([id]) => id).join();
  if (found.length === 0 && order(expected) !== order(got))
    found.push({ kind: "unresolved", what: "all is there, in another order" });
  return found;
}
