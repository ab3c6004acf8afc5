/**
 * The audit as a second reading of the log: what each kind of entry says to somebody who asks who did what. Pure. Output, the
 * agent's words and the texts of prompts stay in the log, where they may be deleted one day; the audit stands without them.
 */
import type { ApprovalBody } from "../agent/approval-event.ts";
import { askedInWords } from "../agent/approval-event.ts";
import type { CheckBody } from "../checks/event.ts";
import type { Entry } from "../log/log.ts";
import type { PowerBody } from "../power/event.ts";
import { type DeletionBody, RETENTION, type SessionBody } from "../sessions/event.ts";
import type { TargetBody } from "../target/event.ts";
import { END_WORDS, printInWords } from "../target/host-key.ts";
import type { AuditFact } from "./audit.ts";

/** Every kind that the audit reads; the others tell nothing that anybody did. */
type Read = PowerBody & CheckBody & ApprovalBody & TargetBody & SessionBody & DeletionBody;
type Said = Pick<AuditFact, "who" | "what"> & Partial<Pick<AuditFact, "decision" | "outcome" | "detail" | "target">>;

const CONSOLE = "console";

/**
 * One reader for each kind. An outcome has no `who` of its own ("" here): it is its intent's, found by the request id.
 * Whoever adds a kind of entry that somebody causes adds its reader here.
 */
const READERS: { readonly [K in keyof Read]?: (body: Read[K], entry: Entry) => Said | null } = {
  opened: ({ target, by }) => ({ who: by, what: "session opened", decision: "accepted", target }),
  // The first prompt gives a title as well, and has a row of its own.
  titled: ({ by, renamed }) => (renamed ? { who: by, what: "session renamed", decision: "accepted" } : null),
  session_deleted: ({ by, target, entries, files, bytes, last_used }, { about }) => ({
    who: by,
    what: "session deleted",
    decision: "accepted",
    target,
    detail: `${entries} entries, ${files} files, ${bytes} bytes; last used ${last_used.slice(0, 10)}${by === RETENTION ? "; older than is kept" : ""} [session ${(about ?? "").slice(0, 8)}]`,
  }),
  evidence_deleted: ({ by, before, entries, bytes }) => ({
    who: by,
    what: "evidence deleted",
    decision: "accepted",
    detail: `what actions printed before ${before.slice(0, 10)}: ${entries} entries, ${bytes} bytes; older than is kept`,
  }),
  prompted: ({ text, by, model }) => ({
    who: by,
    what: "prompt",
    decision: "accepted",
    detail: `${text.length} characters${model ? `, model ${model}` : ""}`,
  }),
  concluded: ({ is_error, duration_ms }) => ({
    who: "",
    what: "prompt",
    outcome: is_error ? "failed" : "done",
    detail: `after ${Math.round(duration_ms / 1000)} s`,
  }),
  failed: ({ error }) => ({ who: "", what: "prompt", outcome: "failed", detail: error }),
  cancelled: ({ by, ended }) => ({
    who: by.startsWith("the server") ? CONSOLE : by,
    what: "turn stopped",
    outcome: "stopped",
    detail: ended,
  }),
  called: ({ name, input }, { about }) => {
    const tool = bare(name);
    if (tool !== "vm_run" && tool !== "power") return null;
    const { command, verb } = (input ?? {}) as Record<string, unknown>;
    return {
      who: agentOf(about),
      what: `agent calls ${tool}`,
      decision: "asked",
      detail: String((tool === "power" ? verb : command) ?? ""),
    };
  },
  returned: ({ name, is_error, duration_ms }, { about }) => {
    const tool = bare(name);
    if (tool !== "vm_run" && tool !== "power") return null;
    const took = `after ${Math.round(duration_ms / 100) / 10} s`;
    return {
      who: agentOf(about),
      what: `agent calls ${tool}`,
      outcome: is_error ? "failed" : "done",
      detail: took,
    };
  },
  requested: ({ verb, by, override }) => ({
    who: by,
    what: verb,
    decision: "accepted",
    detail: override ? `overrides the lock '${override}'` : "",
  }),
  overdue: ({ after_ms }) => ({
    who: "",
    what: "action",
    outcome: "unknown",
    detail: `no answer within ${Math.round(after_ms / 1000)} s; the run goes on at the host`,
  }),
  lost: ({ why }) => ({ who: "", what: "action", outcome: "unknown", detail: why }),
  let_go: ({ why }) => ({ who: "", what: "action", outcome: "unknown", detail: why }),
  asked: ({ by, why }) => ({ who: by, what: "action asked for again", decision: "accepted", detail: why }),
  finished: ({ outcome, exit_code, why }) => ({
    who: "",
    what: "action",
    outcome,
    detail: `${exit_code === null ? "no exit code" : `exit code ${exit_code}`}${why ? `: ${why}` : ""}`,
  }),
  learned: ({ outcome, why }) => ({ who: "", what: "action", outcome, detail: `learnt afterwards: ${why}` }),
  check_started: ({ name, by }) => ({ who: by, what: `check ${name}`, decision: "accepted" }),
  check_ended: ({ name, findings }) => ({
    who: "",
    what: `check ${name}`,
    outcome: "done",
    detail: `${findings.length} findings`,
  }),
  approval_asked: (asked) => ({
    who: agentOf(asked.turn),
    what: "approval",
    decision: "asked",
    detail: `${askedInWords(asked)}, on ${asked.target}`,
  }),
  approval_answered: ({ decision, by }) => ({ who: by, what: "approval", decision }),
  approval_lapsed: ({ why }) => ({ who: CONSOLE, what: "approval", decision: "lapsed", detail: why }),
  contacted: ({ host, fingerprint }) => ({
    who: CONSOLE,
    what: "host key, first contact",
    decision: "accepted",
    detail: `${host} ${fingerprint}`,
  }),
  key_changed: ({ end, host, old, offered }) => ({
    who: CONSOLE,
    what: "host key changed",
    decision: "refused",
    detail: `${END_WORDS[end]} (${host}): pinned ${printInWords(old)}, shown ${printInWords(offered)}`,
  }),
  key_accepted: ({ by, end, host, old, new: fresh }) => ({
    who: by,
    what: "host key accepted",
    decision: "accepted",
    detail: `${END_WORDS[end]} (${host}): ${printInWords(fresh)} for ${printInWords(old)}`,
  }),
};

export const AUDITED_KINDS: readonly string[] = Object.keys(READERS);

/** What an entry says to the audit, with `who` "" where its intent says it; null when it is nobody's deed. */
export function readEntry(entry: Entry): Said | null {
  const read = Object.hasOwn(READERS, entry.kind) ? READERS[entry.kind as keyof Read] : undefined;
  return (read as ((body: unknown, entry: Entry) => Said | null) | undefined)?.(entry.body, entry) ?? null;
}

/** How a name came in, where no request says so. */
export function howOf(who: string): string {
  return /^(agent|terminal):/.exec(who)?.[1] ?? "";
}

const agentOf = (turn: string | null): string => `agent:${(turn ?? "").slice(0, 8)}`;
const bare = (name: string): string => name.replace(/^mcp__breakglass__/, "");
