/** The audit's promise: whatever one byte of it becomes, whatever is missing, verify finds it. Seeded; the seed is in every failure. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AuditRow,
  BEGINNING,
  chained,
  checkRows,
  hashOf,
  missedAnchor,
  readAnchor,
} from "../../src/audit/audit.ts";
import { verifyFile } from "../../src/audit/terminal.ts";
import { cellsOf, doThings, openAudited, rowsOf, settle } from "../support/audit-bench.ts";

const SEED = Number(process.env.AUDIT_SEED ?? 20261122);

/** mulberry32: small, and the same everywhere. */
function seeded(seed: number) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return { below: (n: number) => Math.floor(next() * n) };
}

let folder = "";
let original = "";
let rows: AuditRow[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "bg-audit-"));
  original = join(folder, "original.db");
  const audited = openAudited(original);
  await doThings(audited, 24);
  await audited.log.close();
  settle(original);
  rows = rowsOf(original);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the untouched audit verifies, in memory and from its file", async () => {
  expect(rows.length).toBeGreaterThan(90);
  expect(checkRows(BEGINNING, rows)).toEqual({ is: "whole", head: { n: rows.length, hash: rows.at(-1)!.hash } });
  expect((await verifyFile(original, [])).is).toBe("whole");
});

test("1,000 seeded edits of rows: every changed byte, missing row, exchanged pair and cut-off end is found", () => {
  const random = seeded(SEED);
  const anchor = { n: rows.length, hash: rows.at(-1)!.hash };
  const kinds = { byte: 0, gone: 0, cut: 0, exchanged: 0, forged: 0 };
  for (let i = 0; i < 1000; i++) {
    const edited = rows.map((row) => ({ ...row }));
    const at = random.below(edited.length);
    const kind = (["byte", "byte", "byte", "gone", "cut", "exchanged", "forged"] as const)[random.below(7)]!;
    if (kind === "byte") flipIn(edited[at]!, random);
    if (kind === "gone") edited.splice(at, 1 + random.below(3));
    if (kind === "cut") edited.length = at;
    if (kind === "exchanged") {
      const other = (at + 1 + random.below(edited.length - 1)) % edited.length;
      [edited[at], edited[other]] = [edited[other]!, edited[at]!];
    }
    // Changed with a right hash of its own: the next row gives it away, or the anchor where it is the last.
    if (kind === "forged") edited[at] = rehashed({ ...edited[at]!, who: "edge:somebody-else" });
    kinds[kind]++;
    const checked = checkRows(BEGINNING, edited);
    const missed = missedAnchor(anchor, edited.find((row) => row.n === anchor.n)?.hash);
    expect(checked.is === "broken" || missed !== null, `seed ${SEED}, edit ${i}: ${kind} at row ${at + 1}`).toBe(true);
  }
  // Else some kind of edit was never tried.
  expect(Math.min(...Object.values(kinds))).toBeGreaterThan(80);
});

test("a chain rewritten from some row on, hashes and all, is found by any anchor from behind it", () => {
  const random = seeded(SEED + 1);
  for (let i = 0; i < 50; i++) {
    const at = random.below(rows.length - 1);
    let head = at === 0 ? BEGINNING : { n: at, hash: rows[at - 1]!.hash };
    const rewritten = rows.slice(at).map(({ n: _, prev: __, hash: ___, ...fact }, j) => {
      const row = chained(head, j === 0 ? { ...fact, who: "edge:somebody-else" } : fact);
      head = { n: row.n, hash: row.hash };
      return row;
    });
    const all = [...rows.slice(0, at), ...rewritten];
    expect(checkRows(BEGINNING, all).is).toBe("whole"); // else the anchor proves nothing here
    const anchor = rows[at + random.below(rows.length - at)]!;
    expect(missedAnchor(anchor, all[anchor.n - 1]!.hash), `seed ${SEED}, rewrite ${i}`).toContain("rewritten");
    expect(missedAnchor(anchor, undefined)).toContain("cut off");
  }
});

test("1,000 seeded edits of the file itself are found: bytes changed, bytes cut out, the end cut off", async () => {
  const random = seeded(SEED + 2);
  const cells = cellsOf(original);
  expect(cells.length).toBe(rows.length);
  const last = Math.max(...cells.map(({ to }) => to));
  const whole = readFileSync(original);
  const path = join(folder, "edited-bytes.db");
  const tried = { changed: 0, gone: 0, cut: 0 };
  let told = 0;
  for (let i = 0; i < 1000; i++) {
    const { from, to } = cells[random.below(cells.length)]!;
    const at = from + (i % 3 === 0 ? random.below(Math.min(20, to - from)) : random.below(to - from));
    const kind = (["changed", "changed", "changed", "gone", "cut"] as const)[random.below(5)]!;
    const edited = Buffer.from(whole);
    if (kind === "changed") edited[at] = edited[at]! ^ (1 + random.below(255));
    const length = 1 + random.below(16);
    const bytes =
      kind === "changed"
        ? edited
        : kind === "gone"
          ? Buffer.concat([edited.subarray(0, at), edited.subarray(at + length)])
          : edited.subarray(0, 100 + random.below(last - 100));
    tried[kind]++;
    writeFileSync(path, bytes);
    const checked = await verifyFile(path, []);
    expect(checked.is, `seed ${SEED}, edit ${i}: ${kind} at byte ${at}, ${length} of them`).toBe("broken");
    if (checked.is === "broken" && /was changed|does not follow/.test(checked.why)) told++;
  }
  expect(Math.min(...Object.values(tried))).toBeGreaterThan(100);
  // Else they were found because nothing could be read at all.
  expect(told).toBeGreaterThan(300);
});

test("rows edited through SQLite with the triggers dropped are found, each in its file", async () => {
  const random = seeded(SEED + 3);
  const middle = () => 2 + random.below(rows.length - 2);
  const edits: [string, string, number[]][] = [
    ["a name", "update audit set who = 'edge:mallory' where n = ?", [middle()]],
    ["a time", "update audit set at = at + 1 where n = ?", [middle()]],
    ["an outcome", "update audit set outcome = 'failed' where n = ? and outcome <> 'failed'", [middle()]],
    ["an entry", "update audit set entry = null where n = ? + 0", [rows.find((row) => row.entry !== null)!.n]],
    ["a hash", "update audit set hash = prev where n = ?", [middle()]],
    ["a row gone", "delete from audit where n = ?", [middle()]],
    ["the end cut off", "delete from audit where n > ?", [rows.length - 5]],
    ["everything gone", "delete from audit where n > ?", [0]],
    ["a hole closed", "update audit set n = n - 1 where n > ?", [rows.length - 1]],
  ];
  for (const [what, sql, values] of edits) {
    const path = join(folder, "edited.db");
    copyFileSync(original, path);
    const db = new Database(path);
    db.run("drop trigger audit_no_update");
    db.run("drop trigger audit_no_delete");
    if (what === "a hole closed") db.run("delete from audit where n = ?", [values[0]!]);
    const { changes } = db.query(sql).run(...values);
    db.close();
    expect([what, changes > 0, (await verifyFile(path, [])).is]).toEqual([what, true, "broken"]);
  }
});

test("the last row cut off together with what it tells of is found by an anchor alone", async () => {
  const path = join(folder, "cut.db");
  copyFileSync(original, path);
  const db = new Database(path);
  for (const trigger of ["audit_no_delete", "entry_no_delete"]) db.run(`drop trigger ${trigger}`);
  db.run("delete from audit where n > 40");
  db.run("delete from entry where seq > (select coalesce(max(entry), 0) from audit)");
  db.close();
  expect((await verifyFile(path, [])).is).toBe("whole"); // no one can tell by the file alone
  expect((await verifyFile(path, [readAnchor(`${rows.length}:${rows.at(-1)!.hash}`)!])).is).toBe("broken");
  copyFileSync(`${original}.anchors`, `${path}.anchors`);
  expect((await verifyFile(path, [])).is).toBe("broken");
});

test("the file itself refuses to change or forget a row", () => {
  const db = new Database(original);
  expect(() => db.run("update audit set who = 'x' where n = 2")).toThrow("append-only");
  expect(() => db.run("delete from audit where n = 2")).toThrow("append-only");
  db.close();
});

function rehashed(row: AuditRow): AuditRow {
  return { ...row, hash: hashOf(row) };
}

/** One byte of one field, as an editor of the file would; a field that is no text becomes another number. */
function flipIn(row: AuditRow, random: ReturnType<typeof seeded>): void {
  const fields = Object.keys(row) as (keyof AuditRow)[];
  const name = fields[random.below(fields.length)]!;
  const value = row[name];
  const edited = row as unknown as Record<string, unknown>;
  if (typeof value === "number") edited[name] = value ^ (1 << random.below(8));
  else if (value === null) edited[name] = random.below(256);
  else if (value === "") edited[name] = String.fromCharCode(32 + random.below(90));
  else {
    const bytes = Buffer.from(value as string);
    const at = random.below(bytes.length);
    bytes[at] = bytes[at]! ^ (1 + random.below(127));
    edited[name] = bytes.toString();
  }
}
