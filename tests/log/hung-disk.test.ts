/**
 * A disk that does not answer: the page and the verbs go on, and what could not be written is written once when it does. Here a
 * program that hangs stands for it, so that this needs no root; `tests/faults/frozen-disk.ts` is the same with a real one.
 */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AuditTable } from "../../src/audit/table.ts";
import { ALWAYS_ANSWERS, ProbedDisk } from "../../src/log/disk.ts";
import { LogUnwritable } from "../../src/log/log.ts";
import { SqliteLog } from "../../src/log/sqlite.ts";
import { tempDir } from "../support/server.ts";
import { goesOnWhileItHangs } from "../support/while-it-hangs.ts";

/** A disk whose sync hangs: a program of that name stands for it, so that this needs no root. */
function slowSync() {
  const dir = tempDir("slow-sync");
  const bin = join(dir, "bin");
  mkdirSync(bin);
  const program = join(bin, "sync");
  const hold = join(dir, "hold");
  writeFileSync(program, `#!/bin/sh\nwhile [ -e '${hold}' ]; do sleep 0.05; done\n`, { mode: 0o755 });
  const disk = new ProbedDisk(dir, `${bin}:${process.env.PATH}`, 300);
  return {
    dir,
    bin,
    disk,
    hang: () => writeFileSync(hold, ""),
    heal: () => rmSync(hold, { force: true }),
    [Symbol.dispose]() {
      rmSync(hold, { force: true });
      disk.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

test("the page and the verbs go on while the disk hangs, and all is on it once when it answers", async () => {
  using slow = slowSync();
  await goesOnWhileItHangs({ ...slow, env: { PATH: `${slow.bin}:${process.env.PATH}` } });
}, 60_000);

test("while the disk does not answer the log keeps what must go on and refuses the rest; then it writes what it kept, once", async () => {
  using slow = slowSync();
  const log = new SqliteLog(
    join(slow.dir, "log.db"),
    Date.now,
    new AuditTable(null, Date.now, undefined, slow.disk),
    undefined,
    slow.disk,
  );
  const told: (string | null)[] = [];
  log.followIllness(() => told.push(log.illness));
  const draft = (about: string, rescue: boolean) => ({ stream: "target:t", kind: "said", about, body: {}, rescue });
  const before = await log.append(draft("before", false));
  slow.hang();
  while (slow.disk.trouble === null) await log.append(draft("probing", true));
  await expect(log.append(draft("refused", false))).rejects.toThrow(LogUnwritable);
  expect(() => log.erase({ stream: "session:x" }, draft("stub", false))).toThrow("does not answer");
  const { entry } = await log.append({ ...draft("kept", true), once: "k" });
  expect([log.once("k"), log.illness]).toEqual([entry, expect.stringContaining("does not answer")]);
  let later = false;
  slow.disk.later(() => {
    later = true;
  });
  expect(later).toBe(false);
  slow.heal();
  while (log.illness !== null) await Bun.sleep(10);
  expect(later).toBe(true);
  const db = new Database(join(slow.dir, "log.db"), { readonly: true });
  const abouts = db.query("select about from entry where about != 'probing' order by seq").all();
  db.close();
  expect(abouts).toEqual([{ about: before.entry.about }, { about: "kept" }]);
  expect([told[0], told.at(-1)]).toEqual([expect.stringContaining("does not answer"), null]);
  await log.close();
});

test("a connection that would stand still refuses to write instead, and reads on", async () => {
  using slow = slowSync();
  const db = new Database(join(slow.dir, "other.db"));
  db.run("create table t (a)");
  slow.disk.guard(db);
  slow.hang();
  while ((await slow.disk.asked()) === null) await Bun.sleep(10);
  expect(() => db.run("insert into t values (1)")).toThrow("readonly");
  expect(db.query("select * from t").all()).toEqual([]);
  slow.heal();
  while (slow.disk.trouble !== null) await Bun.sleep(10);
  db.run("insert into t values (1)");
  db.close();
});

test("a disk that nobody writes to is not woken", async () => {
  using slow = slowSync();
  await slow.disk.asked();
  const probe = join(slow.dir, "answers");
  const { mtimeMs } = statSync(probe);
  // Longer than an answer counts: whatever asks by itself would ask again.
  await Bun.sleep(500);
  expect(statSync(probe).mtimeMs).toBe(mtimeMs);
});

test("where nothing can ask the disk, it is taken to answer: the log goes on as it did", async () => {
  const dir = tempDir("no-sh");
  const disk = new ProbedDisk(join(dir, "nowhere"), "/nowhere");
  expect(await disk.asked()).toBeNull();
  let done = false;
  disk.later(() => {
    done = true;
  });
  while (!done) await Bun.sleep(5);
  disk.close();
  expect(await ALWAYS_ANSWERS.asked()).toBeNull();
  rmSync(dir, { recursive: true, force: true });
});
