/**
 * An entry as a fact of the audit: what it says, and what it leaves out and others know: whose deed an outcome is of (its
 * intent's row), and which target a session is on. It only reads the database.
 */
import type { Database } from "bun:sqlite";
import type { Operator } from "../access/operator.ts";
import type { Entry } from "../log/log.ts";
import type { AuditFact, AuditRow } from "./audit.ts";
import { howOf, readEntry } from "./reading.ts";

type Intent = Pick<AuditRow, "who" | "how" | "peer" | "what" | "target">;

export class Facts {
  private readonly targets = new Map<string, string>();

  constructor(private readonly db: Database) {}

  /** @param near rows that are on their way to the disk. */
  of(entry: Entry, once: string | null, moment: Operator | null, near: readonly AuditRow[]): AuditFact | null {
    const said = readEntry(entry);
    if (!said) return null;
    if (entry.kind === "opened" && said.target) this.targets.set(entry.stream, said.target);
    const request_id = subjectOf(entry);
    const intent = said.who === "" ? this.intentOf(request_id, near) : null;
    const who = said.who || intent?.who || "console";
    const here = moment?.name === who ? moment : null;
    const sent = once?.startsWith("prompt:") ? `, request id ${once.split(":")[2]}` : "";
    return {
      at: entry.at,
      who,
      how: here?.how ?? intent?.how ?? howOf(who),
      peer: here?.from ?? intent?.peer ?? "",
      what: intent && said.what === "action" ? intent.what : said.what,
      target: said.target ?? intent?.target ?? this.targetOf(entry.stream),
      request_id,
      decision: said.decision ?? "",
      outcome: said.outcome ?? "",
      detail: `${said.detail ?? ""}${sent}${said.who !== "" && entry.stream.startsWith("session:") ? ` [session ${entry.stream.slice(8, 16)}]` : ""}`,
      entry: entry.seq,
    };
  }

  intentOf(request_id: string, near: readonly AuditRow[]): Intent | null {
    if (request_id === "") return null;
    const here = near.find((row) => row.request_id === request_id);
    if (here) return here;
    return this.looked<Intent>(
      "select who, how, peer, what, target from audit where request_id = ? and request_id <> '' order by n limit 1",
      request_id,
    );
  }

  private targetOf(stream: string): string {
    if (stream.startsWith("target:")) return stream.slice("target:".length);
    const known = this.targets.get(stream);
    if (known !== undefined) return known;
    const opened = this.looked<{ target: string }>(
      "select json_extract(body, '$.target') as target from entry where kind = 'opened' and stream = ? limit 1",
      stream,
    );
    if (opened) this.targets.set(stream, opened.target);
    return opened?.target ?? "";
  }

  /** A disk that can't even be read must not stop a verb: the row says less then. */
  private looked<T>(sql: string, value: string): T | null {
    try {
      return this.db.query(sql).get(value) as T | null;
    } catch {
      return null;
    }
  }
}

/** What a fact that is no entry begins with. */
export const NOTHING: AuditFact = {
  at: 0,
  who: "",
  how: "",
  peer: "",
  what: "",
  target: "",
  request_id: "",
  decision: "",
  outcome: "",
  detail: "",
  entry: null,
};

/** The turn, the action, the check; of an agent's call its own id, and a session's where it is opened. */
function subjectOf(entry: Entry): string {
  const { tool_id } = (entry.body ?? {}) as { tool_id?: unknown };
  if (entry.kind === "called" || entry.kind === "returned") return String(tool_id ?? "");
  return entry.kind === "opened" ? entry.stream.slice("session:".length) : (entry.about ?? "");
}
