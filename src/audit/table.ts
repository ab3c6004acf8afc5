/**
 * The audit in its table: a row in the transaction of the entry that it reads, and rows for what is no entry. When the disk
 * refuses or does not answer, rows are kept in memory and printed on stderr, one JSON line each, and written once when it takes them again.
 */
import type { Database } from "bun:sqlite";
import type { Operator } from "../access/operator.ts";
import { ALWAYS_ANSWERS, type Disk, moveMark } from "../log/disk.ts";
import type { Companion, Entry } from "../log/log.ts";
import { hurried } from "../log/open.ts";
import { VERBS, type VerbName } from "../power/verb.ts";
import { whoAsks } from "./asking.ts";
import { type AuditFact, type AuditRow, anchorOf, BEGINNING, chained, type Head } from "./audit.ts";
import { lastOf, noteAnchor } from "./check.ts";
import { Facts, NOTHING } from "./facts.ts";
import { asSql, type Filter, fits } from "./filter.ts";
import { Look, type Standing } from "./look.ts";

const COLUMNS = [
  "n",
  "at",
  "who",
  "how",
  "peer",
  "what",
  "target",
  "request_id",
  "decision",
  "outcome",
  "detail",
  "entry",
  "prev",
  "hash",
] as const satisfies readonly (keyof AuditRow)[];
const INSERT = `insert into audit (${COLUMNS.join(", ")}) values (${COLUMNS.map(() => "?").join(", ")})`;

const TRY_AGAIN_MS = 3000;
/** Beyond this many rows in memory, refusals are on stderr alone; what somebody did is always kept. */
const MOST_PENDING = 2000;

export class AuditTable implements Companion<Database, Operator | null> {
  private db: Database | null = null;
  private durable: Database | null = null;
  /** The last row on disk. */
  private head: Head = BEGINNING;
  /** Rows that happened and are not on disk yet, chained already. */
  private pending: AuditRow[] = [];
  /** Rows of the transaction under way. */
  private fresh: AuditRow[] = [];
  private noted: AuditFact[] = [];
  private left_out = 0;
  private trouble = "";
  private facts: Facts | null = null;
  private look: Look | null = null;
  private again: ReturnType<typeof setTimeout> | null = null;

  constructor(
    /** The file of anchors; null for a log in memory. */
    private readonly anchors: string | null,
    private readonly now: () => number = Date.now,
    /** Takes secrets out of what is no entry; an entry's were taken out by the log. */
    private readonly clean: <T>(fact: T) => T = (fact) => fact,
    private readonly disk: Disk = ALWAYS_ANSWERS,
  ) {}

  /** For a notification, or whatever else keeps a hash where nobody can rewrite it: "57:9f86d0…". */
  anchor(): string {
    return anchorOf(this.head);
  }

  /** Rows, on disk or not. */
  get size(): number {
    return this.top().n;
  }

  get unsaved(): number {
    return this.pending.length;
  }

  begin({ chatter, durable }: { chatter: Database; durable: Database }, moved_aside: string | null): void {
    this.db = chatter;
    this.durable = durable;
    this.facts = new Facts(chatter);
    this.look = new Look(chatter, this.anchors, this.now);
    this.head = lastOf(chatter);
    const { seq } = chatter.query("select coalesce(max(seq), 0) as seq from entry").get() as { seq: number };
    const by = { who: "console", decision: "accepted" } as const;
    if (this.head.n === 0)
      this.note({
        ...by,
        what: "audit begun",
        // Two chains never begin alike, so that no row of one fits into the other.
        detail: `chain ${crypto.randomUUID()}, after entry ${seq}${moved_aside ? `, since the file before it could not be read: ${moved_aside}` : ""}`,
      });
    this.note({ ...by, what: "console started" });
    this.flush();
  }

  asked(): Operator | null {
    return whoAsks();
  }

  opening(db: Database): void {
    for (const row of this.pending) insert(db, row);
  }

  wrote(db: Database, entry: Entry, once: string | null, moment: Operator | null): void {
    const fact = this.facts!.of(entry, once, moment, this.near());
    if (!fact) return;
    const row = chained(this.top(), fact);
    insert(db, row);
    this.fresh.push(row);
  }

  settled(committed: boolean): void {
    const rows = this.fresh;
    this.fresh = [];
    if (!committed) return;
    const written = [...this.pending, ...rows];
    this.pending = [];
    this.trouble = "";
    this.stopTrying();
    const last = written.at(-1);
    if (last) this.head = { n: last.n, hash: last.hash };
    this.tellAnchors(written);
  }

  kept(entry: Entry, once: string | null, moment: Operator | null, why: string): void {
    const fact = this.facts!.of(entry, once, moment, this.near());
    if (fact) this.keep(fact, why);
  }

  /** What is no entry: a refusal, a sign-in, an export. Written as soon as the disk has answered, and never awaited. */
  note(fact: Pick<AuditFact, "who" | "what"> & Partial<AuditFact>): void {
    if (this.noted.length === 0) setImmediate(() => void this.ready());
    this.noted.push(this.clean({ ...NOTHING, at: this.now(), ...fact }));
  }

  /** Before a look: what was noted so far is on the disk, or kept. */
  async ready(): Promise<void> {
    if (this.noted.length > 0) this.flush(await this.disk.asked());
  }

  /** Newest first. */
  rows(filter: Filter, before: number, limit: number): AuditRow[] {
    this.flush();
    const here = this.pending.filter((row) => row.n < before && fits(row, filter)).reverse();
    const [where, values] = asSql(filter);
    const there = this.db!.query(`select * from audit where n < ? and ${where} order by n desc limit ?`).all(
      before,
      ...values,
      limit,
    ) as AuditRow[];
    return [...here, ...there].slice(0, limit);
  }

  /** Oldest first, for an export. */
  rowsFrom(filter: Filter, after: number, limit: number): AuditRow[] {
    const [where, values] = asSql(filter);
    return this.db!.query(`select * from audit where n > ? and ${where} order by n limit ?`).all(
      after,
      ...values,
      limit,
    ) as AuditRow[];
  }

  knows(request_id: string): boolean {
    return (
      this.facts!.intentOf(request_id, this.near()) !== null ||
      this.noted.some((fact) => fact.request_id === request_id)
    );
  }

  /** The rows since the last look are checked, and whether the old ones still end where they did. */
  standing(): Standing {
    this.flush();
    return { head: this.head, ...this.look!.on(this.head), pending: this.pending.length, trouble: this.trouble };
  }

  /** From the first row on, in slices; those who ask meanwhile wait for the same. */
  checkAll(): Promise<void> {
    this.flush();
    return this.look!.all(() => this.head);
  }

  close(): void {
    this.stopTrying();
    this.flush();
    this.stopTrying();
    if (this.anchors !== null && this.head.n > 0 && this.disk.trouble === null) noteAnchor(this.anchors, this.head);
  }

  private flush(disk_trouble = this.disk.trouble): void {
    const facts = this.noted;
    this.noted = [];
    if (facts.length === 0 && this.pending.length === 0) return;
    // A disk that has just refused is not asked for each row: a lock would hold everybody up for its whole time limit.
    const why = disk_trouble ?? (this.again ? this.trouble : null);
    if (why !== null) {
      for (const fact of facts) this.keep(fact, why);
      this.tryAgain();
      return;
    }
    const db = this.durable!;
    try {
      db.transaction(() => {
        this.opening(db);
        for (const fact of facts) {
          const row = chained(this.top(), fact);
          insert(db, row);
          this.fresh.push(row);
        }
        if (this.left_out === 0) return;
        const detail = `${this.left_out} refusals while the disk refused are on stderr alone`;
        const row = chained(this.top(), { ...NOTHING, at: this.now(), who: "console", what: "left out", detail });
        insert(db, row);
        this.fresh.push(row);
      })();
      this.settled(true);
      moveMark(this.db!);
      this.left_out = 0;
    } catch (error) {
      this.settled(false);
      const why = error instanceof Error ? error.message : String(error);
      for (const fact of facts) this.keep(fact, why);
      this.tryAgain();
    }
  }

  private keep(fact: AuditFact, why: string): void {
    this.trouble = why;
    if (this.pending.length >= MOST_PENDING && fact.decision === "refused") {
      this.left_out++;
      console.error(JSON.stringify({ audit: fact, not_on_disk: why }));
      return;
    }
    const row = chained(this.top(), fact);
    this.pending.push(row);
    console.error(JSON.stringify({ audit: row, not_on_disk: why }));
    this.tryAgain();
  }

  private tryAgain(): void {
    if (this.again) return;
    this.again = setTimeout(async () => {
      const trouble = await this.disk.asked();
      // Closed meanwhile, or written by the log.
      if (this.again === null) return;
      this.again = null;
      hurried(this.durable!, () => this.flush(trouble));
    }, TRY_AGAIN_MS);
    this.again.unref();
  }

  private stopTrying(): void {
    if (this.again) clearTimeout(this.again);
    this.again = null;
  }

  private near(): readonly AuditRow[] {
    return this.pending.length + this.fresh.length === 0 ? [] : [...this.pending, ...this.fresh];
  }

  /** The last row that there is, on disk or not. */
  private top(): Head {
    return this.fresh.at(-1) ?? this.pending.at(-1) ?? this.head;
  }

  /** An action's head hash goes to where rows can't be rewritten afterwards: to stderr, and to the file of anchors. */
  private tellAnchors(rows: readonly AuditRow[]): void {
    const last = rows.findLast((row) => row.entry !== null && VERBS[row.what as VerbName]?.mutates);
    if (!last) return;
    console.error(
      `breakglass: audit ${anchorOf(last)} ${last.what} on ${last.target} by ${last.who}: ${last.outcome || "requested"} (${last.request_id})`,
    );
    if (this.anchors !== null) noteAnchor(this.anchors, last);
  }
}

function insert(db: Database, row: AuditRow): void {
  db.query(INSERT).run(...COLUMNS.map((name) => row[name]));
}
