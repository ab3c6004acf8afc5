/**
 * The audit: who did what, when, from where, with what outcome. Rows in a chain: each carries the hash of the one before it
 * and its own, so that a changed, inserted or missing row shows. Pure; it knows neither the table nor who writes into it.
 *
 * A chain proves that nothing inside it was touched. Whoever can write the file could still rewrite all of it from some row
 * on, or cut off its end; only a head hash that was noted elsewhere (an anchor) gives that away.
 */
import { createHash } from "node:crypto";

/** What a row says. Empty text where there is nothing to say: a row has no nulls but `entry`. */
export interface AuditFact {
  /** Milliseconds since the epoch. Order is by `n`, never by this. */
  readonly at: number;
  /** `edge:`, `local:`, `token:`, `agent:`, `terminal:`, `lab`, `console` (the program itself), or `nobody`. */
  readonly who: string;
  /** How they proved it: `edge`, `bearer`, `cookie`, `lab`, `agent`, `terminal`. */
  readonly how: string;
  /** The peer's address; behind a trusted edge "<client> via <edge>". */
  readonly peer: string;
  readonly what: string;
  readonly target: string;
  /** What ties an outcome to its intent: an action's id, a turn's, a check's, an approval's. */
  readonly request_id: string;
  readonly decision: "accepted" | "refused" | "asked" | "allowed" | "denied" | "answered" | "lapsed" | "";
  /** `done`, `failed`, `unknown`, `stopped`, or the status code of a refusal; empty for an intent. */
  readonly outcome: string;
  readonly detail: string;
  /** The seq of the entry that it reads; null for what is no entry (refusals, sign-ins). */
  readonly entry: number | null;
}

export interface AuditRow extends AuditFact {
  /** 1, 2, 3 … without gaps. */
  readonly n: number;
  /** The hash of row n - 1. */
  readonly prev: string;
  readonly hash: string;
}

export interface Head {
  readonly n: number;
  readonly hash: string;
}

/** Before the first row. */
export const BEGINNING: Head = { n: 0, hash: "0".repeat(64) };

/** The most characters that one field may have; what is longer is cut, and says so. */
const LONGEST = 500;

/** What is hashed: a JSON list of every field in this order. Other programs that verify an export must build the same. */
export function canonical(row: Omit<AuditRow, "hash">): string {
  const { n, at, who, how, peer, what, target, request_id, decision, outcome, detail, entry, prev } = row;
  return JSON.stringify([n, at, who, how, peer, what, target, request_id, decision, outcome, detail, entry, prev]);
}

/** SHA-256 of the canonical row, in hex. */
export function hashOf(row: Omit<AuditRow, "hash">): string {
  return createHash("sha256").update(canonical(row)).digest("hex");
}

/** The next row behind `head`. */
export function chained(head: Head, fact: AuditFact): AuditRow {
  const row = { ...cleaned(fact), n: head.n + 1, prev: head.hash };
  return { ...row, hash: hashOf(row) };
}

export type Checked =
  | { readonly is: "whole"; readonly head: Head }
  /** `n` is the first row that does not hold; `why` is a sentence. */
  | { readonly is: "broken"; readonly n: number; readonly why: string };

/** Whether these rows go on from `head` without a break. Fields may hold anything: they come from a file. */
export function checkRows(head: Head, rows: Iterable<AuditRow>): Checked {
  for (const row of rows) {
    const n = head.n + 1;
    if (row.n !== n)
      return { is: "broken", n, why: `row ${n} is missing: after row ${head.n} comes ${String(row.n)}.` };
    if (row.prev !== head.hash)
      return { is: "broken", n, why: `row ${n} does not follow row ${head.n}: one of the two was changed.` };
    if (hashOf(row) !== row.hash)
      return { is: "broken", n, why: `row ${n} was changed: its hash is not that of what it says.` };
    head = { n, hash: row.hash };
  }
  return { is: "whole", head };
}

/** `57:9f86d0…`, as it stands on stderr, in an action's entry and in a notification. */
export const anchorOf = ({ n, hash }: Head): string => `${n}:${hash}`;

export function readAnchor(text: string): Head | null {
  const found = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text.trim());
  return found && { n: Number(found[1]), hash: found[2]! };
}

/** The sentence for an anchor that the chain does not bear out, or null. `hash` is that of the row with its number. */
export function missedAnchor(anchor: Head, hash: string | undefined): string | null {
  if (anchor.n === 0 || hash === anchor.hash) return null;
  return hash === undefined
    ? `row ${anchor.n} was there when its hash was noted, and is missing: the end of the audit was cut off.`
    : `row ${anchor.n} had another hash when it was noted: the audit was rewritten up to there.`;
}

/** Invisible and control characters go: they could be stored in two ways that read alike. */
function cleaned(fact: AuditFact): AuditFact {
  const { at, entry, ...words } = fact;
  const clean = Object.fromEntries(Object.entries(words).map(([name, text]) => [name, line(text)]));
  return { ...(clean as unknown as typeof words), at, entry };
}

function line(text: string): string {
  const one = text
    .replace(/\s+/g, " ")
    .replace(/[\p{C}\ufffd]/gu, "?")
    .trim();
  const letters = [...one];
  return letters.length > LONGEST ? `${letters.slice(0, LONGEST).join("")}…` : one;
}
