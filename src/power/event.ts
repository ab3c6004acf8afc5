/** What is written about an action: past tense, one subject (the request id), in the target's stream. */
import type { Entry } from "../log/log.ts";
import type { Outcome } from "../outcome.ts";
import type { Proof } from "./prove.ts";
import type { VerbName } from "./verb.ts";

export type PowerBody = {
  /** Written before ssh starts: the intent. */
  requested: {
    verb: VerbName;
    by: string;
    session: string | null;
    override: string | null;
    /** The head of the audit just before, "57:9f86d0…": an anchor. */
    audit?: string;
  };
  /** Output as it came, whole lines where possible; `from` says which pipe. */
  printed: { from: "stdout" | "stderr"; text: string };
  /** The time limit passed while it ran on: `unknown` until learnt. */
  overdue: { after_ms: number };
  /** The link to the run broke (ssh died, the console restarted); the run may go on at the host: `unknown` until learnt. */
  lost: { why: string };
  /** Output left out of the log beyond its bound. */
  cut: { bytes: number };
  /** The run ended as far as we know. `outcome: unknown` may be followed by `learned`. */
  finished: { outcome: Outcome; exit_code: number | null; rejected: boolean; why: string };
  /** The guest's own word after `done`: whether ssh and the agent answer. The outcome stays what it is. */
  proved: Proof;
  /** The first patience with its host is over and the target is free; it is `unknown`, and asked on until `learned`. */
  let_go: { why: string };
  /** An operator had it asked again; where something was learnt, `learned` stands before it. */
  asked: { by: string; why: string };
  /** Asked afterwards, never repeated. */
  learned: { outcome: "done" | "failed"; exit_code: number | null; why: string };
};

export type PowerEntry = { [K in keyof PowerBody]: Entry<K, PowerBody[K]> }[keyof PowerBody];
export const POWER_KINDS = [
  "requested",
  "printed",
  "overdue",
  "lost",
  "cut",
  "finished",
  "let_go",
  "asked",
  "learned",
  "proved",
] as const;

/** From then on an action has ended, whatever is learnt of it later. */
export const isEnd = ({ kind }: Pick<Entry, "kind">): boolean => ["finished", "let_go", "learned"].includes(kind);

export function isPower(entry: Entry): entry is PowerEntry {
  return (POWER_KINDS as readonly string[]).includes(entry.kind);
}
