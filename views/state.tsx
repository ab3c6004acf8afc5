/**
 * What is true of the VM, large, then what fits, then how it is known and how old that is. Replaced as a whole (`#state`),
 * by morphing. Its height is fixed on the page; when it is too long, evidence is what has to be scrolled for.
 */
import { type KnownBefore, NO_EVIDENCE } from "../src/power/preflight.ts";
import { MUTATING } from "../src/power/verb.ts";
import { isStale, type State, type StateName } from "../src/target/state.ts";
import { plain } from "./plain.tsx";
import { Ago } from "./time.tsx";

export const STATE_WORDS: Readonly<Record<StateName, string>> = {
  running: "running",
  frozen: "frozen",
  "qmp-silent": "QEMU silent",
  paused: "paused",
  "io-error": "paused, disk error",
  stopped: "stopped",
  locked: "locked",
  "agent-dead": "guest silent",
  "ssh-silent": "ssh silent",
  "key-changed": "host key changed",
  unreachable: "unreachable",
  unknown: "not known",
};

export interface StateProps {
  readonly state: State;
  readonly now: number;
  readonly seq?: number;
  /** An action that changes the VM is at work: what to do next is said when it has ended. */
  readonly held?: boolean;
  /** For the dialog before power, which shows it; here it is seen by nobody. */
  readonly known?: KnownBefore;
}

export function StatePanel({ state, now, seq, held, known }: StateProps) {
  const stale = isStale(state, now);
  const changed = state.keys?.[0];
  const name = [`is-${state.is}`, state.leads && `leads-${state.leads}`, stale && "stale"].filter(Boolean).join(" ");
  return (
    <section
      id="state"
      aria-label="State"
      class={name}
      tabindex={0}
      data-seq={seq}
      data-lock={state.lock ?? undefined}
      data-known={known && forTheDialog(known)}
    >
      {state.console && (
        <p role="alert">
          <b>{plain(state.console)}</b>
        </p>
      )}
      {/* console.js puts the same line here when a page grows old by itself. */}
      {stale && (
        <p class="then">
          Last heard <Ago at={state.heard_at!} now={now} />; ask again with status:
        </p>
      )}
      <h2 aria-live="polite">{plain(state.says)}</h2>
      {((state.advice && !held) || changed) && (
        <p class="advice">
          {held ? "" : plain(state.advice)}
          {changed && (
            <>
              {" "}
              <a href={`/host-key?target=${changed.target}`}>
                {state.advice ? "Compare the keys" : "A host key changed"}
              </a>
            </>
          )}
        </p>
      )}
      {/* Of a guest that answers, what a check found is the news; of a silent one, how old the silence is. */}
      {state.is === "running" && <Newest state={state} now={now} />}
      <p class="because">
        {state.heard_at === null ? (
          "nothing heard yet: ask with status"
        ) : (
          <span>
            heard <Ago at={state.heard_at} now={now} />
          </span>
        )}
        {state.because.map((fact) => ` · ${plain(fact)}`)}
        {state.since !== null && state.heard_at !== null && state.since < state.heard_at && (
          <span class="since">
            {" · so since "}
            <Ago at={state.since} now={now} />
          </span>
        )}
      </p>
      {state.is !== "running" && <Newest state={state} now={now} />}
    </section>
  );
}

const Newest = ({ state: { found }, now }: { state: State; now: number }) =>
  found ? (
    <p class={`found is-${found.level}`}>
      check {found.check} <Ago at={found.at} now={now} />: {plain(found.says)}
    </p>
  ) : null;

/**
 * Rows of what it says, the verbs that it is said before ("": all), and a moment whose age ends it. An attribute, since text browsers
 * know neither `hidden` nor `<template>`: w3m showed what is said before different verbs as one list that contradicts itself.
 */
const forTheDialog = ({ lines, last_forensics_at }: KnownBefore): string =>
  JSON.stringify([
    ...lines.map(({ says, verbs }) => [plain(says), verbs.length < MUTATING.length ? verbs.join(" ") : ""]),
    last_forensics_at ? ["Evidence was last saved", "", last_forensics_at] : [NO_EVIDENCE, ""],
  ]);
