/** One run of a check, folded from its entries. Pure. */
import type { CheckName } from "./check.ts";
import type { CheckEntry } from "./event.ts";
import type { Finding, Reading } from "./finding.ts";

export interface CheckRun {
  readonly id: string;
  readonly name: CheckName;
  readonly by: string;
  readonly state: "running" | "ended";
  readonly started_at: number;
  readonly after_ms: number | null;
  readonly findings: readonly Finding[];
  readonly readings: readonly Reading[];
}

export function checkFrom(entries: readonly CheckEntry[]): CheckRun | null {
  let run = null as CheckRun | null;
  for (const e of entries) {
    if (e.kind === "check_started")
      run = {
        id: e.about ?? "",
        name: e.body.name,
        by: e.body.by,
        state: "running",
        started_at: e.at,
        after_ms: null,
        findings: [],
        readings: [],
      };
    else if (run !== null)
      run = {
        ...run,
        state: "ended",
        after_ms: e.body.after_ms,
        findings: e.body.findings,
        readings: e.body.readings,
      };
  }
  return run;
}
