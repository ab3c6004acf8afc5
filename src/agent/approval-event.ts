/**
 * What is written about an approval, in its target's stream; `about` is the approval's id. And what it folds into: one card,
 * open until it is answered once, or lapsed. A question of the agent (`ask`) is one, too: its answer is words and allows
 * nothing. Pure; it knows neither who waits for the answer nor how it is drawn.
 */
import type { Entry } from "../log/log.ts";
import type { CommandClass } from "./command-class.ts";

export type AskedTool = "power" | "vm_run" | "ask";

export type ApprovalBody = {
  /** Written before anything else happens. */
  approval_asked: {
    /** Left out in entries of an earlier version, which stand in their session's own stream. */
    session?: string;
    turn: string;
    /** The call that waits for the answer, by the id that the transcript has it under. */
    tool_id?: string;
    tool: AskedTool;
    /** Exactly what the tool was called with, and what will run; of a question `{question, choices}`. */
    input: Readonly<Record<string, unknown>>;
    /** The agent's own, in its words. */
    reason: string;
    /** Where it would run, as people read it. */
    target: string;
    /** What is known of the kind of thing it is. */
    class: CommandClass;
    /** What is known before the tap: short sentences, as they were when it was asked. */
    preflight: readonly string[];
    limit_ms: number;
  };
  /** `text` is the answer to a question. */
  approval_answered: { decision: "allowed" | "denied" | "answered"; by: string; text?: string };
  /** Nobody answered in time, or nobody waits for the answer any more. Nothing ran, and nothing will. */
  approval_lapsed: { why: string };
};

export type ApprovalEntry = { [K in keyof ApprovalBody]: Entry<K, ApprovalBody[K]> }[keyof ApprovalBody];
export const APPROVAL_ENDS = ["approval_answered", "approval_lapsed"] as const;

export function isApproval(entry: Entry): entry is ApprovalEntry {
  return entry.kind === "approval_asked" || (APPROVAL_ENDS as readonly string[]).includes(entry.kind);
}

type Asked = ApprovalBody["approval_asked"];

export interface Approval extends Omit<Asked, "limit_ms"> {
  readonly approval_id: string;
  readonly session: string;
  readonly state: "open" | "allowed" | "denied" | "answered" | "lapsed";
  /** Who answered; null while it is open, and when it lapsed. */
  readonly by: string | null;
  /** The answer to a question; null otherwise. */
  readonly text: string | null;
  /** Why it lapsed, in words; empty otherwise. */
  readonly why: string;
  /** ms since the epoch. */
  readonly asked_at: number;
  /** When silence becomes a no; ms since the epoch. */
  readonly ends_at: number;
  readonly settled_at: number | null;
}

export function foldApproval(before: Approval | null, entry: ApprovalEntry): Approval | null {
  if (entry.kind === "approval_asked") {
    const { limit_ms, ...asked } = entry.body;
    return {
      ...asked,
      approval_id: entry.about ?? "",
      session: asked.session ?? entry.stream.replace(/^session:/, ""),
      state: "open",
      by: null,
      text: null,
      why: "",
      asked_at: entry.at,
      ends_at: entry.at + limit_ms,
      settled_at: null,
    };
  }
  // The first word counts, for good.
  if (before?.state !== "open") return before;
  switch (entry.kind) {
    case "approval_answered":
      return {
        ...before,
        state: entry.body.decision,
        by: entry.body.by,
        text: entry.body.text ?? null,
        settled_at: entry.at,
      };
    case "approval_lapsed":
      return { ...before, state: "lapsed", why: entry.body.why, settled_at: entry.at };
    default:
      return entry satisfies never;
  }
}

export function approvalFrom(entries: readonly ApprovalEntry[]): Approval | null {
  return entries.reduce(foldApproval, null as Approval | null);
}

/** What was asked for, on one line: "power cycle", "vm_run systemctl restart nginx", "Is the backup still needed?". */
export function askedInWords({ tool, input }: Pick<Approval, "tool" | "input">): string {
  const said = String({ power: input.verb, vm_run: input.command, ask: input.question }[tool] ?? "");
  const what = said.replace(/\s+/g, " ");
  return `${tool === "ask" ? "" : `${tool} `}${what.length > 120 ? `${what.slice(0, 120)}…` : what}`;
}

/** The answers that the agent offers to a question; none means that any words will do. */
export const choicesOf = ({ input }: Pick<Approval, "input">): readonly string[] =>
  Array.isArray(input.choices) ? input.choices.map(String) : [];
