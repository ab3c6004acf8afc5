/** The wall board for a terminal: 80 columns, no colours. */
import { BOARD_STALE_MS, type Board, type OnBoard } from "../src/console/board.ts";
import { happeningWords } from "./kiosk.tsx";
import { plain } from "./plain.tsx";
import { STATE_WORDS } from "./state.tsx";
import { wrapped } from "./text.ts";
import { agoWords, clockWords, utcWords } from "./time.tsx";

export function kioskText({ targets, happened, now }: Board): string {
  const latest = happened.map((one) => {
    const { says, more } = happeningWords(one);
    const about = [agoWords(one.at, now), more].filter(Boolean).join(", ");
    return `${new Date(one.at).toISOString().slice(11, 16)}  ${targets.length > 1 ? `${plain(one.target.name)}: ` : ""}${says} (${about})`;
  });
  const lines = [
    ...targets.flatMap((on) => targetLines(on, now)),
    latest.length > 0 ? "Latest:" : "Nothing has happened here yet.",
    ...latest.flatMap((line) => wrapped(line, "       ").map((part) => `  ${part}`)),
    `As of ${utcWords(now)}.`,
  ];
  return `${lines.join("\n")}\n`;
}

function targetLines({ target, state, action, turn, asks }: OnBoard, now: number): string[] {
  const heard = state.heard_at === null ? "not heard yet" : `heard ${agoWords(state.heard_at, now)}`;
  const old = state.heard_at !== null && now - state.heard_at > BOARD_STALE_MS ? ", OLD" : "";
  return [
    ...wrapped(
      `${plain(target.name)} (VM ${target.vmid})${target.lab ? " LAB" : ""}: ${STATE_WORDS[state.is]}, ${heard}${old}`,
    ),
    ...wrapped(`  ${plain(state.says)}`, "  "),
    ...(action
      ? wrapped(`  ${action.verb} runs ${clockWords(action.started_at, now)}, by ${plain(action.by)}`, "  ")
      : []),
    ...(turn
      ? wrapped(
          `  ${asks ? "the agent asks" : "the agent works"} ${clockWords(turn.started_at, now)}, for ${plain(turn.by)}`,
        )
      : []),
  ];
}
