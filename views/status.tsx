/** The target's state as a page of words, for a browser that wants nothing else. */
import type { Action } from "../src/power/action.ts";
import type { State } from "../src/target/state.ts";
import type { Target } from "../src/target/target.ts";
import { Running } from "./power.tsx";
import { Sheet } from "./sheet.tsx";
import { StatePanel } from "./state.tsx";
import { utcWords } from "./time.tsx";

export interface StatusProps {
  readonly target: Target;
  readonly state: State;
  readonly action?: Action | null;
  readonly last?: Action | null;
  readonly now: number;
}

export const StatusPage = ({ target, state, action, last, now }: StatusProps) => (
  <Sheet title={`Status of ${target.name}`} lab={target.lab}>
    <h1>
      {target.name} <small>VM {target.vmid}</small>
    </h1>
    <StatePanel state={state} now={now} />
    <Running action={action} last={last} now={now} />
    <p class="soft">as of {utcWords(now)}</p>
    <p>
      <a href="/status">Reload</a> · <a href="/api/pve/actions">All actions</a>
    </p>
  </Sheet>
);
