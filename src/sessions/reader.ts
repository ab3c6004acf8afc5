/**
 * Entries as a program reads them from the stream (`?format=json`): the first system's kinds and fields, pinned in
 * PRODUCT.md. Pure but for the memory of the actions and approvals it has folded so far.
 */
import { type Approval, foldApproval, isApproval } from "../agent/approval-event.ts";
import type { CheckEntry } from "../checks/event.ts";
import type { Entry } from "../log/log.ts";
import { type Action, foldAction } from "../power/action.ts";
import { isPower } from "../power/event.ts";
import type { TargetEntry } from "../target/event.ts";
import type { SessionEntry } from "./event.ts";

/** `earlier` gives the entries about the same subject that came before, for one whose beginning was not seen here. */
export function readerOf(earlier: (entry: Entry) => readonly Entry[]) {
  const actions = new Map<string, Action | null>();
  const approvals = new Map<string, Approval | null>();
  return (entry: Entry): Record<string, unknown> | null => {
    if (isPower(entry)) {
      const id = `${entry.stream} ${entry.about}`;
      const before = actions.has(id)
        ? actions.get(id)!
        : entry.kind === "requested"
          ? null
          : earlier(entry)
              .filter(isPower)
              .reduce(foldAction, null as Action | null);
      const now = foldAction(before, entry);
      actions.set(id, now);
      return now && { kind: "action", action: streamed(now), id: entry.seq };
    }
    if (isApproval(entry)) {
      const id = entry.about ?? "";
      const before =
        approvals.get(id) ??
        earlier(entry)
          .filter(isApproval)
          .reduce(foldApproval, null as Approval | null);
      const now = foldApproval(before, entry);
      approvals.set(id, now);
      return now && now !== before ? { ...approvalRead(now), id: entry.seq } : null;
    }
    const read = plain(entry as SessionEntry | CheckEntry | TargetEntry);
    return read && { ...read, id: entry.seq };
  };
}

/** What of each of an action's outputs goes over the stream, characters: it goes again with every change. */
const STREAMED = 16 * 1024;

const streamed = (action: Action): Action => ({
  ...action,
  stdout: endOf(action.stdout, action.id),
  stderr: endOf(action.stderr, action.id),
});

function endOf(text: string, id: string): string {
  if (text.length <= STREAMED) return text;
  const cut = text.indexOf("\n", text.length - STREAMED) + 1 || text.length - STREAMED;
  return `[${cut} characters before this are left out here; GET /api/pve/actions/${id} has them]\n${text.slice(cut)}`;
}

/** As programs have it, from the stream and as the answer to an answer. A question can't be allowed: it is another kind. */
export function approvalRead({ approval_id, session, tool, input, state, by, text }: Approval) {
  if (tool === "ask") {
    const { question, choices = [] } = input;
    return { kind: "question" as const, approval_id, question, choices, state, by, text, session };
  }
  return { kind: "approval" as const, approval_id, tool, input, state, by, session };
}

function plain(e: SessionEntry | CheckEntry | TargetEntry): Record<string, unknown> | null {
  switch (e.kind) {
    case "prompted":
      return { kind: "user", text: e.body.text, by: e.body.by };
    case "agent_started":
      return { kind: "session", session_id: e.body.session_id };
    case "said":
      return { kind: "text", text: e.body.text };
    case "called":
      return { kind: "tool", name: e.body.name, input: e.body.input, tool_id: e.body.tool_id };
    case "returned":
      return {
        kind: "tool_result",
        name: e.body.name,
        tool_id: e.body.tool_id,
        output: e.body.output,
        is_error: e.body.is_error,
      };
    case "concluded":
      return { kind: "result", is_error: e.body.is_error, result: e.body.result, duration_ms: e.body.duration_ms };
    case "failed":
      return { kind: "error", error: e.body.error };
    case "cancelled":
      return { kind: "cancelled" };
    case "turn_ended":
      return { kind: "turn_end" };
    case "check_started":
      return { kind: "check", name: e.body.name, state: "running", findings: [] };
    case "check_ended":
      return { kind: "check", name: e.body.name, state: "ended", findings: e.body.findings };
    case "opened":
    case "titled":
    case "remarked":
    case "observed":
    case "contacted":
    case "key_changed":
    case "key_accepted":
      return null;
    default:
      return e satisfies never;
  }
}
