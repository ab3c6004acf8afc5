/**
 * Erases what may go from the log: a whole session, or what actions printed long ago. The triggers of `erase.sql` let nothing else go.
 * In small batches, each a transaction of its own, so that nobody waits for it; a restart goes on where the last stop cut it. It
 * decides nothing, and writes no entry.
 */
import type { Database } from "bun:sqlite";

const ROWS = 400;
export const PRINTED = "printed";

export interface Weight {
  readonly entries: number;
  readonly bytes: number;
}

const ofStream = "stream = ?1";
const ofPrinted = "kind = 'printed' and stream like 'target:%' and at < ?1";

export function weightOf(db: Database, what: { stream: string } | { printed_before: number }): Weight {
  const [where, value] = "stream" in what ? [ofStream, what.stream] : [ofPrinted, what.printed_before];
  return db
    .query(`select count(*) as entries, coalesce(sum(length(body)), 0) as bytes from entry where ${where}`)
    .get(value) as Weight;
}

/** In the transaction of the entry that tells of it. From now on the session is not there any more. */
export function markErasing(db: Database, what: { stream: string } | { printed_before: number }): void {
  const [name, before] = "stream" in what ? [what.stream, 0] : [PRINTED, what.printed_before];
  db.query("insert or replace into erasing (what, before) values (?, ?)").run(name, before);
  if ("stream" in what) {
    db.query("delete from entry where stream = ? and kind = 'opened'").run(what.stream);
    blankApprovals(db, what.stream.slice("session:".length));
  }
}

/** One batch. False when nothing is left to erase. */
export function eraseSome(db: Database): boolean {
  const next = db.query("select what, before from erasing limit 1").get() as { what: string; before: number } | null;
  if (!next) return false;
  const printed = next.what === PRINTED;
  db.transaction(() => {
    const { changes } = db
      .query(
        `delete from entry where seq in (select seq from entry where ${printed ? ofPrinted : ofStream} limit ${ROWS})`,
      )
      .run(printed ? next.before : next.what);
    if (changes === 0) db.query("delete from erasing where what = ?").run(next.what);
  })();
  return true;
}

/** The write-ahead file has earlier versions of the pages; it is emptied when nobody reads it just then. */
export function forgetPages(db: Database): void {
  db.run("pragma wal_checkpoint(truncate)");
}

/** The agent's words and commands, and what was answered to them; who allowed what stays, and that it was used. */
function blankApprovals(db: Database, session: string): void {
  const asked = db
    .query(
      "select seq, stream, about, body from entry where kind = 'approval_asked' and stream like 'target:%' and json_extract(body, '$.session') = ?",
    )
    .all(session) as { seq: number; stream: string; about: string; body: string }[];
  const update = db.query("update entry set body = ? where seq = ?");
  for (const { seq, stream, about, body } of asked) {
    const answers = db
      .query("select seq, body from entry where stream = ? and about = ? and kind = 'approval_answered'")
      .all(stream, about) as { seq: number; body: string }[];
    for (const answer of answers) {
      const said = JSON.parse(answer.body) as { text?: string };
      if (said.text !== undefined) update.run(JSON.stringify({ ...said, text: "", erased: 1 }), answer.seq);
    }
    update.run(JSON.stringify({ ...JSON.parse(body), input: {}, reason: "", preflight: [], erased: 1 }), seq);
  }
}
