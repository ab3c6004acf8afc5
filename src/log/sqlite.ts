/**
 * The log on bun:sqlite. Appends of one tick are committed together, then told; durable ones with an fsync.
 * It knows no kind of entry. If the disk refuses, ordinary appends are rejected, and those marked `rescue` are kept in
 * memory under their seq, told all the same, and written as soon as the disk takes them: a full disk must not stop a verb.
 */
import type { Database, SQLQueryBindings } from "bun:sqlite";
import { QuietCheckpoint } from "./checkpoint.ts";
import { eraseSome, forgetPages, markErasing, weightOf } from "./erase.ts";
import {
  type Appended,
  type Companion,
  type Draft,
  type Entry,
  type Erasable,
  type Erasing,
  type Log,
  LogUnwritable,
  type StreamRange,
} from "./log.ts";
import { openDatabase, PATIENCE_MS } from "./open.ts";

interface Row {
  seq: number;
  at: number;
  stream: string;
  kind: string;
  about: string | null;
  body: string;
}

interface Waiting {
  readonly drafts: readonly Draft[];
  readonly moment: unknown;
  readonly resolve: (appended: readonly Appended[]) => void;
  readonly reject: (error: unknown) => void;
}

const COLUMNS = "seq, at, stream, kind, about, body";
/** How often what is kept in memory is offered to the disk again, ms. */
const TRY_AGAIN_MS = 3000;
/** How long a retry waits for another writer, ms: everything stands still meanwhile, and nobody asked for it. */
const LITTLE_PATIENCE_MS = 50;

export class SqliteLog implements Log, Erasing {
  /** Where an unreadable file went at the start, or null. */
  readonly moved_aside: string | null;
  /** The sentence of the last failed commit, or null when the last one was taken. */
  trouble: string | null = null;
  private readonly chatter: Database;
  private readonly durable: Database;
  private readonly checkpoint: QuietCheckpoint;
  private readonly followers = new Set<(entries: readonly Entry[]) => void>();
  private waiting: Waiting[] = [];
  private unsaved: { entry: Entry; once: string | null }[] = [];
  private committed: number;
  private flushing = false;
  private next = 0;
  private again: ReturnType<typeof setTimeout> | null = null;
  private erasure: Promise<void> | null = null;
  private closed = false;

  constructor(
    path: string,
    private readonly now: () => number = Date.now,
    /** Written in the same transactions: the audit. */
    private readonly companion: Companion<Database> | null = null,
    /** The one place where what others said comes in: secrets are taken out of every body here, before the disk and the followers. */
    private readonly clean: <T>(body: T) => T = (body) => body,
  ) {
    const opened = openDatabase(path, now());
    this.chatter = opened.chatter;
    this.durable = opened.durable;
    this.checkpoint = new QuietCheckpoint([this.chatter, this.durable]);
    this.moved_aside = opened.moved_aside;
    this.committed = (
      this.chatter.query("select coalesce(max(seq), 0) as seq from entry").get() as { seq: number }
    ).seq;
    // A row of the audit may be there without its entry, where the console ended while the disk refused: its number is taken.
    this.next = (this.chatter.query("select coalesce(max(entry), 0) as seq from audit").get() as { seq: number }).seq;
    companion?.begin(opened, opened.moved_aside);
  }

  get head(): number {
    return this.committed;
  }

  async append(draft: Draft): Promise<Appended> {
    return (await this.appendAll([draft]))[0]!;
  }

  appendAll(drafts: readonly Draft[]): Promise<readonly Appended[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ drafts, moment: this.companion?.asked(), resolve, reject });
      if (this.flushing) return;
      this.flushing = true;
      setImmediate(() => {
        this.flushing = false;
        this.flush();
      });
    });
  }

  private flush(): void {
    const batch = this.waiting;
    this.waiting = [];
    if (batch.length === 0 && this.unsaved.length === 0) return;
    // What was kept waited long enough to be on the disk for good.
    const durable = this.unsaved.length > 0 || batch.some((w) => w.drafts.some((d) => d.durable));
    const db = durable ? this.durable : this.chatter;
    let results: Appended[][];
    try {
      results = db.transaction(() => {
        this.companion?.opening(db);
        for (const { entry, once } of this.unsaved) this.insert(db, entry, once);
        return batch.map((w) => w.drafts.map((draft) => this.write(db, draft, w.moment)));
      })();
      this.written();
    } catch (error) {
      this.companion?.settled(false);
      this.trouble = error instanceof Error ? error.message : String(error);
      const refused = new LogUnwritable(`the log can't be written: ${this.trouble}`);
      const kept: Waiting[] = [];
      results = [];
      for (const w of batch) {
        if (!w.drafts.every((d) => d.rescue)) {
          w.reject(refused);
          continue;
        }
        kept.push(w);
        results.push(w.drafts.map((draft) => this.keep(draft, w.moment)));
      }
      if (this.unsaved.length > 0) this.tryAgain();
      this.settle(kept, results);
      return;
    }
    this.settle(batch, results);
  }

  /** The transaction is over, and whatever was kept went with it. */
  private written(): void {
    this.companion?.settled(true);
    this.unsaved = [];
    this.trouble = null;
    this.stopTrying();
    this.checkpoint.committed();
  }

  private tryAgain(): void {
    if (this.again || this.closed) return;
    this.again = setTimeout(() => {
      this.again = null;
      this.durable.run(`pragma busy_timeout = ${LITTLE_PATIENCE_MS}`);
      try {
        this.flush();
      } finally {
        this.durable.run(`pragma busy_timeout = ${PATIENCE_MS}`);
      }
    }, TRY_AGAIN_MS);
    this.again.unref();
  }

  private stopTrying(): void {
    if (this.again) clearTimeout(this.again);
    this.again = null;
  }

  weightOf(what: Erasable): { entries: number; bytes: number } {
    return weightOf(this.chatter, what);
  }

  erase(what: Erasable, stub: Draft): Entry {
    // What waits for its turn may belong to the stream.
    this.flush();
    const db = this.durable;
    const moment = this.companion?.asked();
    try {
      const entry = db.transaction(() => {
        this.companion?.opening(db);
        for (const kept of this.unsaved) this.insert(db, kept.entry, kept.once);
        const { entry } = this.write(db, stub, moment);
        markErasing(db, what);
        return entry;
      })();
      this.written();
      this.settle([], [[{ entry, fresh: true }]]);
      return entry;
    } catch (error) {
      this.companion?.settled(false);
      this.trouble = error instanceof Error ? error.message : String(error);
      throw new LogUnwritable(`the log can't be written: ${this.trouble}`);
    }
  }

  eraseMarked(): Promise<void> {
    this.erasure = (this.erasure ?? Promise.resolve())
      .catch(() => {})
      .then(async () => {
        let some = false;
        while (!this.closed && eraseSome(this.durable)) {
          some = true;
          // Others first: between two batches everything that waits is written and shown.
          await Bun.sleep(5);
        }
        if (some && !this.closed) forgetPages(this.durable);
      });
    return this.erasure;
  }

  marked(): string[] {
    return (this.chatter.query("select what from erasing").all() as { what: string }[]).map(({ what }) => what);
  }

  private settle(batch: readonly Waiting[], results: readonly Appended[][]): void {
    const fresh = results.flat().filter((a) => a.fresh);
    for (const { entry } of fresh) this.committed = Math.max(this.committed, entry.seq);
    const entries = fresh.map((a) => a.entry);
    if (entries.length > 0)
      for (const tell of this.followers) {
        try {
          tell(entries);
        } catch (error) {
          console.error("a follower of the log failed:", error);
        }
      }
    batch.forEach((w, i) => {
      w.resolve(results[i]!);
    });
  }

  private write(db: Database, draft: Draft, moment: unknown): Appended {
    if (draft.once !== undefined) {
      // Through the connection that writes: two taps may come with one key in one batch.
      const first = this.once(draft.once, db);
      if (first) return { entry: first, fresh: false };
    }
    const entry = this.entryOf(draft);
    this.insert(db, entry, draft.once ?? null);
    this.companion?.wrote(db, entry, draft.once ?? null, moment);
    return { entry, fresh: true };
  }

  private keep(draft: Draft, moment: unknown): Appended {
    const first = draft.once === undefined ? null : this.once(draft.once);
    if (first) return { entry: first, fresh: false };
    const entry = this.entryOf(draft);
    this.unsaved.push({ entry, once: draft.once ?? null });
    console.error(`not on disk (${this.trouble}): ${JSON.stringify(entry)}`);
    this.companion?.kept(entry, draft.once ?? null, moment, this.trouble ?? "");
    return { entry, fresh: true };
  }

  private entryOf(draft: Draft): Entry {
    // One writer per file: the seq is ours to give. A batch that failed leaves a gap, never a number used twice.
    this.next = Math.max(this.next, this.committed) + 1;
    // Through JSON, so that what is told now equals what is read later.
    const body = this.clean(JSON.parse(JSON.stringify(draft.body)));
    return {
      seq: this.next,
      at: this.now(),
      stream: draft.stream,
      kind: draft.kind,
      about: draft.about ?? null,
      body,
    };
  }

  private insert(db: Database, e: Entry, once: string | null): void {
    db.query(`insert into entry (${COLUMNS}, once) values (?, ?, ?, ?, ?, ?, ?)`).run(
      e.seq,
      e.at,
      e.stream,
      e.kind,
      e.about,
      JSON.stringify(e.body),
      once,
    );
  }

  once(key: string, db = this.chatter): Entry | null {
    const waiting = this.unsaved.find((u) => u.once === key);
    if (waiting) return waiting.entry;
    return this.rows(`select ${COLUMNS} from entry where once = ?`, [key], db)[0] ?? null;
  }

  read(q: { streams: readonly StreamRange[]; after: number; upto?: number; limit: number }): Entry[] {
    const upto = q.upto ?? Number.MAX_SAFE_INTEGER;
    return this.ofStreams(q.streams, "asc", (from) => Math.max(from - 1, q.after), upto + 1, q.limit);
  }

  tail(q: { streams: readonly StreamRange[]; upto?: number; limit: number }): Entry[] {
    const upto = q.upto ?? Number.MAX_SAFE_INTEGER;
    return this.ofStreams(q.streams, "desc", (from) => from - 1, upto + 1, q.limit).reverse();
  }

  private ofStreams(
    streams: readonly StreamRange[],
    order: "asc" | "desc",
    after: (from: number) => number,
    before: number,
    limit: number,
  ): Entry[] {
    const one = `select * from (select ${COLUMNS} from entry where stream = ? and seq > ? and seq < ? order by seq ${order} limit ?)`;
    const sql = `${streams.map(() => one).join(" union all ")} order by seq ${order} limit ?`;
    const values = streams.flatMap((s) => [s.stream, after(s.from ?? 0), before, limit]);
    const found = this.rows(sql, [...values, limit]);
    if (this.unsaved.length === 0) return found;
    const more = this.inMemory(
      (e) => streams.some((s) => s.stream === e.stream && e.seq > after(s.from ?? 0)) && e.seq < before,
    );
    return [...found, ...more].sort((a, b) => (order === "asc" ? a.seq - b.seq : b.seq - a.seq)).slice(0, limit);
  }

  about(stream: string, about: string): Entry[] {
    const found = this.rows(`select ${COLUMNS} from entry where stream = ? and about = ? order by seq`, [
      stream,
      about,
    ]);
    const more = this.inMemory((e) => e.stream === stream && e.about === about);
    return more.length === 0 ? found : [...found, ...more];
  }

  newest(q: { stream: string | null; kind: string; limit: number; before?: number }): Entry[] {
    const before = q.before ?? Number.MAX_SAFE_INTEGER;
    const found =
      q.stream === null
        ? this.rows(`select ${COLUMNS} from entry where kind = ? and seq < ? order by seq desc limit ?`, [
            q.kind,
            before,
            q.limit,
          ])
        : this.rows(
            `select ${COLUMNS} from entry where kind = ? and stream = ? and seq < ? order by seq desc limit ?`,
            [q.kind, q.stream, before, q.limit],
          );
    const more = this.inMemory(
      (e) => e.kind === q.kind && e.seq < before && (q.stream === null || e.stream === q.stream),
    );
    return more.length === 0 ? found : [...found, ...more].sort((a, b) => b.seq - a.seq).slice(0, q.limit);
  }

  unfinished(kind: string, ends: readonly string[]): Entry[] {
    const marks = ends.map(() => "?").join(", ");
    const found = this.rows(
      `select ${COLUMNS} from entry as a where kind = ? and not exists
         (select 1 from entry as b where b.stream = a.stream and b.about = a.about and b.kind in (${marks})) order by seq`,
      [kind, ...ends],
    );
    const ended = this.inMemory((e) => ends.includes(e.kind));
    // An end never comes to the disk before what it ends.
    const open = [...found, ...this.inMemory((e) => e.kind === kind)];
    return open.filter((e) => !ended.some((end) => end.stream === e.stream && end.about === e.about));
  }

  lastOfEach(prefix: string): { stream: string; seq: number }[] {
    // From one stream to the one before it, by the index: reading all entries would take longer with each.
    const found = this.chatter
      .query(
        `with recursive each(stream) as (
           select max(stream) from entry where stream >= ?1 and stream < ?2
           union all
           select (select max(stream) from entry where stream >= ?1 and stream < each.stream) from each where stream is not null
         )
         select stream, (select max(seq) from entry where entry.stream = each.stream) as seq from each where stream is not null`,
      )
      .all(prefix, `${prefix}\u{10ffff}`) as { stream: string; seq: number }[];
    const last = new Map(found.map(({ stream, seq }) => [stream, seq]));
    for (const { stream, seq } of this.inMemory((e) => e.stream.startsWith(prefix))) last.set(stream, seq);
    return [...last].map(([stream, seq]) => ({ stream, seq })).sort((a, b) => b.seq - a.seq);
  }

  last(streams: readonly StreamRange[]): number {
    return this.tail({ streams, limit: 1 })[0]?.seq ?? 0;
  }

  follow(told: (entries: readonly Entry[]) => void): () => void {
    this.followers.add(told);
    return () => this.followers.delete(told);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.erasure?.catch(() => {});
    this.flush();
    this.stopTrying();
    this.companion?.close();
    this.checkpoint.close();
    this.chatter.close();
    if (this.durable !== this.chatter) this.durable.close();
  }

  /** Of what the disk has not taken yet, oldest first. */
  private inMemory(these: (entry: Entry) => boolean): Entry[] {
    return this.unsaved.map((u) => u.entry).filter(these);
  }

  private rows(sql: string, values: SQLQueryBindings[], db = this.chatter): Entry[] {
    return (db.query(sql).all(...values) as Row[]).map((row) => ({ ...row, body: JSON.parse(row.body) }));
  }
}
