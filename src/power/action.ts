/** An action: one run of one verb, folded from its entries. Pure. */
import type { Outcome } from "../outcome.ts";
import type { PowerEntry } from "./event.ts";
import { proofInWords } from "./prove.ts";
import type { VerbName } from "./verb.ts";

export interface Action {
  readonly id: string;
  readonly verb: VerbName;
  readonly target: string;
  readonly by: string;
  readonly state: "running" | "ended";
  readonly outcome: Outcome | null;
  readonly exit_code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** ISO 8601, UTC. */
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly rejected: boolean;
  /** The reason of the outcome, in words; empty while it runs. */
  readonly why: string;
  /** The guest's own word after `done`, in words; empty while it is awaited or where there is none to ask. */
  readonly guest: string;
  /** A lock that the request overrode by name. */
  readonly override: string | null;
}

export function foldAction(before: Action | null, entry: PowerEntry): Action | null {
  if (entry.kind === "requested") {
    return {
      id: entry.about ?? "",
      verb: entry.body.verb,
      target: entry.stream.replace(/^target:/, ""),
      by: entry.body.by,
      state: "running",
      outcome: null,
      exit_code: null,
      stdout: "",
      stderr: "",
      started_at: new Date(entry.at).toISOString(),
      ended_at: null,
      rejected: false,
      why: "",
      guest: "",
      override: entry.body.override,
    };
  }
  if (!before) return null;
  switch (entry.kind) {
    case "printed":
      return { ...before, [entry.body.from]: before[entry.body.from] + entry.body.text };
    case "overdue":
      return {
        ...before,
        outcome: "unknown",
        why: `no answer within ${Math.round(entry.body.after_ms / 1000)} s; the run goes on at the host`,
      };
    case "lost":
      return { ...before, outcome: "unknown", why: entry.body.why };
    case "cut":
      return { ...before, stdout: `${before.stdout}\n[${entry.body.bytes} more bytes were left out here]\n` };
    case "finished":
      return {
        ...before,
        state: "ended",
        outcome: entry.body.outcome,
        exit_code: entry.body.exit_code,
        rejected: entry.body.rejected,
        why: entry.body.why,
        ended_at: before.ended_at ?? new Date(entry.at).toISOString(),
      };
    case "let_go":
      return {
        ...before,
        state: "ended",
        outcome: "unknown",
        why: entry.body.why,
        ended_at: new Date(entry.at).toISOString(),
      };
    case "asked":
      return isSure(before) ? before : { ...before, why: entry.body.why };
    case "learned":
      // `done` and `failed` never change.
      if (isSure(before)) return before;
      return {
        ...before,
        state: "ended",
        outcome: entry.body.outcome,
        exit_code: entry.body.exit_code ?? before.exit_code,
        why: entry.body.why,
        ended_at: before.ended_at ?? new Date(entry.at).toISOString(),
      };
    case "proved":
      return { ...before, guest: proofInWords(entry.body) };
    default:
      return entry satisfies never;
  }
}

const isSure = ({ outcome }: Action): boolean => outcome === "done" || outcome === "failed";

export function actionFrom(entries: readonly PowerEntry[]): Action | null {
  return entries.reduce(foldAction, null as Action | null);
}
