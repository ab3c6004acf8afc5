/** A session that is deleted, by an operator or since it is old: gone from every place, with a line in the audit, and nothing else touched. */
import { Database } from "bun:sqlite";
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { leavingsIn } from "../../src/agent/leavings.ts";
import { Outputs } from "../../src/agent/outputs.ts";
import { AuditTable } from "../../src/audit/table.ts";
import { verifyFile } from "../../src/audit/terminal.ts";
import { SqliteLog } from "../../src/log/sqlite.ts";
import { Deletions } from "../../src/sessions/deletion.ts";
import { Retention } from "../../src/sessions/retention.ts";
import { Sessions } from "../../src/sessions/session.ts";
import { openTestConsole } from "../support/console.ts";
import { comesTrue } from "../support/lab-bench.ts";
import { readSse } from "../support/sse.ts";

setDefaultTimeout(60_000);
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const WORD = "marmalade-on-toast";
const DAY_MS = 24 * 60 * 60_000;
const HTML = { accept: "text/html" };

test("an operator deletes a session: a page asks first, it is gone everywhere, its page is told, and the audit has a row", async () => {
  const console = await openTestConsole();
  try {
    const json = async (response: Response) => (await response.json()) as Record<string, any>;
    const { session_id } = await json(await console.post("/api/session", {}));
    const other = (await json(await console.post("/api/session", {}))).session_id as string;
    const at = `/api/session/${session_id}`;
    await console.post(`${at}/prompt`, { prompt: `about ${WORD}`, request_id: "delete-me-0001" });
    // While it runs: no.
    const refused = await console.post(`${at}/delete`, {});
    expect(refused.status).toBe(409);
    expect((await json(refused)).detail).toContain("is running in this session");
    expect(
      await comesTrue(
        async () => (await json(await console.ask(`/sessions/${session_id}`))).turn_active === false,
        30_000,
      ),
    ).toBe(true);

    const outputs = join(console.dir, "lab", "outputs");
    mkdirSync(outputs, { recursive: true });
    writeFileSync(join(outputs, `${session_id}.toolu_1.txt`), WORD);
    writeFileSync(join(outputs, `${other}.toolu_1.txt`), WORD);
    const stream = readSse(await console.ask(`${at}/stream?format=json`));
    await stream.until((frames) => frames.some((f) => f.event === "caught-up"));
    const list = await (await console.ask("/sessions", { headers: HTML })).text();
    expect(list).toContain(`/sessions/${session_id}/delete`);
    const page = await (await console.ask(`/sessions/${session_id}/delete`, { headers: HTML })).text();
    expect(page).toContain("Delete this session?");
    expect(page).toContain(`action="/api/session/${session_id}/delete"`);
    // As w3m sends it: no header that proves our page, only the signed id of the form.
    const form = (id: string) =>
      console.ask(`${at}/delete`, {
        method: "POST",
        headers: { ...HTML, "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams(id === "" ? {} : { request_id: id }),
      });
    expect((await form("")).status).toBe(403);
    const id = /name="request_id" value="([^"]+)"/.exec(page)![1]!;
    const deleted = await form(id);
    expect([deleted.status, deleted.headers.get("location")]).toEqual([303, "/sessions"]);

    await stream.done;
    for (const path of [`/sessions/${session_id}`, `${at}/stream`, `/sessions/${session_id}/delete`])
      expect((await console.ask(path)).status).toBe(404);
    expect((await console.post(`${at}/delete`, {})).status).toBe(404);
    // The same prompt once more starts nothing.
    expect((await console.post(`${at}/prompt`, { prompt: `about ${WORD}`, request_id: "delete-me-0001" })).status).toBe(
      404,
    );
    expect((await json(await console.ask(`/sessions/${other}`))).session_id).toBe(other);
    expect(readdirSync(outputs)).toEqual([`${other}.toolu_1.txt`]);
    const audit = JSON.stringify(await json(await console.ask("/audit")));
    expect(audit).toContain('"what":"session deleted"');
    const file = join(console.dir, "lab", "breakglass.db");
    expect(
      await comesTrue(
        () => [file, `${file}-wal`].every((path) => !readFileSync(path, "latin1").includes(WORD)),
        10_000,
      ),
    ).toBe(true);
    expect(await verifyFile(file, [])).toMatchObject({ is: "whole" });
  } finally {
    await console.close();
  }
});

/** A log with an audit, on a clock that can be set. */
function openPlace(dir = mkdtempSync(join(tmpdir(), "bg-old-"))) {
  folders.push(dir);
  const clock = { now: Date.parse("2026-01-01T00:00:00Z") };
  const now = () => clock.now;
  const log = new SqliteLog(join(dir, "log.db"), now, new AuditTable(join(dir, "log.db.anchors"), now));
  const running = new Set<string>();
  const sessions = new Sessions(
    log,
    () => crypto.randomUUID(),
    (id) => running.has(id),
  );
  const outputs = new Outputs(join(dir, "outputs"));
  const deletions = new Deletions({
    log,
    sessions,
    busy: (id) => (running.has(id) ? "a turn is running" : null),
    gone: () => {},
    leavings: leavingsIn({ sessions_dir: join(dir, "sessions"), config_dir: join(dir, "claude"), outputs }),
  });
  const retention = new Retention({
    log,
    deletions,
    days: 30,
    now,
    // Here nobody sets the clock.
    steady: now,
    pruneFiles: (before) => outputs.pruneOlder(before),
  });
  const say = (session: string, text: string) =>
    log.append({ stream: `session:${session}`, kind: "said", about: "t1", body: { text } });
  return { dir, clock, log, running, sessions, deletions, retention, outputs, say };
}

test("what is older than is kept goes at the start and daily, with all its files; what is used or running stays, and so do actions and approvals", async () => {
  const { dir, clock, log, running, sessions, retention, outputs, say } = openPlace();
  const [old, used, busy] = [
    await sessions.open("devvm", "ann"),
    await sessions.open("devvm", "ann"),
    await sessions.open("devvm", "ann"),
  ] as [string, string, string];
  const conversation = crypto.randomUUID();
  await log.append({
    stream: `session:${old}`,
    kind: "agent_started",
    about: "t1",
    body: { session_id: conversation, agent: "claude" },
  });
  for (let i = 0; i < 1000; i++) void say(old, `${WORD} ${i}`);
  await say(busy, "at work");
  const target = "target:devvm";
  const asked = { session: old, turn: "t1", tool: "vm_run", input: { command: "id" }, reason: WORD, target: "devvm" };
  // (What the agent asked to run stands in the audit, too, and stays there.)
  await log.append({
    stream: target,
    kind: "approval_asked",
    about: "a1",
    body: { ...asked, class: "unknown", preflight: [], limit_ms: 1000 },
  });
  const answered = { decision: "answered", by: "ann", text: WORD };
  await log.append({ stream: target, kind: "approval_answered", about: "a1", body: answered, once: "approval:a1" });
  const requested = { verb: "cycle", by: "ann", session: null, override: null };
  await log.append({ stream: target, kind: "requested", about: "act-0001", body: requested, once: "action:act-0001" });
  await log.append({ stream: target, kind: "printed", about: "act-0001", body: { from: "stdout", text: WORD } });
  const over = { outcome: "done", exit_code: 0, rejected: false, why: "" };
  await log.append({ stream: target, kind: "finished", about: "act-0001", body: over });
  const folder = join(dir, "sessions", old);
  const project = join(dir, "claude", "projects", `-data-sessions-${old}`);
  const elsewhere = join(dir, "claude", "projects", "-elsewhere");
  for (const made of [folder, project, elsewhere, join(dir, "claude", "todos")]) mkdirSync(made, { recursive: true });
  writeFileSync(join(project, `${conversation}.jsonl`), WORD);
  writeFileSync(join(elsewhere, `${conversation}.jsonl`), WORD);
  writeFileSync(join(elsewhere, "another.jsonl"), "of another");
  writeFileSync(join(dir, "claude", "todos", `${conversation}-agent.json`), WORD);
  await outputs.keep(old, "toolu_1", WORD);
  await outputs.keep(used, "toolu_1", "kept");

  expect(await retention.run()).toBe(0); // else it is not age that decides
  clock.now += 31 * DAY_MS;
  await say(used, "used just now");
  running.add(busy);
  const head = log.head;
  const told: string[] = [];
  log.follow((entries) => told.push(...entries.map((e) => e.kind)));
  expect(await retention.run()).toBe(1);
  expect([sessions.find(old), sessions.find(used) !== null, sessions.find(busy) !== null]).toEqual([null, true, true]);
  expect(told).toEqual(["session_deleted", "evidence_deleted", "looked"]);
  expect(log.head).toBe(head + 3);
  for (const gone of [folder, project, join(elsewhere, `${conversation}.jsonl`)]) expect(existsSync(gone)).toBe(false);
  expect(readdirSync(join(dir, "claude", "todos"))).toEqual([]);
  expect(readdirSync(elsewhere)).toEqual(["another.jsonl"]);
  expect(readdirSync(join(dir, "outputs"))).toEqual([`${used}.toolu_1.txt`]);
  // Known for ever: an action's and an approval's key. What was allowed by whom stays, without the words.
  expect(log.once("action:act-0001")?.body).toEqual(requested);
  expect(log.once("approval:a1")?.body).toEqual({ decision: "answered", by: "ann", text: "", erased: 1 });
  expect(log.about(target, "a1")[0]!.body).toMatchObject({ turn: "t1", input: {}, reason: "" });
  expect(log.about(target, "act-0001").map((e) => e.kind)).toEqual(["requested", "finished"]);
  const again = await log.append({ stream: target, kind: "requested", body: {}, once: "action:act-0001" });
  expect(again.fresh).toBe(false);

  await log.close();
  const file = join(dir, "log.db");
  expect(readFileSync(file, "latin1")).not.toContain(WORD);
  expect(readFileSync(file, "latin1")).toContain("used just now");
  expect(await verifyFile(file, [])).toMatchObject({ is: "whole" });
  const db = new Database(file);
  const rows = db.query("select who, what, detail from audit where what like '%deleted'").all() as Record<
    string,
    string
  >[];
  expect(rows.map(({ who, what }) => [who, what])).toEqual([
    ["retention", "session deleted"],
    ["retention", "evidence deleted"],
  ]);
  expect(rows[0]!.detail).toMatch(/^1002 entries, 4 files, \d+ bytes; last used 2026-01-01; older than is kept/);
  db.close();
});

test("a stop in the middle of it is gone on with at the next start, and no seq is used twice, even when the newest entry went", async () => {
  const { dir, log, sessions, deletions, say } = openPlace();
  const session = await sessions.open("devvm", "ann");
  for (let i = 0; i < 2000; i++) void say(session, `${WORD} ${i}`);
  await say(session, "the newest entry of all");
  const head = log.head;
  deletions.delete(session, "ann");
  await log.close();
  const left = new Database(join(dir, "log.db"), { readonly: true });
  const count = () =>
    (left.query("select count(*) as n from entry where stream = ?").get(`session:${session}`) as { n: number }).n;
  expect(count()).toBeGreaterThan(0); // else nothing was left to go on with
  const next = openPlace(dir);
  expect(next.sessions.find(session)).toBeNull();
  await next.deletions.goOn();
  expect(count()).toBe(0);
  left.close();
  expect((await next.log.append({ stream: "session:x", kind: "said", body: {} })).entry.seq).toBeGreaterThan(head + 1);
  await next.log.close();
  expect(await verifyFile(join(dir, "log.db"), [])).toMatchObject({ is: "whole" });
});

test("nothing else can be deleted or changed, not even while something is being erased", async () => {
  const { dir, log, sessions } = openPlace();
  const [one, other] = [await sessions.open("devvm", "ann"), await sessions.open("devvm", "ann")];
  const about = { stream: "target:devvm", about: "a1" };
  await log.append({ ...about, kind: "approval_asked", body: { session: one, input: { command: "x" } } });
  await log.append({ ...about, kind: "requested", body: { verb: "cycle" } });
  await log.append({ ...about, kind: "printed", body: { text: "evidence" } });
  await log.close();
  const db = new Database(join(dir, "log.db"));
  const refused = (sql: string) => expect(() => db.run(sql)).toThrow(/append-only/);
  for (const erasing of [null, `session:${one}`, "target:devvm", "sessions"]) {
    if (erasing) db.query("insert or replace into erasing values (?, 0)").run(erasing);
    refused(`delete from entry where stream = 'session:${other}'`);
    refused("delete from entry where stream like 'target:%'");
    refused("delete from entry where kind = 'printed'");
    refused("update entry set seq = seq + 100 where kind = 'approval_asked'");
    refused(`update entry set body = '{"command":"y"}' where kind = 'approval_asked'`);
    refused(`update entry set body = '{"erased":1}' where kind in ('requested', 'printed')`);
    refused("delete from audit");
    refused(`update audit set who = 'bob'`);
  }
  db.run(`delete from entry where stream = 'session:${one}'`); // else the triggers refuse everything
  expect(db.query("select changes() as n").get()).toEqual({ n: 1 });
  db.close();
});

test("a file of an output keeps its day: what is older goes with the retention, newer ones stay", async () => {
  const { dir, outputs } = openPlace();
  await outputs.keep("s1", "old", "x");
  await outputs.keep("s1", "new", "x");
  utimesSync(join(dir, "outputs", "s1.old.txt"), 1, 1);
  outputs.pruneOlder(Date.now() - DAY_MS);
  expect(readdirSync(join(dir, "outputs"))).toEqual(["s1.new.txt"]);
});
