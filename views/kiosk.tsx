/**
 * The wall board: every target's state in words that are read from three metres, what is at work there, what happened last. It
 * has links and no form. `static/kiosk.js` puts the pieces of the stream in the place of those with the same id; without it the
 * page loads itself anew.
 */

import { CHECKS } from "../src/checks/check.ts";
import { BOARD_STALE_MS, type Board, type Happening, type OnBoard } from "../src/console/board.ts";
import type { Action } from "../src/power/action.ts";
import { plain } from "./plain.tsx";
import { STATE_WORDS } from "./state.tsx";
import { Ago, Clock, utcWords } from "./time.tsx";

/** Addresses; style and script carry their hash. */
export interface KioskAssets {
  readonly style: string;
  readonly script: string;
  readonly icon: string;
  readonly touch_icon: string;
  readonly manifest: string;
}

export interface KioskPageProps {
  readonly board: Board;
  readonly assets: KioskAssets;
  readonly heartbeat_ms: number;
}

/** Seconds until a board without a script loads itself anew. */
const RELOAD_S = 30;
/** The places that the picture moves between, a minute each, so that nothing burns in; `kiosk.css` has them. */
const PLACES = 8;

export const KioskPage = ({ board, assets, heartbeat_ms }: KioskPageProps) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width,initial-scale=1,viewport-fit=cover" />
      <title>Wall board · Breakglass</title>
      <meta name="robots" content="noindex" />
      <meta name="color-scheme" content="dark" />
      <meta name="theme-color" content="#0b0e11" />
      <noscript>
        <meta http-equiv="refresh" content={String(RELOAD_S)} />
      </noscript>
      <meta name="apple-mobile-web-app-capable" content="yes" />
      <meta name="apple-mobile-web-app-status-bar-style" content="black" />
      <link rel="stylesheet" href={assets.style} />
      <link rel="manifest" href={assets.manifest} />
      <link rel="icon" href={assets.icon} type="image/svg+xml" />
      <link rel="apple-touch-icon" href={assets.touch_icon} />
      <script src={assets.script} defer />
    </head>
    <body class={`place-${Math.floor(board.now / 60_000) % PLACES}`} data-hb={heartbeat_ms}>
      <header>
        <h1>Breakglass {board.targets.some(({ target }) => target.lab) && <b class="tag">LAB</b>}</h1>
        <p id="link" role="status" aria-label="Link">
          no live link: as of {utcWords(board.now)}
        </p>
        <p id="clock">
          <time class="at" datetime={new Date(board.now).toISOString()}>
            {minuteWords(board.now)}
          </time>{" "}
          <small>UTC</small>
        </p>
      </header>
      <BoardParts board={board} />
      <footer>
        <p id="awake">
          <noscript>Loads itself anew every {RELOAD_S} s. Set the device's own screen timeout to never.</noscript>
        </p>
        <p>Read only. Nothing is done from here.</p>
      </footer>
    </body>
  </html>
);

/** All that changes, as the page begins with it and as the stream sends it to whoever attaches. */
export const BoardParts = ({ board: { targets, happened, made, now } }: { board: Board }) => (
  <main
    id="board"
    class={targets.length > 6 ? "many" : targets.length > 1 ? "several" : "one"}
    data-made={made}
    data-now={now}
  >
    <div id="targets">
      {targets.map((on) => (
        <BoardTarget on={on} now={now} />
      ))}
    </div>
    <Happened happened={happened} now={now} several={targets.length > 1} />
  </main>
);

export function BoardTarget({ on: { target, state, action, turn, asks }, now }: { on: OnBoard; now: number }) {
  const stale = state.heard_at === null || now - state.heard_at > BOARD_STALE_MS;
  // The word stands there already, as large as can be.
  const word = STATE_WORDS[state.is];
  const more = state.says.toLowerCase().startsWith(`${word}. `) ? state.says.slice(word.length + 2) : state.says;
  const busy = action !== null || turn !== null;
  const name = ["target", `is-${state.is}`, busy && "busy", stale && "stale"].filter(Boolean).join(" ");
  return (
    <section id={`t-${target.id}`} class={name} aria-label={target.name} data-heard={state.heard_at ?? undefined}>
      <p class="name">
        <b>{target.name}</b> <span>VM {target.vmid}</span>
        <a href={`/?target=${target.id}`}>
          Open console<span class="vh"> of {target.name}</span>
        </a>
      </p>
      <div class="true">
        <h2>{word}</h2>
        {more && <p class="says">{plain(more)}</p>}
        {state.advice && <p class="advice">{plain(state.advice)}</p>}
      </div>
      <div class="doing">
        {action && <AtWork action={action} now={now} />}
        {turn && (
          <p>
            {asks ? <b class="asks">the agent asks</b> : "the agent works"} <Clock from={turn.started_at} now={now} />
            <small> for {plain(turn.by)}</small>
          </p>
        )}
      </div>
      <p class="age">
        {state.heard_at === null ? (
          "nothing heard yet"
        ) : (
          <>
            <span class="fresh">heard</span>
            <b class="old">Old: last heard</b> <Ago at={state.heard_at} now={now} />
          </>
        )}
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

const AtWork = ({ action, now }: { action: Action; now: number }) => (
  <p>
    <b>{action.verb}</b> {action.outcome === "unknown" ? "runs, outcome not known yet" : "runs"}{" "}
    <Clock from={action.started_at} now={now} />
    <small> by {plain(action.by)}</small>
  </p>
);

/** What happened last. With one target its name is said once on the board, and not here. */
export const Happened = ({
  happened,
  now,
  several,
}: {
  happened: readonly Happening[];
  now: number;
  several: boolean;
}) => (
  <section id="happened" aria-label="Latest">
    <h2>Latest</h2>
    {happened.length === 0 && <p class="soft">Nothing has happened here yet.</p>}
    <ol>
      {happened.map((one) => {
        const { says, tone, more } = happeningWords(one);
        return (
          <li class={tone}>
            <time class="at" datetime={new Date(one.at).toISOString()}>
              {minuteWords(one.at)}
            </time>
            <p>
              {several && <b>{one.target.name} </b>}
              {says}
              <small>
                {more && `${more} · `}
                <Ago at={one.at} now={now} />
              </small>
            </p>
          </li>
        );
      })}
    </ol>
  </section>
);

/** "18:40", UTC; the script says it in the wall's own time. */
const minuteWords = (at: number): string => new Date(at).toISOString().slice(11, 16);

export interface HappeningWords {
  readonly says: string;
  readonly tone: "good" | "work" | "strong" | "";
  readonly more: string;
}

export function happeningWords(one: Happening): HappeningWords {
  switch (one.is) {
    case "action": {
      const { verb, outcome, rejected, by } = one.action;
      if (rejected) return { says: `${verb} refused, nothing ran`, tone: "strong", more: `by ${plain(by)}` };
      const tone = outcome === "done" ? "good" : outcome === "failed" ? "strong" : "work";
      return {
        says: `${verb} ${outcome === "unknown" ? "ended, outcome unknown" : outcome}`,
        tone,
        more: `by ${plain(by)}`,
      };
    }
    case "check": {
      const title = `check ${CHECKS[one.name]?.title ?? one.name}`;
      if (one.bad > 0) return { says: `${title}: ${one.bad} to act on`, tone: "strong", more: "" };
      if (one.warn > 0) return { says: `${title}: ${one.warn} to look at`, tone: "work", more: "" };
      return { says: `${title}: nothing found`, tone: "good", more: "" };
    }
    case "turn":
      return {
        says: { done: "the agent's turn ended", failed: "the agent's turn failed", stopped: "the agent was stopped" }[
          one.ended
        ],
        tone: one.ended === "failed" ? "work" : "",
        more: one.by && `for ${plain(one.by)}`,
      };
    case "state":
      return {
        says: STATE_WORDS[one.state],
        tone: one.state === "running" ? "good" : "work",
        more: `was ${STATE_WORDS[one.was]}`,
      };
    default:
      return one satisfies never;
  }
}
