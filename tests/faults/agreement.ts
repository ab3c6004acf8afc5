/** Does what a console says of an action agree with what the host's record says of that request id? Pure. */
import type { Run } from "./host-truth.ts";

export interface Said {
  readonly id: string;
  readonly verb: string;
  readonly override: string | null;
  readonly state: string;
  readonly outcome: string | null;
  readonly exit_code: number | null;
  readonly rejected: boolean;
  readonly why: string;
  readonly stdout: string;
}

/** Null when they agree, else the sentence that says how they don't. */
export function disagreement(said: Said, run: Run | undefined): string | null {
  const claim = `${said.verb} ${said.id}: the console says ${said.state} ${said.outcome} (${said.exit_code}, ${said.why})`;
  const truth = !run?.ran
    ? "the host ran nothing under it"
    : `the host ran ${run.verb} under it, which ended with ${run.exit_code}`;
  const sentence = `${claim}; ${truth}`;
  if (said.state !== "ended" || said.outcome === null) return sentence;
  const itsRun = isItsRun(said, run) ? run : null;
  if (said.rejected) {
    // 75 is of the moment: it may have run later, when somebody sent it again to another console.
    if (said.exit_code === 75) return null;
    return said.exit_code === 2 && itsRun === null ? null : sentence;
  }
  switch (said.outcome) {
    case "done":
      return itsRun?.exit_code === 0 && said.exit_code === 0 ? null : sentence;
    case "failed":
      if (itsRun === null) return said.exit_code === null || said.exit_code === 1 ? null : sentence;
      return itsRun.exit_code === 1 && said.exit_code === 1 ? null : sentence;
    case "unknown":
      return itsRun?.exit_code === 4 ? null : sentence;
    default:
      return sentence;
  }
}

/** How many lines of a run's record its action does not show, or not in their order; a line that broke off may stand in between. */
export function evidenceMissing(said: Said, run: Run): number {
  const shown = said.stdout.split("\n");
  let from = 0;
  return run.output.split("\n").filter((line) => {
    const at = shown.indexOf(line, from);
    if (at >= 0) from = at + 1;
    return at < 0;
  }).length;
}

/** Is this record of the run that the action asked for? */
export const isItsRun = (said: Said, run: Run | undefined): run is Run =>
  run?.ran === true && run.verb === said.verb && run.override === said.override;
