/** What everybody should have seen: the log by its file, a reading of the stream without a cut, and nobody left hanging afterwards. */
import { Database } from "bun:sqlite";
import { join } from "node:path";
import type { TestServer } from "../support/server.ts";
import type { CutClient, Kind } from "./cut-client.ts";
import { actionsLast, difference, type Fold, PageFold, ProgramFold, SseParser } from "./folding.ts";
import type { Findings } from "./result.ts";

/** A link that is gone is noticed at the latest when the next heartbeats can't be sent. */
const LET_GO_MS = 30_000;

interface Row {
  readonly seq: number;
  readonly kind: string;
  readonly about: string | null;
  readonly body: string;
}

/** The log by its file, beside the console's own reading of it. */
export function readLog(dir: string, session: string) {
  const db = new Database(join(dir, "lab", "breakglass.db"), { readonly: true });
  const ours = "stream = ? or (stream like 'target:%' and seq > (select min(seq) from entry where stream = ?))";
  const of = `session:${session}`;
  const newest = db.query<{ seq: number | null }, [string, string]>(`select max(seq) as seq from entry where ${ours}`);
  const all = db.query<Row, [string, string]>(
    `select seq, kind, about, iif(kind = 'said', body, '') as body from entry where ${ours} order by seq`,
  );
  return { head: () => newest.get(of, of)?.seq ?? 0, rows: () => all.all(of, of), close: () => db.close() };
}

/** Entries that no reader is shown; of those with a subject, what begins it stands in the transcript. */
const PAGE_SHOWS_NOTHING = ["opened", "titled", "agent_started", "turn_ended", "check_ended", "printed", "finished"];
const PROGRAM_SHOWS_NOTHING = ["opened", "titled", "remarked", "observed", "contacted", "printed", "finished"];

function idsOf(rows: readonly Row[], format: Kind["format"]): string[] {
  const none = format === "html" ? PAGE_SHOWS_NOTHING : PROGRAM_SHOWS_NOTHING;
  const ids = rows
    .filter(({ kind }) => !none.includes(kind))
    .map(({ seq, kind, about }) => {
      if (kind === "requested") return `a-${about}`;
      return kind === "check_started" && format === "html" ? `c-${about}` : `e${seq}`;
    });
  return format === "html" ? ids : actionsLast(ids, (id) => id);
}

export async function judge(
  server: TestServer,
  session: string,
  rows: readonly Row[],
  clients: readonly CutClient[],
  findings: Findings,
): Promise<void> {
  for (const format of ["html", "json"] as const) {
    const whole = await readWhole(server, session, format);
    // The reading without a cut is the measure of the words, and the file the measure of that reading.
    const ids = idsOf(rows, format);
    const read = whole.items.map(([id]) => id);
    for (const id of ids)
      if (!read.includes(id)) findings.bad("lost", `${id} of the log is not in the whole ${format}`);
    if (ids.join() !== read.join())
      findings.bad("unresolved", `the whole ${format} is not the log: ${read.length} of ${ids.length}`);
    const says = new Map(whole.items);
    for (const { seq, kind, body } of rows) {
      const text = kind === "said" ? (JSON.parse(body) as { text: string }).text : "";
      if (!says.get(`e${seq}`)?.includes(text) && text !== "")
        findings.bad("lost", `e${seq} does not say ${text} in ${format}`);
    }
    for (const { name, kind, fold, at } of clients) {
      if (kind.format !== format) continue;
      const wrong = [...fold.amiss, ...difference(whole.items, fold.items)];
      for (const one of wrong.slice(0, 20)) findings.bad(one.kind, `${name}: ${one.what}`);
      if (at < (rows.at(-1)?.seq ?? 0)) findings.bad("lost", `${name} came to ${at} of ${rows.at(-1)?.seq}`);
    }
  }
}

/** Every cut link is noticed and let go of, its compression, too. */
export async function nobodyLeft(server: TestServer, session: string, findings: Findings): Promise<void> {
  const began = performance.now();
  const attached = async () =>
    Number(/^breakglass_stream_clients (\d+)/m.exec(await (await fetch(`${server.url}/metrics`)).text())?.[1]);
  while ((await attached()) > 0) {
    if (performance.now() - began > LET_GO_MS)
      return findings.bad("unresolved", `${await attached()} cut links are still taken for clients`);
    await Bun.sleep(50);
  }
  const over = new AbortController();
  const headers = { "accept-encoding": "gzip" };
  const next = await fetch(`${server.url}/api/session/${session}/stream`, { headers, signal: over.signal });
  if (next.headers.get("content-encoding") !== "gzip")
    findings.bad("unresolved", "after all links were cut, the next one is not compressed");
  over.abort();
}

async function readWhole(server: TestServer, session: string, format: Kind["format"]): Promise<Fold> {
  const fold = format === "html" ? new PageFold() : new ProgramFold();
  const parser = new SseParser("");
  const decoder = new TextDecoder();
  const query = format === "json" ? "?format=json" : "";
  const response = await fetch(`${server.url}/api/session/${session}/stream${query}`);
  for await (const chunk of response.body!)
    for (const { name, data } of parser.take(decoder.decode(chunk, { stream: true }))) {
      if (name === "caught-up") return fold;
      if (name === null) fold.take(data);
    }
  return fold;
}
