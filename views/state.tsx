/**
 * What is true of the VM, large, then what fits, then how it is known and how old that is. Replaced as a whole (`#state`),
 * by morphing. Its height is fixed on the page; when it is too long, evidence is what has to be scrolled for.
 */
import type { State, StateName } from "../src/target/state.ts";
import { plain } from "./plain.tsx";
import { Ago } from "./time.tsx";

/** Beyond this, what was heard is shown as old. */
export const STALE_MS = 5 * 60_000;

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

export function StatePanel({ state, now, seq }: { state: State; now: number; seq?: number }) {
  const stale = state.heard_at !== null && now - state.heard_at > STALE_MS;
  const changed = state.keys?.[0];
  const name = [`is-${state.is}`, state.leads && `leads-${state.leads}`, stale && "stale"].filter(Boolean).join(" ");
  return (
    <section id="state" aria-label="State" class={name} tabindex={0} data-seq={seq} data-lock={state.lock ?? undefined}>
      <h2 aria-live="polite">{plain(state.says)}</h2>
      {(state.advice || changed) && (
        <p class="advice">
          {plain(state.advice)}
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
      <p class="because">
        {state.heard_at === null ? (
          "nothing heard yet: ask with status"
        ) : (
          <span>
            heard <Ago at={state.heard_at} now={now} />
          </span>
        )}
        {/* In the stylesheet, so that the script can say it, too; a text browser is told here. */}
        {stale && <b class="old"> · old: ask again with status</b>}
        {state.because.map((fact) => ` · ${plain(fact)}`)}
        {state.since !== null && state.heard_at !== null && state.since < state.heard_at && (
          <span class="since">
            {" · so since "}
            <Ago at={state.since} now={now} />
          </span>
        )}
      </p>
    </section>
  );
}
