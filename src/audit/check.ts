/**
 * Checks the chain as it stands in the file: rows in slices, so that nobody waits long, and the anchors that were noted
 * elsewhere. It only reads. A file that can't be read is as broken as one that was changed.
 */
import type { Database } from "bun:sqlite";
import { appendFileSync, readFileSync } from "node:fs";
import type { Entry } from "../log/log.ts";
import {
  type AuditRow,
  anchorOf,
  BEGINNING,
  type Checked,
  checkRows,
  type Head,
  missedAnchor,
  readAnchor,
} from "./audit.ts";
import { AUDITED_KINDS, readEntry } from "./reading.ts";

/** Rows at once: 500 take about 4 ms. */
export const SLICE = 500;

export function rowsAfter(db: Database, n: number, limit = SLICE): AuditRow[] {
  return db.query("select * from audit where n > ? order by n limit ?").all(n, limit) as AuditRow[];
}

export function hashAt(db: Database, n: number): string | undefined {
  return (db.query("select hash from audit where n = ?").get(n) as { hash: string } | null)?.hash;
}

export function lastOf(db: Database): Head {
  return (db.query("select n, hash from audit order by n desc limit 1").get() as Head | null) ?? BEGINNING;
}

/** The whole chain, every anchor, and that no deed of the log is without its row. `pause` lets others work between slices. */
export async function checkWhole(
  db: Database,
  anchors: readonly Head[],
  pause: () => Promise<void> = async () => {},
): Promise<Checked> {
  let head = BEGINNING;
  for (;;) {
    const rows = rowsAfter(db, head.n);
    const checked = checkRows(head, rows);
    if (checked.is === "broken") return checked;
    head = checked.head;
    if (rows.length < SLICE) break;
    await pause();
  }
  for (const anchor of [...anchors, ...anchorsInLog(db)]) {
    const why = missedAnchor(anchor, hashAt(db, anchor.n));
    if (why) return { is: "broken", n: anchor.n, why };
  }
  const without = entryWithoutRow(db);
  if (without !== null)
    return {
      is: "broken",
      n: head.n + 1,
      why: `entry ${without} of the log has no row in the audit: rows are missing, perhaps at its end.`,
    };
  return { is: "whole", head };
}

/** Each mutating action's intent carries the head that was true then. */
function anchorsInLog(db: Database): Head[] {
  const noted = db
    .query("select json_extract(body, '$.audit') as anchor from entry where kind = 'requested'")
    .all() as { anchor: unknown }[];
  return noted.map(({ anchor }) => (typeof anchor === "string" ? readAnchor(anchor) : null)).filter((a) => a !== null);
}

/** The first entry that somebody caused and the audit does not tell; null when there is none. Older entries than the audit don't count. */
function entryWithoutRow(db: Database): number | null {
  const begun = db.query("select detail from audit where n = 1").get() as { detail: string } | null;
  const after = Number(/after entry (\d+)/.exec(begun?.detail ?? "")?.[1] ?? 0);
  const marks = AUDITED_KINDS.map(() => "?").join(", ");
  const found = db
    .query(
      `select seq, at, stream, kind, about, body from entry where kind in (${marks}) and seq > ?
         and not exists (select 1 from audit where audit.entry = entry.seq) order by seq`,
    )
    .all(...AUDITED_KINDS, after) as (Omit<Entry, "body"> & { body: string })[];
  return found.find((row) => readEntry({ ...row, body: JSON.parse(row.body) }) !== null)?.seq ?? null;
}

/**
 * Anchors beside the database, one a line, added at each mutating action: they show a cut-off end even where nobody noted a
 * hash elsewhere. Whoever can write the one file can write the other; a hash on another machine is better.
 */
export function noteAnchor(path: string, head: Head): void {
  try {
    appendFileSync(path, `${anchorOf(head)}\n`, { mode: 0o600 });
  } catch {
    // a full disk: stderr has it
  }
}

export function anchorsBeside(path: string): Head[] {
  try {
    return readFileSync(path, "utf8")
      .split("\n")
      .map(readAnchor)
      .filter((anchor) => anchor !== null);
  } catch {
    return [];
  }
}
