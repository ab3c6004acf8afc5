/**
 * The log: one append-only table with one global seq. Sessions, actions, checks and approvals are streams in it.
 * The page is a fold of it, the SSE stream its tail, the audit a second reading of it. This file is the contract; it
 * knows no database (`sqlite.ts` is one) and no kind of entry (the domains' `event.ts` files do).
 */
export interface Entry<K extends string = string, B = unknown> {
  /** The number of the row: ascending, global, with gaps in any one stream. */
  readonly seq: number;
  /** When it was written, milliseconds since the epoch (UTC). Order is by seq, never by this. */
  readonly at: number;
  /** `session:<uuid>`, `target:<id>` or `access`. */
  readonly stream: string;
  readonly kind: K;
  /** The subject within the stream (a turn, an action's id, a check's run); entries of one subject fold into one thing. */
  readonly about: string | null;
  readonly body: B;
}

export interface Draft {
  readonly stream: string;
  readonly kind: string;
  readonly about?: string | null;
  readonly body: unknown;
  /** A key that may be written once, ever: a second append with it writes nothing and answers the first entry. */
  readonly once?: string;
  /** True for what must survive a power cut (intent, outcome, audit): committed with synchronous=FULL. */
  readonly durable?: boolean;
  /** True for what must go on when the disk is full (a verb's intent and outcome): then kept in memory and on stderr. */
  readonly rescue?: boolean;
}

export interface Appended {
  readonly entry: Entry;
  /** False when `once` was known: `entry` is the first one. */
  readonly fresh: boolean;
}

export interface Log {
  /** Resolves when it is committed; only then is it told to followers. Rejects with LogUnwritable; never half-writes. */
  append(draft: Draft): Promise<Appended>;
  appendAll(drafts: readonly Draft[]): Promise<readonly Appended[]>;
  /** Entries of these streams with after < seq <= upto, oldest first, at most `limit`. */
  read(q: Reading): Entry[];
  /** The newest `limit` entries of these streams with seq <= upto, oldest first. */
  tail(q: { streams: readonly StreamRange[]; upto?: number; limit: number }): Entry[];
  /** All entries about one subject, oldest first. */
  about(stream: string, about: string): Entry[];
  /** Entries of one kind, newest first; of one stream, or of all (null). */
  newest(q: { stream: string | null; kind: string; limit: number; before?: number }): Entry[];
  /** Entries of `kind` whose subject has no entry of the kinds `ends`: what was running when the program stopped. */
  unfinished(kind: string, ends: readonly string[]): Entry[];
  /** The entry that a `once` key wrote. */
  once(key: string): Entry | null;
  /** The newest committed seq, 0 when empty. */
  readonly head: number;
  /** The newest committed seq of these streams, 0 when none. */
  last(streams: readonly StreamRange[]): number;
  /** Of each stream whose name begins so, its newest seq; newest first. */
  lastOfEach(prefix: string): { readonly stream: string; readonly seq: number }[];
  /** Called after each commit with what it wrote, in order, synchronously. Returns the way to stop. */
  follow(told: (entries: readonly Entry[]) => void): () => void;
  close(): Promise<void>;
}

/** What may go from a log: a session's own stream, or what actions printed before a time. */
export type Erasable = { readonly stream: `session:${string}` } | { readonly printed_before: number };

/** A log whose old parts may go. Seqs, `once` keys of actions and approvals, and the audit stay as they are. */
export interface Erasing {
  /** How many entries that would be, and how many bytes their bodies have. */
  weightOf(what: Erasable): { readonly entries: number; readonly bytes: number };
  /** Writes the stub and marks the rest, in one transaction, before it returns: from then on the session is not there. Throws LogUnwritable. */
  erase(what: Erasable, stub: Draft): Entry;
  /** Erases what is marked, in small batches; also what an earlier stop left. */
  eraseMarked(): Promise<void>;
  /** The streams that are marked. */
  marked(): string[];
}

/** A stream from a seq on: a session shows its target's entries only since it began. */
export interface StreamRange {
  readonly stream: string;
  readonly from?: number;
}

export interface Reading {
  readonly streams: readonly StreamRange[];
  readonly after: number;
  readonly upto?: number;
  readonly limit: number;
}

/**
 * What is written beside the entries, in their transactions: the audit. All calls are synchronous; `moment` is what
 * `asked` said when the draft came, since it is written a little later.
 */
export interface Companion<D, M = unknown> {
  /** Once, when the file is open: the connections to write through, as the log does. */
  begin(connections: { readonly chatter: D; readonly durable: D }, moved_aside: string | null): void;
  asked(): M;
  /** In the transaction, before any entry of it. */
  opening(db: D): void;
  /** In the transaction, after the entry. */
  wrote(db: D, entry: Entry, once: string | null, moment: M): void;
  /** The transaction is over; false: nothing of it is there. */
  settled(committed: boolean): void;
  /** The disk refuses; the entry is in memory, and will be written without another `wrote`. */
  kept(entry: Entry, once: string | null, moment: M, why: string): void;
  close(): void;
}

export class LogUnwritable extends Error {
  override readonly name = "LogUnwritable";
}
