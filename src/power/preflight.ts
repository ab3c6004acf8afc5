/** What is known before the tap, each fact with its age: lock, task, staged config, pool, snapshot, evidence. A value; pure. */
import type { State } from "../target/state.ts";
import type { Target } from "../target/target.ts";
import type { Action } from "./action.ts";
import type { HostKind } from "./host.ts";
import { MUTATING, VERBS, type Verb, type VerbName } from "./verb.ts";

export interface Preflight {
  readonly verb: VerbName;
  readonly mutates: boolean;
  readonly target: string;
  readonly will: string;
  readonly state: Pick<State, "is" | "says" | "because" | "advice" | "heard_at">;
  /** The config lock that the host will refuse this verb for, unless it is overridden by name; null: none is known. */
  readonly lock: string | null;
  /** A task of Proxmox that is at work on this VM. */
  readonly task: string | null;
  readonly staged: string | null;
  readonly pool: string | null;
  readonly snapshot: string | null;
  /** The action that holds the target, or null. */
  readonly running: {
    readonly action: string;
    readonly verb: string;
    readonly by: string;
    readonly since: string;
  } | null;
  readonly last_forensics_at: string | null;
  readonly host: HostKind;
  /** Why it would do harm now, in a sentence; empty when nothing known speaks against it. */
  readonly warning: string;
}

/** The verbs that end or reset a QEMU, and that a config lock therefore stands in the way of (the host script refuses them). */
const LOCKABLE: ReadonlySet<VerbName> = new Set(["stop", "reset", "cycle"]);

export function preflightOf(
  verb: Verb,
  target: Target,
  state: State,
  holder: { action: string; verb: string; by: string; since: number } | null,
  evidence: Pick<Action, "started_at"> | null,
  host: HostKind,
): Preflight {
  const said = state.said ?? null;
  return {
    verb: verb.name,
    mutates: verb.mutates,
    target: target.id,
    will: verb.will,
    state: { is: state.is, says: state.says, because: state.because, advice: state.advice, heard_at: state.heard_at },
    lock: LOCKABLE.has(verb.name) ? (state.lock ?? null) : null,
    task: said?.task ?? null,
    staged: said?.staged ?? null,
    pool: said?.pool ?? null,
    snapshot: said?.snapshot ?? null,
    running: holder && { ...holder, since: new Date(holder.since).toISOString() },
    last_forensics_at: evidence?.started_at ?? null,
    host,
    warning: warningFor(verb, state),
  };
}

function warningFor(verb: Verb, state: State): string {
  if (!verb.mutates) return "";
  switch (state.is) {
    case "io-error":
      return verb.name === "start"
        ? ""
        : `QEMU has paused the VM because its storage refuses writes. Make room, then resume it; ${verb.name} loses what the guest has not written.`;
    case "running":
      return verb.name === "start"
        ? "It runs already; start will be refused."
        : "The guest answers. Repair in place loses less.";
    case "frozen":
      return verb.name === "reset" ? "A reset keeps this QEMU, and with it the stalled disk. Cycle is the cure." : "";
    case "stopped":
      return verb.name === "reset" ? "It is stopped; reset will be refused. Start it." : "";
    default:
      return "";
  }
}

/** The same in short sentences for the confirmation, with the age of what they rest on. */
export function preflightLines(p: Preflight, now: number): string[] {
  const heard = p.state.heard_at === null ? "" : ` (heard ${ageOf(now - p.state.heard_at)} ago)`;
  return [
    ...linesOf(p, heard),
    p.last_forensics_at === null
      ? NO_EVIDENCE
      : `Evidence was last saved ${ageOf(now - Date.parse(p.last_forensics_at))} ago.`,
  ];
}

export const NO_EVIDENCE = "No evidence is kept yet.";

/** What the dialog has to say before a tap, rendered with the page: it never waits for the network. */
export interface KnownBefore {
  /** Each line with the verbs that it speaks of. Their age is the state's. */
  readonly lines: readonly { readonly says: string; readonly verbs: readonly VerbName[] }[];
  readonly last_forensics_at: string | null;
}

export function knownBefore(
  target: Target,
  state: State,
  evidence: Pick<Action, "started_at"> | null,
  host: HostKind,
): KnownBefore {
  const verbsOf = new Map<string, VerbName[]>();
  const note = (says: string, verb: VerbName) => verbsOf.set(says, [...(verbsOf.get(says) ?? []), verb]);
  const all = MUTATING.map((name) => preflightOf(VERBS[name], target, state, null, evidence, host));
  for (const { warning, verb } of all) if (warning !== "") note(warning, verb);
  for (const seen of all) for (const says of linesOf({ ...seen, warning: "" }, "")) note(says, seen.verb);
  return {
    lines: [...verbsOf].map(([says, verbs]) => ({ says, verbs })),
    last_forensics_at: evidence?.started_at ?? null,
  };
}

function linesOf(p: Preflight, heard: string): string[] {
  const full = Math.max(0, ...[...(p.pool ?? "").matchAll(/([\d.]+)%/g)].map((m) => Number(m[1])));
  return [
    p.warning,
    p.lock && `Locked (${p.lock})${heard}: the host refuses ${p.verb} unless you override the lock by its name.`,
    p.task && `A task is at work${heard}: ${p.task}.`,
    p.staged && `Staged: ${p.staged}${STAGED[p.verb] ?? ""}${heard}.`,
    p.pool && `${full >= 90 ? "Storage is nearly full" : "Storage"}: ${p.pool}${heard}.`,
    p.snapshot && `It runs on top of the snapshot ${p.snapshot}${heard}.`,
    p.host === "legacy" &&
      "This host has the first system's script: it keeps no record of a run, respects no lock, and can't be asked afterwards.",
  ].filter((line): line is string => typeof line === "string" && line !== "");
}

/** Staged config applies with a new QEMU process, and with nothing else. */
const STAGED: Partial<Record<VerbName, string>> = {
  start: " will apply",
  cycle: " will apply",
  reset: "; a reset does not apply it",
  stop: "; it applies at the next start",
};

function ageOf(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  return s < 90 ? `${s} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`;
}
