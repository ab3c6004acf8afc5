/** What a session's entries fold into, and what can be read off them. Pure. */
import type { Approval } from "../agent/approval-event.ts";
import type { CheckEntry } from "../checks/event.ts";
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

export type Asked = Pick<Approval, "tool_id" | "state">;

/**
 * What the next prompt must begin with when a turn was cut: which calls had no answer, so that the model can't be wrong
 * about them. Null when the turn ended by itself. `turn` is all entries about that turn, oldest first; `asked` is what it
 * asked the operator.
 */
export function aftermathOf(turn: readonly Entry[], asked: readonly Asked[] = []): string | null {
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
  const never = new Set(asked.filter((one) => one.state !== "allowed").map((one) => one.tool_id));
  const waited = [...open].filter(([id]) => never.has(id));
  const began = [...open].filter(([id]) => !never.has(id));
  const named = (calls: readonly (readonly [string, string])[]) => calls.map(([, words]) => words).join("; ");
  const calls = [
    open.size === 0 && "No call was under way.",
    began.length > 0 && `Under way was: ${named(began)}. Its outcome is unknown: look before you repeat it.`,
    waited.length > 0 && `Waiting for the operator's word was: ${named(waited)}. Nothing of it ran.`,
  ];
  return [how, ...calls.filter(Boolean)].join(" ");
}

/** Characters of a transcript that an agent is told when it does not remember it. */
const RECALL_LIMIT = 12_000;

/** The transcript in brief, oldest first: the first prompt, and as much of the end as fits. "" when nobody was asked anything. */
export function recallOf(entries: readonly Entry[], limit = RECALL_LIMIT): string {
  const lines = entries.map((e) => inBrief(e as SessionEntry | CheckEntry));
  const first = entries.findIndex((e) => e.kind === "prompted");
  if (first < 0) return "";
  const kept: string[] = [];
  let room = limit - lines[first]!.length;
  let from = lines.length;
  while (from > first + 1 && room >= lines[from - 1]!.length) {
    from--;
    room -= lines[from]!.length + 1;
    if (lines[from] !== "") kept.unshift(lines[from]!);
  }
  const left_out = lines.slice(first + 1, from).filter((line) => line !== "").length;
  return [lines[first]!, ...(left_out > 0 ? [`[${left_out} entries are left out here]`] : []), ...kept].join("\n");
}

function inBrief(e: SessionEntry | CheckEntry): string {
  switch (e.kind) {
    case "prompted":
      return `Operator ${e.body.by}: ${cut(e.body.text, 1000)}`;
    case "said":
      return `You: ${cut(e.body.text, 1500)}`;
    case "called":
      return `You called ${e.body.name} ${cut(JSON.stringify(e.body.input) ?? "", 300)}`;
    case "returned":
      return `It answered${e.body.is_error ? " with an error" : ""}: ${cut(e.body.output, 600)}`;
    case "failed":
      return `The turn broke off: ${e.body.error}`;
    case "cancelled":
      return `${e.body.by} stopped the turn: ${e.body.ended}`;
    case "check_ended":
      return `Check ${e.body.name}: ${cut(e.body.findings.map((f) => `${f.level}: ${f.says}`).join(" "), 600)}`;
    default:
      return "";
  }
}

/** The end of a thing mostly says more than its beginning: a third head, two thirds tail. */
function cut(text: string, most: number): string {
  const line = text.trim();
  if (line.length <= most) return line;
  const head = Math.floor(most / 3);
  return `${line.slice(0, head)} […] ${line.slice(head - most)}`;
}
