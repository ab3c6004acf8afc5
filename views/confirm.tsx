/** The confirmation, twice: the dialog that console.js opens, and the page for those without it. */
import { raw } from "hono/html";
import type { Action } from "../src/power/action.ts";
import type { Verb } from "../src/power/verb.ts";
import type { State } from "../src/target/state.ts";
import type { Target } from "../src/target/target.ts";
import { RequestId } from "./hx.tsx";
import { plain } from "./plain.tsx";
import { capital } from "./power.tsx";
import { Sheet } from "./sheet.tsx";
import { StatePanel } from "./state.tsx";
import { Clock } from "./time.tsx";

/**
 * Empty until console.js fills it; it never waits for the network. What is in it stands in a comment that console.js opens: text
 * browsers know no dialog, and showed a question that nobody had asked.
 */
export const ConfirmDialog = () => (
  <dialog id="confirm" aria-labelledby="confirm-says">
    {raw(`<!--${<Question />}-->`)}
  </dialog>
);

const Question = () => (
  <form method="dialog">
    <h2 id="confirm-says">Sure?</h2>
    <p id="confirm-more" />
    <ul id="confirm-known" />
    <p id="confirm-state" />
    <p id="confirm-turn" hidden>
      <label>
        <input type="checkbox" checked /> The agent is at work: stop it first
      </label>
    </p>
    <p class="do">
      <button type="submit" value="" class="quiet">
        Not now
      </button>
      <button type="submit" value="yes" class="go" id="confirm-yes" />
    </p>
  </form>
);

export interface ConfirmPageProps {
  readonly target: Target;
  readonly verb: Verb;
  /** The action that holds the target now. */
  readonly action?: Action | null;
  /** What is known before the tap: short sentences, each with its age. */
  readonly preflight: readonly string[];
  readonly state: State;
  readonly now: number;
  /** Fresh and signed. */
  readonly requestId: string;
  /** Turns of the agent that run on this target. */
  readonly turns?: number;
  /** A config lock that stands in the way, to be overridden by name. */
  readonly lock?: string | null;
  readonly lab?: boolean;
}

export const ConfirmPage = ({
  target,
  verb,
  action,
  preflight,
  state,
  now,
  requestId,
  turns = 0,
  lock,
  lab,
}: ConfirmPageProps) => (
  <Sheet title={`${capital(verb.name)} ${target.name}?`} lab={lab} target={target.id}>
    <h1>
      {capital(verb.name)} {target.name} (VM {target.vmid})?
    </h1>
    <p class="lead">
      {verb.will} {verb.mutates && "Evidence is saved first."}
    </p>
    <StatePanel state={state} now={now} held={action?.state === "running"} />
    {preflight.length > 0 && (
      <ul>
        {preflight.map((line) => (
          <li>{plain(line)}</li>
        ))}
      </ul>
    )}
    {action?.state === "running" && (
      <p class="held">
        <b class="tag work">held</b> {action.verb} is running on {target.name}, started by {plain(action.by)},{" "}
        <Clock from={action.started_at} now={now} /> ago. <a href={`/api/pve/actions/${action.id}`}>Watch it</a>
        {"; nothing else is started until it ends."}
      </p>
    )}
    <form method="post" action={`/api/pve/${verb.name}`}>
      <RequestId value={requestId} />
      <input type="hidden" name="target" value={target.id} />
      {lock && (
        <p>
          <label>
            To override the lock, type its name, {plain(lock)}:{" "}
            <input name="override" required autocomplete="off" autocapitalize="off" spellcheck={false} />
          </label>
        </p>
      )}
      {turns > 0 && (
        <p>
          <label>
            <input type="checkbox" name="stop_turns" value="1" checked /> The agent is at work on {target.name}: stop it
            first
          </label>
        </p>
      )}
      <p class="do">
        <a
          class="button quiet"
          href={`/api/pve/${verb.name}?${new URLSearchParams({ target: target.id, not_now: "1", request_id: requestId })}`}
        >
          Not now
        </a>
        <button type="submit" class={verb.mutates ? "go" : "quiet"}>
          {capital(verb.name)} {target.name}
        </button>
      </p>
    </form>
  </Sheet>
);
