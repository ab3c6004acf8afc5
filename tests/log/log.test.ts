import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Entry } from "../../src/log/log.ts";
import { LogUnwritable } from "../../src/log/log.ts";
import { SqliteLog } from "../../src/log/sqlite.ts";

const folders: string[] = [];
const logs: SqliteLog[] = [];
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "bg-log-"));
  folders.push(made);
  return made;
}
function openLog(path: string): SqliteLog {
  const log = new SqliteLog(path);
  logs.push(log);
  return log;
}
afterEach(async () => {
  for (const log of logs.splice(0)) await log.close().catch(() => {});
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

const said = (text: string, stream = "session:a") => ({ stream, kind: "said", body: { text } });

test("what was appended is read back in order after a reopening, and told once, after it was committed", async () => {
  const path = join(folder(), "log.db");
  const log = openLog(path);
  const told: Entry[] = [];
  log.follow((entries) => {
    // Told only when another connection can see it.
    const other = new Database(path, { readonly: true });
    const { n } = other.query("select count(*) as n from entry").get() as { n: number };
    other.close();
    expect(n).toBeGreaterThanOrEqual(told.length + entries.length);
    told.push(...entries);
  });
  await Promise.all(Array.from({ length: 50 }, (_, i) => log.append({ ...said(`line ${i}`), durable: i % 7 === 0 })));
  expect(told.map((e) => (e.body as { text: string }).text)).toEqual(Array.from({ length: 50 }, (_, i) => `line ${i}`));
  await log.close();
  const again = openLog(path);
  const read = again.read({ streams: [{ stream: "session:a" }], after: 0, limit: 100 });
  expect(read).toEqual(told);
  expect(again.head).toBe(told.at(-1)!.seq);
});

test("a once key is written once: in one batch, in later ones, and after a reopening", async () => {
  const path = join(folder(), "log.db");
  const log = openLog(path);
  const both = await Promise.all([
    log.append({ ...said("first"), once: "k" }),
    log.append({ ...said("second"), once: "k" }),
  ]);
  expect(both.map((a) => a.fresh)).toEqual([true, false]);
  expect(both[1]!.entry).toEqual(both[0]!.entry);
  expect((await log.append({ ...said("third"), once: "k" })).fresh).toBe(false);
  await log.close();
  const again = openLog(path);
  expect((await again.append({ ...said("fourth"), once: "k" })).entry.body).toEqual({ text: "first" });
  expect(again.read({ streams: [{ stream: "session:a" }], after: 0, limit: 9 })).toHaveLength(1);
});

test("streams are read together in seq order, from where each begins, forwards and from the tail", async () => {
  const log = openLog(":memory:");
  await log.append(said("old", "target:t"));
  const { entry } = await log.append(said("a1"));
  await log.append(said("t1", "target:t"));
  await log.append(said("b", "session:b"));
  await log.append(said("a2"));
  const streams = [{ stream: "session:a" }, { stream: "target:t", from: entry.seq }];
  const words = (entries: Entry[]) => entries.map((e) => (e.body as { text: string }).text);
  expect(words(log.read({ streams, after: 0, limit: 9 }))).toEqual(["a1", "t1", "a2"]);
  expect(words(log.read({ streams, after: entry.seq, limit: 1 }))).toEqual(["t1"]);
  expect(words(log.tail({ streams, limit: 2 }))).toEqual(["t1", "a2"]);
  expect(words(log.tail({ streams, limit: 9, upto: entry.seq }))).toEqual(["a1"]);
  expect(log.last(streams)).toBe(log.head);
});

test("entries can't be changed or deleted, by hand neither", async () => {
  const path = join(folder(), "log.db");
  const log = openLog(path);
  await log.append(said("stays"));
  const other = new Database(path);
  expect(() => other.run("update entry set body = '{}'")).toThrow("append-only");
  expect(() => other.run("delete from entry")).toThrow("append-only");
  other.close();
  expect(statSync(path).mode & 0o077).toBe(0);
});

test("what was running when the program stopped is found by what is missing", async () => {
  const log = openLog(":memory:");
  const about = (kind: string, subject: string) => ({ stream: "session:a", kind, about: subject, body: {} });
  await log.appendAll([about("prompted", "1"), about("turn_ended", "1"), about("prompted", "2"), about("said", "2")]);
  expect(log.unfinished("prompted", ["turn_ended"]).map((e) => e.about)).toEqual(["2"]);
});

test("killed with -9 in full flow, it lost nothing that it had acknowledged, and goes on", async () => {
  const path = join(folder(), "log.db");
  const child = Bun.spawn(
    [
      process.execPath,
      "-e",
      `import { SqliteLog } from ${JSON.stringify(join(import.meta.dir, "../../src/log/sqlite.ts"))};
       const log = new SqliteLog(${JSON.stringify(path)});
       for (let i = 0; ; i++) {
         const { entry } = await log.append({ stream: "session:a", kind: "said", body: { i }, durable: i % 5 === 0 });
         process.stdout.write(entry.seq + "\\n");
       }`,
    ],
    { stdout: "pipe", stderr: "inherit" },
  );
  let acknowledged = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    acknowledged += decoder.decode(chunk);
    if (acknowledged.length > 2000) child.kill("SIGKILL");
  }
  await child.exited;
  const seqs = acknowledged.split("\n").slice(0, -1).map(Number);
  expect(seqs.length).toBeGreaterThan(100); // else this proves nothing
  const log = openLog(path);
  const kept = new Set(log.read({ streams: [{ stream: "session:a" }], after: 0, limit: 1e6 }).map((e) => e.seq));
  expect(seqs.filter((seq) => !kept.has(seq))).toEqual([]);
  expect((await log.append(said("after"))).entry.seq).toBeGreaterThan(seqs.at(-1)!);
});

test("a file that is no database is moved aside, not deleted, and a new log begins", async () => {
  const dir = folder();
  const path = join(dir, "log.db");
  writeFileSync(path, "this was never a database, and is longer than a header ".repeat(40));
  const log = openLog(path);
  expect(log.moved_aside).not.toBeNull();
  expect(readdirSync(dir).some((name) => name.startsWith("log.db.bad-"))).toBe(true);
  await log.append(said("new"));
  expect(log.head).toBe(1);
});

test("a log of a newer version is left alone, with a sentence", () => {
  const path = join(folder(), "log.db");
  const db = new Database(path, { create: true });
  db.run("pragma user_version = 99");
  db.close();
  expect(() => new SqliteLog(path)).toThrow("newer Breakglass");
});

test("when the disk refuses, ordinary appends are rejected and a verb's are kept, told, and written later", async () => {
  const path = join(folder(), "log.db");
  const log = openLog(path);
  await log.append(said("before"));
  const told: Entry[] = [];
  log.follow((entries) => told.push(...entries));
  const blocker = new Database(path);
  // A writer that does not let go: SQLITE_BUSY after the timeout stands in for a disk that refuses.
  blocker.run("begin immediate");
  const chat = log.append(said("lost, and said so"));
  const verb = log.append({
    stream: "target:t",
    kind: "requested",
    about: "x",
    body: {},
    once: "action:x",
    rescue: true,
  });
  await expect(chat).rejects.toBeInstanceOf(LogUnwritable);
  expect((await verb).fresh).toBe(true);
  expect(log.once("action:x")?.kind).toBe("requested");
  expect(told.map((e) => e.kind)).toEqual(["requested"]);
  expect(log.trouble).not.toBeNull();
  expect(log.about("target:t", "x")).toHaveLength(1);
  blocker.run("rollback");
  blocker.close();
  await log.append(said("after"));
  expect(log.trouble).toBeNull();
  const { n } = new Database(path, { readonly: true }).query("select count(*) as n from entry").get() as { n: number };
  expect(n).toBe(3);
}, 20_000);
