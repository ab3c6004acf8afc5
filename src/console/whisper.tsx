/** What the stream shows that is no entry: words as they come, and the state with its age. */
import { PartialWords } from "../../views/composer.tsx";
import { Partial } from "../../views/hx.tsx";
import { StatePanel } from "../../views/state.tsx";
import type { State } from "../target/state.ts";
import { text } from "./draw.tsx";

export const whispered = {
  partial: (words: string): string =>
    text(
      <Partial target="#partial" swap="innerHTML">
        <PartialWords text={words} />
      </Partial>,
    ),
  state: (state: State, seq: number, now: number): string =>
    text(
      <Partial target="#state">
        <StatePanel state={state} seq={seq} now={now} />
      </Partial>,
    ),
};
