/**
 * `bun run audit verify|export`: the audit at the server's own terminal, from the file alone, whether the console runs or not. It
 * only reads: an export is told to the console by a line in the data directory, since the log has one writer.
 */
import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Checked, type Head, readAnchor } from "./audit.ts";
import { anchorsBeside, checkWhole, rowsAfter, SLICE } from "./check.ts";
import { leaveAct } from "./left.ts";

export const AUDIT_USAGE = `Usage: bun run audit verify [anchor …]
       bun run audit export > audit.jsonl

verify checks the whole chain, and that it has the anchors: those that the console noted, and those you name
("57:9f86d0…", as on stderr and in notifications). Exit code 0: whole. 1: changed, missing or unreadable.
export prints every row, one JSON line each, oldest first.`;

/** Exit code. */
export async function auditAtTerminal(words: readonly string[], data_dir: string, who: string): Promise<number> {
  const [what, ...rest] = words;
  const path = join(data_dir, "breakglass.db");
  if ((what !== "verify" && what !== "export") || (what === "export" && rest.length > 0)) return fail(AUDIT_USAGE);
  if (!existsSync(path)) return fail(`breakglass: there is no log at ${path}; run this with the console's settings.`);
  if (what === "export") return exportRows(path, data_dir, who);
  const anchors = rest.map(readAnchor);
  const odd = rest[anchors.indexOf(null)];
  if (odd !== undefined) return fail(`breakglass: '${odd}' is no anchor; give it as 57:<64 hexadecimal digits>.`);
  const checked = await verifyFile(path, anchors as Head[]);
  if (checked.is === "whole") {
    console.log(
      `The audit is whole: rows 1 to ${checked.head.n}, and every anchor fits.\nHead: ${checked.head.n}:${checked.head.hash}`,
    );
    return 0;
  }
  console.log(`THE AUDIT DOES NOT HOLD at row ${checked.n}: ${checked.why}`);
  return 1;
}

/** With the console's own anchors beside the file, and these. A file that can't be read is broken. */
export async function verifyFile(path: string, anchors: readonly Head[]): Promise<Checked> {
  let db: Database | null = null;
  try {
    db = new Database(path, { readonly: true });
    // What no row shows: a cell with more in it than the row says, an index that knows other rows.
    const { integrity_check } = db.query("pragma integrity_check('audit')").get() as { integrity_check: string };
    const checked = await checkWhole(db, [...anchorsBeside(`${path}.anchors`), ...anchors]);
    if (checked.is === "whole" && integrity_check !== "ok")
      return { is: "broken", n: checked.head.n, why: `SQLite finds the table damaged: ${integrity_check}.` };
    return checked;
  } catch (error) {
    const why = `it can't be read: ${error instanceof Error ? error.message : String(error)}.`;
    return { is: "broken", n: 1, why };
  } finally {
    db?.close();
  }
}

async function exportRows(path: string, data_dir: string, who: string): Promise<number> {
  const db = new Database(path, { readonly: true });
  const out = Bun.stdout.writer();
  let n = 0;
  for (;;) {
    const rows = rowsAfter(db, n);
    for (const row of rows) out.write(`${JSON.stringify(row)}\n`);
    await out.flush();
    n = rows.at(-1)?.n ?? n;
    if (rows.length < SLICE) break;
  }
  db.close();
  leaveAct(data_dir, { who, what: "audit exported", detail: `rows 1 to ${n}, at the terminal` });
  return 0;
}

function fail(sentence: string): number {
  console.error(sentence);
  return 2;
}
