/**
 * What is true of the VM, in words, from what `status` and a knock on the VM's ssh said. Pure; never "healthy" from
 * `status: running` alone. Every fact carries the time it was heard.
 */
export type StateName = "running" | "frozen" | "paused" | "stopped" | "unreachable" | "unknown";

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
  /** When the newest of its facts was heard, ms since the epoch; null: never asked. */
  readonly heard_at: number | null;
  /** When this state was first seen, ms since the epoch. */
  readonly since: number | null;
}

export interface Reading {
  readonly at: number;
  readonly status: { readonly exit_code: number | null; readonly stdout: string } | null;
  readonly why_not: string;
  readonly knock: { readonly answered: boolean; readonly took_ms: number; readonly why: string } | null;
}

export function stateFrom(readings: readonly Reading[], _now: number): State {
  const last = readings.at(-1);
  const is: StateName = !last
    ? "unknown"
    : !last.status
      ? "unreachable"
      : /^status: stopped/m.test(last.status.stdout)
        ? "stopped"
        : last.knock?.answered
          ? "running"
          : "frozen";
  return {
    is,
    says: `It is ${is}.`,
    because: [],
    advice: "",
    leads: null,
    heard_at: last?.at ?? null,
    since: last?.at ?? null,
  };
}
