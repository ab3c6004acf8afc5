/** The target's state as a page of words, for a browser that wants nothing else. */
import type { Action } from "../src/power/action.ts";
import { VERBS } from "../src/power/verb.ts";
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
  readonly others?: readonly Target[];
}

export const StatusPage = ({ target, state, action, last, now, others = [] }: StatusProps) => (
  <Sheet title={`Status of ${target.name}`} lab={target.lab} target={target.id}>
    <h1>
      {target.name} <small>VM {target.vmid}</small>
    </h1>
    <StatePanel state={state} now={now} held={action?.state === "running" && VERBS[action.verb].mutates} />
    <Running action={action} last={last} now={now} />
    <p class="soft">as of {utcWords(now)}</p>
    <p>
      <a href={`/status?target=${target.id}`}>Reload</a> ·{" "}
      <a href={`/api/pve/actions?target=${target.id}`}>All actions</a>
    </p>
    {others.length > 0 && (
      <p>
        {"Other targets:"}
        {others.map((other) => (
          <>
            {" "}
            <a href={`/status?target=${other.id}`}>{other.name}</a>
          </>
        ))}
      </p>
    )}
  </Sheet>
);
