/** A disk that refuses and comes back: what was kept in memory meanwhile is found by every way of reading, and written by itself. */
import { Database } from "bun:sqlite";
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { AuditTable } from "../../src/audit/table.ts";
import { SqliteLog } from "../../src/log/sqlite.ts";
import { tempDir } from "../support/server.ts";

setDefaultTimeout(30_000);

const open: { log: SqliteLog; dir: string }[] = [];
afterEach(async () => {
  for (const { log, dir } of open.splice(0)) {
    await log.close().catch(() => {});
    rmSync(dir, { recursive: true, force: true });
  }
});
function begin() {
  const dir = tempDir("refusing");
  const path = join(dir, "log.db");
  const reopen = () => {
    const log = new SqliteLog(path, Date.now, new AuditTable(null));
    open.push({ log, dir });
    return log;
  };
  /** A writer that does not let go stands in for a disk that refuses. Answers the way to let go. */
  const refuse = () => {
    const blocker = new Database(path);
    blocker.run("begin immediate");
    return () => blocker.close();
  };
  const onDisk = (sql: string) => {
    const db = new Database(path, { readonly: true });
    const rows = db.query(sql).all();
    db.close();
    return rows;
  };
  return { log: reopen(), path, reopen, refuse, onDisk };
}

const of = (kind: string, id: string, stream = "target:t") => ({ stream, kind, about: id, body: {}, rescue: true });
const requested = (id: string) => ({
  ...of("requested", id),
  body: { verb: "cycle", by: "ann", session: null, override: null },
  once: `action:${id}`,
  durable: true,
});

test("what was kept is written by itself when the disk takes it again, though nobody writes anything more", async () => {
  const { log, refuse, onDisk } = begin();
  const heal = refuse();
  const { entry } = await log.append(requested("one"));
  expect(onDisk("select * from entry")).toEqual([]); // else it was never refused
  heal();
  while (log.trouble !== null) await Bun.sleep(50);
  expect(onDisk("select seq, once from entry")).toEqual([{ seq: entry.seq, once: "action:one" }]);
  expect(onDisk("select entry from audit where entry is not null")).toEqual([{ entry: entry.seq }]);
});

test("a stop right after the disk came back takes along what was kept, and its once key", async () => {
  const { log, reopen, refuse } = begin();
  const heal = refuse();
  await log.append(requested("one"));
  expect(log.trouble).not.toBeNull(); // else it was never refused
  heal();
  await log.close();
  const again = reopen();
  expect(again.once("action:one")?.kind).toBe("requested");
  expect((await again.append(requested("one"))).fresh).toBe(false);
});

test("a disk that takes nothing until the end lets the log be closed all the same", async () => {
  const { log, refuse } = begin();
  const heal = refuse();
  await log.append(requested("one"));
  await log.close();
  heal();
});

test("a number that the audit has and the log does not is not given again", async () => {
  const { log, path, reopen } = begin();
  const { entry } = await log.append(requested("one"));
  await log.close();
  const db = new Database(path);
  // As a console leaves it that ended after the audit's rows were written, and before the entries.
  db.run("drop trigger entry_no_delete");
  db.run(`delete from entry where seq = ${entry.seq}`);
  db.close();
  const again = reopen();
  // One that is not kept at any price: it is taken, or refused.
  expect((await again.append({ ...requested("two"), rescue: false })).entry.seq).toBe(entry.seq + 1);
});

test("while the disk refuses, every way of reading has what is in memory", async () => {
  const { log, refuse } = begin();
  await log.appendAll([requested("one"), requested("two"), of("said", "x", "session:a")]);
  const heal = refuse();
  await log.appendAll([of("finished", "one"), requested("three"), requested("four"), of("finished", "four")]);
  const read = () => {
    const abouts = (entries: readonly { about: string | null }[]) => entries.map((e) => e.about);
    const newest = (q: { limit: number; before?: number }, stream: string | null = "target:t") =>
      abouts(log.newest({ stream, kind: "requested", ...q }));
    return {
      newest: newest({ limit: 9 }),
      of_all: newest({ limit: 3 }, null),
      of_others: newest({ limit: 9 }, "session:a"),
      before: newest({ limit: 2, before: log.newest({ stream: null, kind: "requested", limit: 1 })[0]!.seq }),
      unfinished: abouts(log.unfinished("requested", ["finished"])),
      last: log.lastOfEach("target:").map((each) => each.seq - log.head),
      others: log.lastOfEach("session:").map((each) => each.stream),
      tail: abouts(log.tail({ streams: [{ stream: "target:t" }], limit: 2 })),
    };
  };
  const meanwhile = read();
  expect(log.trouble).not.toBeNull(); // else all of it came from the disk
  expect(meanwhile).toEqual({
    newest: ["four", "three", "two", "one"],
    of_all: ["four", "three", "two"],
    of_others: [],
    before: ["three", "two"],
    unfinished: ["two", "three"],
    last: [0],
    others: ["session:a"],
    tail: ["four", "four"],
  });
  heal();
  await log.append(of("said", "x", "session:b"));
  expect(log.trouble).toBeNull();
  expect({ ...read(), last: [0], others: ["session:a"] }).toEqual(meanwhile);
});

test("the newest entry of each stream is found for those that begin so, newest first", async () => {
  const { log } = begin();
  for (const [stream, about] of [
    ["session:b", "1"],
    ["session:a", "2"],
    ["target:t", "3"],
    ["session:b", "4"],
    ["sessions", "5"],
    ["access", "6"],
  ] as const)
    await log.append(of("said", about, stream));
  expect(log.lastOfEach("session:")).toEqual([
    { stream: "session:b", seq: 4 },
    { stream: "session:a", seq: 2 },
  ]);
  expect(log.lastOfEach("nothing:")).toEqual([]);
});
