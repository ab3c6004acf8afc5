/** An action: a card in the transcript, a page of its own, the list of them. It draws what the fold says, and no more. */
import type { Action } from "../src/power/action.ts";
import { sectionsOf } from "../src/power/evidence.ts";
import { REFUSALS_TO_NOTICE, RequestId } from "./hx.tsx";
import { Excerpt, Output, plain } from "./plain.tsx";
import { Sheet } from "./sheet.tsx";
import { Ago, Clock, durationWords, utcWords } from "./time.tsx";

const TAIL_LINES = 6;

export function ActionItem({ action, now, requestId }: { action: Action; now: number; requestId?: string }) {
  return (
    <li id={`a-${action.id}`} class={`card ${toneOf(action)}`}>
      <p>
        <b class="verb">{action.verb}</b> <Verdict action={action} now={now} />
        <small>
          {plain(action.by)}, <Ago at={action.started_at} now={now} />
          {" · "}
          <a href={`/api/pve/actions/${action.id}`}>open</a>
        </small>
      </p>
      <GuestLine action={action} />
      <AskAgain action={action} requestId={requestId} />
      {action.override && <p>lock overridden by name: {plain(action.override)}</p>}
      {action.state === "running" ? <Tail text={action.stdout} /> : <Printed action={action} />}
    </li>
  );
}

/** The guest's own word, which comes after the outcome: the host proves the VM, only the guest proves itself. */
const GuestLine = ({ action }: { action: Action }) =>
  action.guest ? (
    <p class="guest">{plain(action.guest)}</p>
  ) : action.outcome === "done" && STARTS_A_GUEST.has(action.verb) ? (
    <p class="guest soft">the guest has not answered yet</p>
  ) : null;

/** For an outcome that is not known: one question to the host, now. The console asks by itself, too, but rarely. */
const AskAgain = ({ action, requestId }: { action: Action; requestId?: string }) =>
  action.state === "ended" && action.outcome === "unknown" ? (
    <form method="post" action={`${pageOf(action)}/ask`} hx-post={`${pageOf(action)}/ask`} {...QUIETLY}>
      {requestId && <RequestId value={requestId} />}
      <button type="submit" class="quiet">
        Ask again
      </button>
    </form>
  ) : null;

/** Its answer comes as the card itself, by the stream. */
const QUIETLY = { "hx-swap": "none", "hx-sync": "this:drop", "hx-disable": "find button", ...REFUSALS_TO_NOTICE };

const STARTS_A_GUEST: ReadonlySet<string> = new Set(["start", "reset", "cycle"]);

/** The guest's own word is still to come: the console knocks for three minutes. */
const awaitsGuest = (action: Action, now: number): boolean =>
  action.outcome === "done" &&
  action.guest === "" &&
  STARTS_A_GUEST.has(action.verb) &&
  Math.abs(now - Date.parse(action.ended_at ?? action.started_at)) < 200_000;

/** The outcome in words; `unknown` says why and that it is being asked for. */
function Verdict({ action, now }: { action: Action; now: number }) {
  // The host can only say that the guest is not proven; once the guest's own word is there, that stands in the line below.
  const said = action.guest ? action.why.replace(/; the guest is not proven$/, "") : action.why;
  const why = said && `: ${plain(said)}`;
  if (action.state === "running")
    return (
      <>
        <b class="tag work">running</b> <Clock from={action.started_at} now={now} />
        {action.outcome === "unknown" && ` outcome not known yet${why}`}
      </>
    );
  const took = action.ended_at
    ? ` in ${durationWords(Date.parse(action.ended_at) - Date.parse(action.started_at))}`
    : "";
  if (action.rejected)
    return (
      <>
        <b class="tag strong">refused</b> nothing ran{why}
      </>
    );
  switch (action.outcome) {
    case "done":
      return (
        <>
          <b class="tag good">done</b>
          {took}
          {why}
        </>
      );
    case "failed":
      return (
        <>
          <b class="tag strong">failed</b>
          {took}
          {why}
        </>
      );
    default:
      return (
        <>
          <b class="tag work">unknown</b> {plain(action.why) || "it ended without a verdict; ask with status"}
        </>
      );
  }
}

function toneOf(action: Action): string {
  if (action.state === "running") return "is-work";
  return action.outcome === "done" ? "is-good" : action.outcome === "failed" ? "is-strong" : "is-work";
}

const pageOf = (action: Action) => `/api/pve/actions/${action.id}`;

function Tail({ text }: { text: string }) {
  const lines = text.replace(/\s+$/, "").split("\n").slice(-TAIL_LINES).join("\n");
  return <Output name="tail" text={lines || "no output yet"} />;
}

const Printed = ({ action }: { action: Action }) =>
  action.stdout.trim() || action.stderr.trim() ? (
    <details>
      <summary>
        output · {linesIn(action.stdout)}
        {action.stderr.trim() && `, ${linesIn(action.stderr)} on stderr`}
      </summary>
      {action.stdout.trim() && <Excerpt text={action.stdout} whole={pageOf(action)} />}
      {action.stderr.trim() && (
        <>
          <small>stderr</small>
          <Excerpt name="err" text={action.stderr} whole={pageOf(action)} />
        </>
      )}
    </details>
  ) : (
    <p class="soft">(no output)</p>
  );

function linesIn(text: string): string {
  const n = text.trim() ? text.replace(/\n+$/, "").split("\n").length : 0;
  return n === 1 ? "1 line" : `${n} lines`;
}

export interface ActionPageProps {
  readonly action: Action;
  readonly now: number;
  readonly lab?: boolean;
  /** Fresh and signed, for "Ask again". */
  readonly requestId?: string;
}

export const ActionPage = ({ action, now, lab, requestId }: ActionPageProps) => (
  <Sheet
    title={`${action.verb} · ${action.target}`}
    lab={lab}
    target={action.target}
    refresh_s={action.state === "running" || awaitsGuest(action, now) ? 5 : undefined}
  >
    <h1>
      {action.verb} on {action.target}
    </h1>
    <p class="lead">
      <Verdict action={action} now={now} />
    </p>
    <AskAgain action={action} requestId={requestId} />
    <dl class="facts">
      <dt>started</dt>
      <dd>
        {utcWords(action.started_at, now)}, by {plain(action.by)}
      </dd>
      <dt>ended</dt>
      <dd>{action.ended_at ? utcWords(action.ended_at, now) : "not yet"}</dd>
      <dt>exit code</dt>
      <dd>{action.exit_code ?? "none"}</dd>
      <dt>action</dt>
      <dd>
        <code>{action.id}</code>
      </dd>
    </dl>
    <GuestLine action={action} />
    <Evidence action={action} />
    <h2>Output</h2>
    {action.stdout.trim() ? <Output text={action.stdout} /> : <p class="soft">(no output)</p>}
    {action.stderr.trim() && (
      <>
        <h2>stderr</h2>
        <Output name="err" text={action.stderr} />
      </>
    )}
    <p>
      <a href={`/api/pve/actions/${action.id}`}>Reload</a>
      {" · "}
      <a href={`/api/pve/actions?target=${action.target}`}>All actions</a>
    </p>
  </Sheet>
);

/** What was captured before anything changed, section by section; a section that hung says so here. */
const Evidence = ({ action }: { action: Action }) => {
  const sections = sectionsOf(action.stdout);
  if (sections.length === 0) return null;
  return (
    <>
      <h2>Evidence</h2>
      {sections.map((section) => (
        <details>
          <summary>
            {plain(section.name)} {section.verdict !== "ok" && <b class="tag work">{section.verdict}</b>}
            <small> {plain(section.more)}</small>
          </summary>
          <Output text={section.text} />
        </details>
      ))}
      <p>
        <a href={`/api/pve/actions/${action.id}/forensics?download=1`}>Download the evidence</a>
      </p>
    </>
  );
};

export const ActionsPage = ({
  actions,
  now,
  lab,
  target,
}: {
  actions: readonly Action[];
  now: number;
  lab?: boolean;
  /** The one they are of; left out, they are of all. */
  target?: string;
}) => (
  <Sheet title="Actions" lab={lab} target={target}>
    <h1>Actions</h1>
    {actions.length === 0 && <p>No action has run yet.</p>}
    <ul class="list">
      {actions.map((action) => (
        <li>
          <a href={`/api/pve/actions/${action.id}`}>
            {action.verb} on {action.target}
          </a>{" "}
          <Verdict action={action} now={now} />
          <small>
            {utcWords(action.started_at, now)}, by {plain(action.by)}
          </small>
        </li>
      ))}
    </ul>
  </Sheet>
);
