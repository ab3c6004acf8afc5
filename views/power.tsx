/**
 * The power panel: one form per verb. A mutating form is a GET of its confirmation page; htmx, when it runs, asks in our
 * dialog and posts. The request ids are this operator's own, so the stream replaces `#running` only, never the forms.
 */
import type { Action } from "../src/power/action.ts";
import { VERBS, type Verb, type VerbName } from "../src/power/verb.ts";
import type { State } from "../src/target/state.ts";
import type { Target } from "../src/target/target.ts";
import { REFUSALS_TO_NOTICE, RequestId, type RequestIds } from "./hx.tsx";
import { plain } from "./plain.tsx";
import { Ago, Clock } from "./time.tsx";

export interface PowerPanelProps {
  readonly target: Target;
  /** The action that holds the target now. */
  readonly action?: Action | null;
  /** The newest action that ended, for the line that is otherwise empty. */
  readonly last?: Action | null;
  readonly requestIds: RequestIds;
  readonly state: State;
  readonly now: number;
  /** The host has the first system's script; a sentence of one's own may say what it can't promise. */
  readonly legacy?: boolean | string;
  readonly seq?: number;
}

const LEGACY =
  "This host has the first system's script: it keeps no record of a run, and does not respect a lock. An outcome is learnt by asking status.";

export function PowerPanel(props: PowerPanelProps) {
  const { target, action, last, requestIds, now, legacy, seq } = props;
  const ask = (name: VerbName) => <AskForm verb={VERBS[name]} target={target} requestId={requestIds(name)} />;
  const act = (name: VerbName) => <ActForm verb={VERBS[name]} requestId={requestIds(name)} {...props} />;
  return (
    <section id="power" aria-label="Power">
      <Running action={action} last={last} now={now} seq={seq} />
      {legacy && <p class="legacy">{typeof legacy === "string" ? legacy : LEGACY}</p>}
      <div class="verbs">
        {ask("status")}
        {ask("forensics")}
        <Explained />
        <p class="cap">affects the running VM</p>
        {act("cycle")}
        {act("start")}
        {act("reset")}
        {act("stop")}
      </div>
    </section>
  );
}

export interface RunningProps {
  readonly action?: Action | null;
  readonly last?: Action | null;
  readonly now: number;
  /** The seq it is true at: console.js drops a line that is older than the one on the page. */
  readonly seq?: number;
}

/** One line that is always there, so that nothing moves: what runs, or what ran last. Pushed to everybody by the stream. */
export function Running({ action, last, now, seq }: RunningProps) {
  const running = action && action.state === "running" ? action : null;
  if (running)
    return (
      <p id="running" class={VERBS[running.verb].mutates ? "busy held" : "busy"} data-seq={seq}>
        <a href={`/api/pve/actions/${running.id}`}>{running.verb} running</a>{" "}
        <Clock from={running.started_at} now={now} />, started by {plain(running.by)}
        {VERBS[running.verb].mutates && <span class="vh">; power is held until it ends</span>}
      </p>
    );
  return (
    <p id="running" data-seq={seq}>
      {last?.ended_at ? (
        <>
          <a href={`/api/pve/actions/${last.id}`}>
            {last.verb} {last.outcome ?? "ended"}
          </a>{" "}
          <Ago at={last.ended_at} now={now} />, by {plain(last.by)}
        </>
      ) : (
        "nothing is running"
      )}
    </p>
  );
}

const AskForm = ({ verb, target, requestId }: { verb: Verb; target: Target; requestId: string }) => (
  <form id={verb.name} method="post" action={`/api/pve/${verb.name}`} hx-post={`/api/pve/${verb.name}`} {...TO_POWER}>
    <Hidden target={target} requestId={requestId} />
    <button type="submit" id={`do-${verb.name}`} class="quiet" title={verb.use}>
      {verb.name} <span class="vh">{verb.brief}</span>
    </button>
  </form>
);

/** What the dialog asks; console.js adds what is known before the tap (`data-known`, views/state.tsx). */
export function confirmSentence(verb: Verb, target: Target): string {
  return `${capital(verb.name)} ${target.name} (VM ${target.vmid})? ${verb.will} Evidence is saved first.`;
}

const ActForm = ({ verb, requestId, target }: PowerPanelProps & { verb: Verb; requestId: string }) => (
  <form
    id={verb.name}
    method="get"
    action={`/api/pve/${verb.name}`}
    hx-post={`/api/pve/${verb.name}`}
    hx-confirm={confirmSentence(verb, target)}
    data-yes={`${capital(verb.name)} ${target.name}`}
    {...TO_POWER}
  >
    <Hidden target={target} requestId={requestId} />
    <button type="submit" id={`do-${verb.name}`} class="act" title={verb.use} aria-describedby="running">
      <b>{verb.name}</b> <span class="brief">{verb.brief}</span>
      {verb.name === "cycle" && <span class="badge"> recovery</span>}
    </button>
  </form>
);

const Hidden = ({ target, requestId }: { target: Target; requestId: string }) => (
  <>
    <RequestId value={requestId} />
    <input type="hidden" name="target" value={target.id} />
  </>
);

const Explained = () => (
  <details class="explained">
    <summary aria-label="What each verb does">?</summary>
    <dl>
      {EXPLAINED.map((name) => (
        <>
          <dt>{name}</dt>
          <dd>{VERBS[name].use}</dd>
        </>
      ))}
    </dl>
  </details>
);

const EXPLAINED: readonly VerbName[] = ["status", "forensics", "cycle", "start", "reset", "stop"];

const TO_POWER = {
  "hx-target": "#power",
  "hx-swap": "outerHTML",
  "hx-sync": "this:drop",
  "hx-disable": "find button",
  ...REFUSALS_TO_NOTICE,
};

export const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);
