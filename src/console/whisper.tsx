/** What the stream shows that is no entry: words as they come, commands that run, and the state with its age. */
import { PartialWords } from "../../views/composer.tsx";
import { Faults } from "../../views/faults.tsx";
import { Partial } from "../../views/hx.tsx";
import { LiveRuns } from "../../views/live-run.tsx";
import { StatePanel, type StateProps } from "../../views/state.tsx";
import type { RunningCommand } from "../agent/vm-run.ts";
import type { Fault } from "../lab/world.ts";
import type { Whisper } from "./channel.ts";
import { text } from "./draw.tsx";

const whisper = (about: string, element: Parameters<typeof text>[0]): Whisper => ({ about, html: text(element) });

export const whispered = {
  partial: (words: string): Whisper =>
    whisper(
      "partial",
      <Partial target="#partial" swap="innerHTML">
        <PartialWords text={words} />
      </Partial>,
    ),
  /** Morphed, not replaced: a tap on Stop must not lose its button between finger down and up. */
  runs: (runs: readonly RunningCommand[], now: number): Whisper =>
    whisper(
      "runs",
      <Partial target="#live-run" swap={runs.length > 0 ? "innerMorph" : "innerHTML"}>
        <LiveRuns runs={runs} now={now} />
      </Partial>,
    ),
  state: (shown: StateProps): Whisper =>
    whisper(
      "state",
      <Partial target="#state">
        <StatePanel {...shown} />
      </Partial>,
    ),
  /** The lab's fault panel, when the world changed. Without a request id: it goes to everybody, and a script's browser needs none. */
  faults: (fault: Fault): Whisper =>
    whisper(
      "faults",
      <Partial target="#faults">
        <Faults fault={fault} />
      </Partial>,
    ),
};
