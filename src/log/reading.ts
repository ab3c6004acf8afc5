/**
 * The reading half of the log: what is in the database, and what the disk has not taken yet, as one. It writes nothing, and
 * knows no kind of entry.
 */
import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { Entry, Log, Reading, StreamRange } from "./log.ts";

export const COLUMNS = "seq, at, stream, kind, about, body";

/** An entry that the disk has not taken yet. */
export interface Kept {
  readonly entry: Entry;
  readonly once: string | null;
}

type Reads = "read" | "tail" | "about" | "newest" | "unfinished" | "once" | "last" | "lastOfEach";

export abstract class LogReading implements Pick<Log, Reads> {
  /** The connection that is read from. */
  protected abstract readonly chatter: Database;
  /** Oldest first. */
  protected abstract readonly unsaved: readonly Kept[];

  once(key: string, db = this.chatter): Entry | null {
    const waiting = this.unsaved.find((u) => u.once === key);
    if (waiting) return waiting.entry;
    return this.rows(`select ${COLUMNS} from entry where once = ?`, [key], db)[0] ?? null;
  }

  read(q: Reading): Entry[] {
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

  /** Of what the disk has not taken yet, oldest first. */
  private inMemory(these: (entry: Entry) => boolean): Entry[] {
    return this.unsaved.map((u) => u.entry).filter(these);
  }

  private rows(sql: string, values: SQLQueryBindings[], db = this.chatter): Entry[] {
    return (db.query(sql).all(...values) as Row[]).map((row) => ({ ...row, body: JSON.parse(row.body) }));
  }
}

interface Row {
  seq: number;
  at: number;
  stream: string;
  kind: string;
  about: string | null;
  body: string;
}
