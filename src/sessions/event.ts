/** What is written in a session's stream. Past tense; `about` is the turn's id wherever a turn is its subject. */
import type { Entry } from "../log/log.ts";

export type SessionBody = {
  opened: { target: string; by: string };
  /** `renamed`: by an operator; otherwise it is the first prompt's beginning. */
  titled: { title: string; by: string; renamed?: true };
  prompted: { text: string; by: string; model: string | null };
  /** The agent is up; its own conversation id, by which the next turn resumes. */
  agent_started: { session_id: string; agent: string };
  said: { text: string };
  called: { name: string; input: unknown; tool_id: string };
  /** `output` is head and tail; `left_out` counts the bytes between them that are kept elsewhere or gone. */
  returned: {
    name: string;
    tool_id: string;
    output: string;
    is_error: boolean;
    left_out: number;
    duration_ms: number;
    /** Bytes of the whole output, where it is kept in a file of its own. */
    kept?: number;
  };
  /** A short remark of the console about the turn (a retry, a wait); not the agent's words. */
  remarked: { text: string };
  concluded: {
    is_error: boolean;
    result: string;
    duration_ms: number;
    cost_usd: number | null;
    /** Entries of older consoles have neither of these. */
    calls?: number;
    tokens?: number | null;
  };
  /** The turn went wrong; one sentence with the next step. */
  failed: { error: string };
  cancelled: { by: string; ended: string };
  turn_ended: { after_ms: number | null };
};

export type SessionEntry = { [K in keyof SessionBody]: Entry<K, SessionBody[K]> }[keyof SessionBody];
export const sessionStream = (id: string): string => `session:${id}`;

/** What is written of deletions, in a stream of their own, which no page shows. */
export const DELETIONS = "sessions";
/** In the place of an operator's name. */
export const RETENTION = "retention";

export type DeletionBody = {
  /** About the session. */
  session_deleted: { by: string; target: string; entries: number; bytes: number; files: number; last_used: string };
  /** What machines printed in actions up to that time. The actions themselves stay. */
  evidence_deleted: { by: string; before: string; entries: number; bytes: number };
  /** Retention looked for what is too old; what time it believed it to be, ms since the epoch. */
  looked: { as_of: number };
};
