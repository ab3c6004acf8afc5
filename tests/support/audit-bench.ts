/** An audit as a console writes one: a real log with its table, some deeds and some refusals; and the cells of its rows in the file. */
import { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";
import type { AuditRow } from "../../src/audit/audit.ts";
import { AuditTable } from "../../src/audit/table.ts";
import { SqliteLog } from "../../src/log/sqlite.ts";

export function openAudited(path: string, now: () => number = Date.now) {
  const audit = new AuditTable(path === ":memory:" ? null : `${path}.anchors`, now);
  return { audit, log: new SqliteLog(path, now, audit) };
}

export type Audited = ReturnType<typeof openAudited>;

/** `times` rounds of a prompt, an action and a refusal, as their owners write them. */
export async function doThings({ audit, log }: Audited, times: number): Promise<void> {
  const stream = "session:0b5c9a52-0000-4000-8000-000000000000";
  await log.append({ stream, kind: "opened", body: { target: "devvm", by: "edge:viktor" } });
  for (let i = 0; i < times; i++) {
    const [turn, id] = [`turn-${i}`, `cycle-${i}`];
    await log.append({
      stream,
      kind: "prompted",
      about: turn,
      body: { text: "what is wrong?", by: "edge:viktor", model: null },
      durable: true,
    });
    await log.append({
      stream: "target:devvm",
      kind: "requested",
      about: id,
      body: { verb: "cycle", by: "edge:viktor", session: null, override: null, audit: audit.anchor() },
      durable: true,
      rescue: true,
      once: `action:${id}`,
    });
    await log.append({
      stream: "target:devvm",
      kind: "finished",
      about: id,
      body: { outcome: "done", exit_code: 0, rejected: false, why: "VM 102 runs, QEMU pid 4021 is new" },
      durable: true,
      rescue: true,
    });
    audit.note({ who: "nobody", peer: "203.0.113.9", what: "GET /", decision: "refused", outcome: "401" });
    await log.append({ stream, kind: "said", about: turn, body: { text: "nothing that anybody did" } });
  }
}

export function rowsOf(path: string): AuditRow[] {
  const db = new Database(path, { readonly: true });
  try {
    return db.query("select * from audit order by n").all() as AuditRow[];
  } finally {
    db.close();
  }
}

/** Brings the write-ahead log home, so that the one file holds everything. */
export function settle(path: string): void {
  const db = new Database(path);
  db.run("pragma wal_checkpoint(truncate)");
  db.run("pragma journal_mode = delete");
  db.close();
}

/**
 * Where the rows' cells lie in a settled file: [from, to) byte by byte. The table is a b-tree without rowids: on pages of
 * type 10 (leaf) and 2 (inner), whose header and list of two-byte cell offsets the file format describes.
 */
export function cellsOf(path: string): { from: number; to: number }[] {
  const file = readFileSync(path);
  const db = new Database(path, { readonly: true });
  const { rootpage } = db.query("select rootpage from sqlite_schema where name = 'audit'").get() as {
    rootpage: number;
  };
  db.close();
  const size = file.readUInt16BE(16);
  const cells: { from: number; to: number }[] = [];
  const visit = (page: number): void => {
    const at = (page - 1) * size;
    const inner = file[at] === 2;
    if (!inner && file[at] !== 10) throw new Error(`page ${page} is of type ${file[at]}`);
    const count = file.readUInt16BE(at + 3);
    for (let i = 0; i < count; i++) {
      const from = at + file.readUInt16BE(at + (inner ? 12 : 8) + 2 * i);
      const payload = from + (inner ? 4 : 0);
      const [length, bytes] = varint(file, payload);
      if (length > 1000) throw new Error("a row on an overflow page: this reader knows none");
      cells.push({ from: payload, to: payload + bytes + length });
      if (inner) visit(file.readUInt32BE(from));
    }
    if (inner) visit(file.readUInt32BE(at + 8));
  };
  visit(rootpage);
  return cells;
}

function varint(file: Buffer, at: number): [number, number] {
  let value = 0;
  for (let i = 0; i < 8; i++) {
    value = value * 128 + (file[at + i]! & 127);
    if (file[at + i]! < 128) return [value, i + 1];
  }
  throw new Error("a number of nine bytes");
}
