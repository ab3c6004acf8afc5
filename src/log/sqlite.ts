/**
 * The log on bun:sqlite. Appends of one tick are committed together, then told; durable ones with an fsync. It knows no kind of
 * entry. If the disk refuses, or does not answer, ordinary appends are rejected, and those marked `rescue` are kept in memory
 * under their seq, told all the same, and written as soon as the disk takes them: a sick disk must not stop a verb.
 */
import type { Database } from "bun:sqlite";
import { QuietCheckpoint } from "./checkpoint.ts";
import { ALWAYS_ANSWERS, type Disk, moveMark } from "./disk.ts";
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
} from "./log.ts";
import { hurried, openDatabase } from "./open.ts";
import { COLUMNS, type Kept, LogReading } from "./reading.ts";

interface Waiting {
  readonly drafts: readonly Draft[];
  readonly moment: unknown;
  readonly resolve: (appended: readonly Appended[]) => void;
  readonly reject: (error: unknown) => void;
}

/** How often what is kept in memory is offered to the disk again, ms. */
const TRY_AGAIN_MS = 3000;
/** How often an erasure looks whether a disk that did not answer is back, ms. */
const ASK_ANEW_MS = 500;

export class SqliteLog extends LogReading implements Log, Erasing {
  /** Where an unreadable file went at the start, or null. */
  readonly moved_aside: string | null;
  /** The sentence of the last failed commit, or null when the last one was taken. */
  trouble: string | null = null;
  protected readonly chatter: Database;
  protected unsaved: Kept[] = [];
  private readonly durable: Database;
  private readonly checkpoint: QuietCheckpoint;
  private readonly followers = new Set<(entries: readonly Entry[]) => void>();
  private readonly nurses: (() => void)[] = [];
  private said: string | null = null;
  private waiting: Waiting[] = [];
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
    private readonly disk: Disk = ALWAYS_ANSWERS,
  ) {
    super();
    const opened = openDatabase(path, now());
    this.chatter = opened.chatter;
    this.durable = opened.durable;
    this.checkpoint = new QuietCheckpoint([this.chatter, this.durable], disk);
    for (const db of new Set([this.chatter, this.durable])) disk.guard(db);
    disk.follow(() => {
      this.tellIllness();
      if (disk.trouble === null && this.unsaved.length > 0) this.flush(null);
    });
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
      setImmediate(async () => {
        const trouble = await this.disk.asked();
        this.flushing = false;
        this.flush(trouble);
      });
    });
  }

  /** @param trouble what is wrong with the disk, if that is known: then it is not touched. */
  private flush(trouble: string | null): void {
    const batch = this.waiting;
    this.waiting = [];
    if (batch.length === 0 && this.unsaved.length === 0) return;
    // What was kept waited long enough to be on the disk for good.
    const durable = this.unsaved.length > 0 || batch.some((w) => w.drafts.some((d) => d.durable));
    const db = durable ? this.durable : this.chatter;
    let results: Appended[][];
    try {
      if (trouble !== null) throw new LogUnwritable(trouble);
      results = db.transaction(() => {
        this.companion?.opening(db);
        for (const { entry, once } of this.unsaved) this.insert(db, entry, once);
        return batch.map((w) => w.drafts.map((draft) => this.write(db, draft, w.moment)));
      })();
    } catch (error) {
      this.companion?.settled(false);
      this.refused(batch, error);
      return;
    }
    this.written();
    this.settle(batch, results);
    this.tellIllness();
  }

  private refused(batch: readonly Waiting[], error: unknown): void {
    this.trouble = error instanceof Error ? error.message : String(error);
    const refused = new LogUnwritable(`the log can't be written: ${this.trouble}`);
    const kept: Waiting[] = [];
    const results: Appended[][] = [];
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
    this.tellIllness();
  }

  /** The transaction is over, and whatever was kept went with it. */
  private written(): void {
    this.companion?.settled(true);
    this.unsaved = [];
    this.trouble = null;
    this.stopTrying();
    moveMark(this.chatter);
    this.checkpoint.committed();
  }

  private tryAgain(): void {
    if (this.again || this.closed) return;
    this.again = setTimeout(async () => {
      const trouble = await this.disk.asked();
      // Written meanwhile, or closed.
      if (this.again === null) return;
      this.again = null;
      hurried(this.durable, () => this.flush(trouble));
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
    this.flush(this.disk.trouble);
    const db = this.durable;
    const moment = this.companion?.asked();
    try {
      if (this.disk.trouble !== null) throw new LogUnwritable(this.disk.trouble);
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
        while (!this.closed) {
          if ((await this.disk.asked()) !== null) {
            await Bun.sleep(ASK_ANEW_MS);
            continue;
          }
          if (this.closed || !eraseSome(this.durable)) break;
          moveMark(this.chatter);
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

  follow(told: (entries: readonly Entry[]) => void): () => void {
    this.followers.add(told);
    return () => this.followers.delete(told);
  }

  /** What a page says while the disk is sick: one sentence for the operator, or null. */
  get illness(): string | null {
    const kept = this.unsaved.length;
    const waits = kept === 0 ? "" : ` ${kept === 1 ? "1 entry waits" : `${kept} entries wait`} for it in memory.`;
    if (this.disk.trouble !== null)
      return `This console's disk does not answer: verbs work, prompts and checks are refused.${waits}`;
    return kept > 0
      ? `This console's disk refuses (${this.trouble}): verbs work, prompts and checks do not.${waits}`
      : null;
  }

  followIllness(told: () => void): void {
    this.nurses.push(told);
  }

  private tellIllness(): void {
    const now = this.illness;
    if (now === this.said) return;
    this.said = now;
    for (const told of this.nurses)
      try {
        told();
      } catch (error) {
        console.error("telling of the disk failed:", error);
      }
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.erasure?.catch(() => {});
    this.flush(await this.disk.asked());
    this.stopTrying();
    this.companion?.close();
    this.checkpoint.close();
    // Closing brings the write-ahead file home, which is a write like any other.
    if (this.disk.trouble !== null) return;
    this.chatter.close();
    if (this.durable !== this.chatter) this.durable.close();
  }
}
