/** What the stream shows that is no entry: words as they come, commands that run, and the state with its age. */
import { PartialWords } from "../../views/composer.tsx";
import { Partial } from "../../views/hx.tsx";
import { LiveRuns } from "../../views/live-run.tsx";
import { StatePanel } from "../../views/state.tsx";
import type { RunningCommand } from "../agent/vm-run.ts";
import type { State } from "../target/state.ts";
import { text } from "./draw.tsx";

export const whispered = {
  partial: (words: string): string =>
    text(
      <Partial target="#partial" swap="innerHTML">
        <PartialWords text={words} />
      </Partial>,
    ),
  /** Morphed, not replaced: a tap on Stop must not lose its button between finger down and up. */
  runs: (runs: readonly RunningCommand[], now: number): string =>
    text(
      <Partial target="#live-run" swap={runs.length > 0 ? "innerMorph" : "innerHTML"}>
        <LiveRuns runs={runs} now={now} />
      </Partial>,
    ),
  state: (state: State, seq: number, now: number): string =>
    text(
      <Partial target="#state">
        <StatePanel state={state} seq={seq} now={now} />
      </Partial>,
    ),
};
