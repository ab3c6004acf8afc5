/**
 * What is true of the VM, in words, from what `status` and a knock on the VM's ssh said. Pure; never "healthy" from
 * `status: running` alone: that is what Proxmox says of a frozen QEMU, too. It acts on nothing; the advice is for a person.
 */
import type { Found } from "../checks/newest.ts";
import { conclude, NOT_ASKED } from "./conclude.ts";
import { guestEvidence, type Heard } from "./evidence.ts";
import type { ChangedKey } from "./host-key.ts";
import { readStatus, type Said } from "./said.ts";

export type StateName =
  /** The guest itself answers. */
  | "running"
  /** QEMU answers, its disk does not move, the guest is silent. */
  | "frozen"
  /** The process is there and its monitor does not answer. */
  | "qmp-silent"
  | "paused"
  | "io-error"
  | "stopped"
  /** A config lock stands in the way of the cure. */
  | "locked"
  /** The disk moves, but neither ssh nor the agent answers: the guest hangs or drowns. */
  | "agent-dead"
  /** The agent answers, ssh does not: the guest's network or sshd. */
  | "ssh-silent"
  /** Something answers ssh at the VM's address with a host key that is not the pinned one. */
  | "key-changed"
  /** The PVE host can't be asked. */
  | "unreachable"
  | "unknown";

export interface State {
  readonly is: StateName;
  /** One sentence, large on the page. */
  readonly says: string;
  /** The evidence, small: short facts. */
  readonly because: readonly string[];
  /** Which verb or step fits, and why; empty when none is needed. */
  readonly advice: string;
  /** The verb that the advice names, to be marked on the page. */
  readonly leads: "start" | "stop" | "reset" | "cycle" | null;
  /** Where the cure is none of our verbs: the exact command for the PVE host, also named in the advice. */
  readonly command?: string | null;
  /** What is down may be more than the VM: nothing here can cure that. */
  readonly cold?: boolean;
  /** The config lock that would refuse a mutating verb, for its named override. */
  readonly lock?: string | null;
  /** Ends that show another host key than the pinned one. */
  readonly keys?: readonly ChangedKey[];
  /** What `status` said, for the pre-flight; null when the host could not be asked. */
  readonly said?: Said | null;
  /** What the newest check of this VM found: the guest's side, which the hypervisor does not see. */
  readonly found?: Found | null;
  /** What this console itself can't do just now: its disk is sick. A sentence, or null. */
  readonly console?: string | null;
  /** When the newest of its facts was heard, ms since the epoch; null: never asked. */
  readonly heard_at: number | null;
  /** When this state was first seen, ms since the epoch. */
  readonly since: number | null;
}

export interface Reading {
  /** When it was heard, ms since the epoch. */
  readonly at: number;
  /** The status verb's answer; null when the host could not be asked, for the reason in `why_not`. */
  readonly status: { readonly exit_code: number | null; readonly stdout: string } | null;
  readonly why_not: string;
  /** ssh refused the PVE host's key. */
  readonly key_refused?: boolean;
  /** Whether the VM's own ssh answered; null when nobody knocked. */
  readonly knock: {
    readonly answered: boolean;
    readonly took_ms: number;
    readonly why: string;
    /** ssh refused the VM's key: an sshd is there, and nothing was sent to it. */
    readonly key_refused?: boolean;
  } | null;
  /** The changed keys that stand after this reading. */
  readonly keys?: readonly ChangedKey[];
}

/** Older than this, what was heard is told as what it is: what was true then. While a page is open it is asked every 15 s. */
export const STALE_MS = 60_000;

export const isStale = (state: Pick<State, "heard_at">, now: number): boolean =>
  state.heard_at !== null && now - state.heard_at > STALE_MS;

/** Readings with the newest last, some minutes of them. `now` is what ages are told from. */
export function stateFrom(readings: readonly Reading[], now: number): State {
  const heard = readings.map(
    (reading): Heard => ({ ...reading, said: reading.status && readStatus(reading.status.stdout) }),
  );
  const last = heard.at(-1);
  if (!last) return { ...NOT_ASKED, heard_at: null, since: null };
  const told = conclude(heard);
  let first = heard.length - 1;
  while (first > 0 && conclude(heard.slice(0, first)).is === told.is) first--;
  const evidence = last.said && last.said.power === "running" ? guestEvidence(heard, now) : [];
  return {
    ...told,
    because: [...told.because, ...evidence].slice(0, 8),
    lock: last.said?.lock ?? null,
    keys: last.keys ?? [],
    said: last.said,
    heard_at: last.at,
    since: heard[first]!.at,
  };
}

/** In the cold case the operator's own note says whom to call; empty where none was given. */
export const withNote = (state: State, note: string): State =>
  state.cold && note ? { ...state, advice: `${state.advice} ${note}` } : state;
