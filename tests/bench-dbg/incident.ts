/**
 * An incident of N visible entries, the same every time: the agent says something, runs a command, gets an answer. As lines
 * of the CLI and as drafts for the log, so that what is measured live and what is opened later are the same words.
 */
import type { Draft } from "../../src/log/log.ts";
import { sessionStream } from "../../src/sessions/event.ts";
import { LOOKS, SAYINGS } from "./words.ts";

export type Said = { readonly is: "said"; readonly text: string };
export type Called = { readonly is: "called"; readonly id: string; readonly command: string; readonly reason: string };
export type Returned = { readonly is: "returned"; readonly id: string; readonly output: string };
export type Visible = Said | Called | Returned;

/** Entry `i` of the incident, from 0. */
export function entryOf(i: number): Visible {
  const step = Math.floor(i / 3);
  const number = numbersFrom(step);
  const look = LOOKS[step % LOOKS.length]!;
  const id = `toolu_${String(step).padStart(6, "0")}`;
  if (i % 3 === 0) return { is: "said", text: filled(SAYINGS[step % SAYINGS.length]!, number) };
  if (i % 3 === 1) return { is: "called", id, command: filled(look.command, number), reason: look.reason };
  // The command's numbers are drawn once more, so that an answer is about what was asked.
  filled(look.command, number);
  return { is: "returned", id, output: filled(look.output, number) };
}

export const incident = (entries: number): Visible[] => Array.from({ length: entries }, (_, i) => entryOf(i));

/** As the CLI prints it in stream-json. */
export function cliLine(e: Visible): object {
  const of = { parent_tool_use_id: null, session_id: "" };
  switch (e.is) {
    case "said":
      return { type: "assistant", message: { content: [{ type: "text", text: e.text }] }, ...of };
    case "called": {
      const input = { command: e.command, reason: e.reason };
      const block = { type: "tool_use", id: e.id, name: "mcp__breakglass__vm_run", input };
      return { type: "assistant", message: { content: [block] }, ...of };
    }
    case "returned": {
      const block = { type: "tool_result", tool_use_id: e.id, content: e.output, is_error: false };
      return { type: "user", message: { content: [block] }, ...of };
    }
    default:
      return e satisfies never;
  }
}

const PER_TURN = 60;

/** A session that had such an incident, in turns of 60 entries, as it stands in the log. */
export function sessionOf(id: string, target: string, entries: number): Draft[] {
  const stream = sessionStream(id);
  const drafts: Draft[] = [
    { stream, kind: "opened", body: { target, by: "lab" } },
    { stream, kind: "titled", body: { title: `${entries} entries`, by: "lab" } },
  ];
  for (const [i, e] of incident(entries).entries()) {
    const about = `${id}-${Math.floor(i / PER_TURN)}`;
    if (i % PER_TURN === 0)
      drafts.push({ stream, kind: "prompted", about, body: { text: "what is wrong now?", by: "lab", model: null } });
    drafts.push({ stream, about, ...written(e) });
    if (i % PER_TURN === PER_TURN - 1 || i === entries - 1)
      drafts.push({ stream, kind: "turn_ended", about, body: { after_ms: 61_000 } });
  }
  return drafts;
}

function written(e: Visible): Pick<Draft, "kind" | "body"> {
  switch (e.is) {
    case "said":
      return { kind: "said", body: { text: e.text } };
    case "called":
      return {
        kind: "called",
        body: { name: "vm_run", input: { command: e.command, reason: e.reason }, tool_id: e.id },
      };
    case "returned": {
      const body = { name: "vm_run", tool_id: e.id, output: e.output, is_error: false, left_out: 0, duration_ms: 214 };
      return { kind: "returned", body };
    }
    default:
      return e satisfies never;
  }
}

/** `#` is a number from 2 to 97, `##` one of four digits. */
function filled(text: string, number: (most: number) => number): string {
  return text.replace(/##?/g, (marks) => String(marks === "#" ? 2 + number(96) : 1000 + number(9000)));
}

/** The same numbers for the same seed (mulberry32). */
function numbersFrom(seed: number): (most: number) => number {
  let a = (seed + 1) * 0x9e3779b1;
  return (most) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % most;
  };
}
