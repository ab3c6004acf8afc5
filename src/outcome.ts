/**
 * How things ended, as values. An `Ending` is how a child process ended; an `Outcome` is what an action came to.
 * A missing exit code is never zero: a signal is an ending of its own.
 */
export type Outcome = "done" | "failed" | "unknown";

export type Ending =
  | { readonly is: "exited"; readonly code: number }
  | { readonly is: "signalled"; readonly signal: string }
  /** We ended it: it ran longer than `after_ms` in all. */
  | { readonly is: "timed_out"; readonly after_ms: number }
  /** We ended it: it said nothing for `after_ms`. */
  | { readonly is: "silent"; readonly after_ms: number }
  /** We ended it because somebody asked. */
  | { readonly is: "stopped" }
  /** It never ran; `why` is the sentence of the system. */
  | { readonly is: "not_started"; readonly why: string };

export function exitCode(ending: Ending): number | null {
  return ending.is === "exited" ? ending.code : null;
}

export function endingInWords(ending: Ending): string {
  switch (ending.is) {
    case "exited":
      return `exit code ${ending.code}`;
    case "signalled":
      return ending.signal === "SIGKILL" ? "killed (SIGKILL; perhaps out of memory)" : `ended by ${ending.signal}`;
    case "timed_out":
      return `ended after the limit of ${Math.round(ending.after_ms / 1000)} s`;
    case "silent":
      return `ended after ${Math.round(ending.after_ms / 1000)} s without a word`;
    case "stopped":
      return "stopped";
    case "not_started":
      return `did not start: ${ending.why}`;
    default:
      return ending satisfies never;
  }
}
