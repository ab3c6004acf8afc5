/** What a session's entries fold into, and what can be read off them. Pure. */
import type { Entry } from "../log/log.ts";
import type { SessionEntry } from "./event.ts";

/** A title from a first prompt: its first line, cut at a word, 60 characters at most. */
export function titleFrom(prompt: string): string {
  const line = prompt
    .trim()
    .split(/[\r\n]/, 1)[0]!
    .replace(/\s+/g, " ");
  if (line.length <= 60) return line;
  const cut = line.slice(0, 60);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(" "), 30))}…`;
}

/**
 * What the next prompt must begin with when a turn was cut: which calls had no answer, so that the model can't be wrong
 * about them. Null when the turn ended by itself. `turn` is all entries about that turn, oldest first.
 */
export function aftermathOf(turn: readonly Entry[]): string | null {
  const entries = turn as readonly SessionEntry[];
  const cancelled = entries.find((e) => e.kind === "cancelled");
  const concluded = entries.some((e) => e.kind === "concluded" && !e.body.is_error);
  if (!cancelled && concluded) return null;
  const failed = entries.findLast((e) => e.kind === "failed");
  const open = new Map<string, string>();
  for (const e of entries) {
    if (e.kind === "called") open.set(e.body.tool_id, `${e.body.name} ${JSON.stringify(e.body.input)}`);
    if (e.kind === "returned") open.delete(e.body.tool_id);
  }
  if (!cancelled && !failed && open.size === 0) return null;
  const how = cancelled
    ? `The operator stopped the last turn (${cancelled.body.ended}).`
    : `The last turn broke off: ${failed?.body.error ?? "it has no result."}`;
  const calls =
    open.size === 0
      ? "No call was under way."
      : `Under way was: ${[...open.values()].join("; ")}. Its outcome is unknown: look before you repeat it.`;
  return `${how} ${calls}`;
}
