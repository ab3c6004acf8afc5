import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteLog } from "../../src/log/sqlite.ts";

test("once it is quiet, all that was written is in the database file itself, and not before", async () => {
  const dir = mkdtempSync(join(tmpdir(), "bg-checkpoint-"));
  const path = join(dir, "log.db");
  const log = new SqliteLog(path);
  const said = (text: string) => ({ stream: "session:a", kind: "said", body: { text: text.padEnd(200, ".") } });
  // Some 2,000 pages in the write-ahead file: SQLite itself would have moved them within one of these commits.
  for (let i = 0; i < 400; i++) await log.append(said(`line ${i}`));
  expect(rowsAlone(path)).toBeLessThan(400); // else the commits did it
  for (let waited = 0; rowsAlone(path) < 400 && waited < 10_000; waited += 100) await Bun.sleep(100);
  expect(rowsAlone(path)).toBe(400);
  await log.append(said("after it"));
  expect(log.tail({ streams: [{ stream: "session:a" }], limit: 500 })).toHaveLength(401);
  await log.close();
  rmSync(dir, { recursive: true });
});

/** What a copy of the file without its write-ahead log holds. */
function rowsAlone(path: string): number {
  const copy = `${path}.copy`;
  copyFileSync(path, copy);
  const db = new Database(copy);
  try {
    return (db.query("select count(*) as n from entry").get() as { n: number }).n;
  } catch {
    return 0;
  } finally {
    db.close();
  }
}
