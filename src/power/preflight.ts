/** What is known before the tap: the target's state, who holds it, what the last evidence was. A value; pure. */
import type { State } from "../target/state.ts";
import type { Target } from "../target/target.ts";
import type { Action } from "./action.ts";
import type { HostKind } from "./carry-out.ts";
import type { Verb } from "./verb.ts";

export interface Preflight {
  readonly verb: Verb["name"];
  readonly mutates: boolean;
  readonly target: string;
  readonly will: string;
  readonly state: Pick<State, "is" | "says" | "because" | "advice" | "heard_at">;
  /** The action that holds the target, or null. */
  readonly running: {
    readonly action: string;
    readonly verb: string;
    readonly by: string;
    readonly since: string;
  } | null;
  readonly last_forensics_at: string | null;
  readonly host: HostKind;
}

export function preflightOf(
  verb: Verb,
  target: Target,
  state: State,
  holder: { action: string; verb: string; by: string; since: number } | null,
  recent: readonly Action[],
  host: HostKind,
): Preflight {
  const evidence = recent.find(
    (a) => a.outcome === "done" && (a.verb === "forensics" || /^(=+ ?forensics|section )/im.test(a.stdout)),
  );
  return {
    verb: verb.name,
    mutates: verb.mutates,
    target: target.id,
    will: verb.will,
    state: { is: state.is, says: state.says, because: state.because, advice: state.advice, heard_at: state.heard_at },
    running: holder && { ...holder, since: new Date(holder.since).toISOString() },
    last_forensics_at: evidence?.started_at ?? null,
    host,
  };
}

/** The same in short sentences for the confirmation, each with its age. */
export function preflightLines(p: Preflight, now: number): string[] {
  const lines: string[] = [];
  if (p.last_forensics_at === null) lines.push("No evidence was saved lately.");
  else lines.push(`Evidence was last saved ${Math.round((now - Date.parse(p.last_forensics_at)) / 60_000)} min ago.`);
  if (p.host === "legacy")
    lines.push("This host has the first system's script: it can't run a verb exactly once by itself.");
  return lines;
}
