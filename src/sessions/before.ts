/** What a turn must know of the ones before it: which conversations it can go on with, and what was left under way. It only reads. */
import type { Entry, Log } from "../log/log.ts";
import type { SessionBody } from "./event.ts";
import { type Asked, aftermathOf, recallOf } from "./transcript.ts";

export interface Before {
  /** The agent's own conversation, by the agent's name. */
  readonly resumes: Readonly<Record<string, string>>;
  readonly aftermath: string | null;
  /** The transcript in brief, for an agent that forgot the session. */
  readonly recall: () => string;
}

/** Entries that are looked through for an agent which forgot the session. */
const RECALLED = 400;

/** `asked` says what a turn asked the operator, as it stands. */
export function beforeTurn(log: Log, stream: string, asked: (turn: string) => readonly Asked[]): Before {
  const upto = log.head;
  const started = log.newest({ stream, kind: "agent_started", limit: 1 })[0] as
    | Entry<"agent_started", SessionBody["agent_started"]>
    | undefined;
  const turn = log.newest({ stream, kind: "prompted", limit: 1 })[0]?.about;
  return {
    resumes: started ? { [started.body.agent]: started.body.session_id } : {},
    aftermath: turn ? aftermathOf(log.about(stream, turn), asked(turn)) : null,
    recall: () => recallOf(log.tail({ streams: [{ stream }], upto, limit: RECALLED })),
  };
}
