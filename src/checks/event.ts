/** What is written about a run of a check, in the session's stream; `about` is the run's id. */
import type { Entry } from "../log/log.ts";
import type { CheckName } from "./check.ts";
import type { Finding, Reading } from "./finding.ts";

export type CheckBody = {
  check_started: { name: CheckName; by: string };
  check_ended: { name: CheckName; findings: readonly Finding[]; readings: readonly Reading[]; after_ms: number };
};

export type CheckEntry = { [K in keyof CheckBody]: Entry<K, CheckBody[K]> }[keyof CheckBody];
