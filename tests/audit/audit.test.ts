/** The audit of a whole console: who did what from where, what was refused, what a full disk makes of it, and its page in four forms. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, spyOn, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Operators } from "../../src/access/enrolled.ts";
import { openStore } from "../../src/access/store.ts";
import { type AuditRow, BEGINNING, checkRows } from "../../src/audit/audit.ts";
import { noticeOf } from "../../src/notify/notice.ts";
import { openTestConsole, type TestConsole } from "../support/console.ts";
import { scrubbed } from "../support/server.ts";

const TOKEN = "a-long-enough-bearer-token";
const ENV = { API_BEARER_TOKEN: TOKEN, BREAKGLASS_TRUSTED_PROXIES: "10.0.0.9" };
const bearer = { authorization: `Bearer ${TOKEN}` };
const EDGE = { "x-authentik-username": "viktor", "x-forwarded-for": "198.51.100.7, 203.0.113.7" };

let console_: TestConsole;
let dir = "";
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "bg-audit-console-"));
  console_ = await openTestConsole(ENV, dir);
});
afterAll(() => console_.close());

interface Listed {
  rows: AuditRow[];
  chain: { is: string; why: string; head: string; pending: number; trouble: string; whole_checked_at: string | null };
  before: number | null;
}
const listed = async (query = "", of = console_): Promise<Listed> =>
  (await of.ask(`/audit${query}`, { headers: bearer })).json() as Promise<Listed>;
const told = (row: AuditRow) => [row.who, row.how, row.peer, row.what, row.target, row.decision, row.outcome];
const file = (data: string) => join(data, "lab", "breakglass.db");

async function comesTrue(holds: () => Promise<boolean> | boolean, ms = 15_000): Promise<boolean> {
  const until = performance.now() + ms;
  while (performance.now() < until) {
    if (await holds()) return true;
    await Bun.sleep(25);
  }
  return false;
}

test("an action is a row before it runs and one with its outcome, by whom and from where, behind the edge too", async () => {
  const said = spyOn(console, "error");
  const done = await console_.ask("/api/pve/cycle", {
    method: "POST",
    peer: "10.0.0.9",
    headers: { ...EDGE, "sec-fetch-site": "same-origin", "idempotency-key": "audited-cycle-1" },
  });
  expect(done.status).toBe(200);
  const { rows, chain } = await listed();
  const about = rows.filter((row) => row.request_id === "audited-cycle-1").reverse();
  const who = ["edge:viktor", "edge", "203.0.113.7 via 10.0.0.9", "cycle", "devvm"];
  expect(about.map(told).slice(0, 2)).toEqual([
    [...who, "accepted", ""],
    [...who, "", "done"],
  ]);
  expect(chain.is).toBe("whole");
  // Anchors: the head in the action's own record, and on stderr for its intent and its outcome.
  const log = console_.parts.console.log;
  const intent = log.once("action:audited-cycle-1")!.body as { audit: string };
  const before = about[0]!;
  expect(intent.audit).toBe(`${before.n - 1}:${before.prev}`);
  const entry = log.once("action:audited-cycle-1")!;
  expect(noticeOf(entry, [entry])!.text).toContain(intent.audit);
  const stderr = said.mock.calls.map((call) => String(call[0])).filter((line) => line.includes("audited-cycle-1"));
  said.mockRestore();
  expect(stderr).toContain(
    `breakglass: audit ${before.n}:${before.hash} cycle on devvm by edge:viktor: requested (audited-cycle-1)`,
  );
  expect(stderr.some((line) => line.includes(`:${about[1]!.hash} cycle`))).toBe(true);
});

test("a prompt, a check and a new session are told with who and how, and not with what was said", async () => {
  const { session_id } = (await (await console_.post("/api/session", {}, bearer)).json()) as { session_id: string };
  await console_.post(`/api/session/${session_id}/prompt`, { prompt: "my secret worry" }, bearer);
  await console_.post("/api/check/disk", { session: session_id }, bearer);
  const ended = async () => (await listed()).rows.some((row) => row.what === "prompt" && row.outcome !== "");
  expect(await comesTrue(ended)).toBe(true);
  const { rows } = await listed("?limit=1000");
  const mine = rows.filter((row) => row.who === "token:bearer").map(({ what, decision }) => `${what} ${decision}`);
  for (const deed of ["session opened accepted", "prompt accepted", "check disk accepted"])
    expect(mine).toContain(deed);
  const outcome = rows.find((row) => row.what === "prompt" && row.outcome !== "")!;
  expect([outcome.who, outcome.how, outcome.target]).toEqual(["token:bearer", "bearer", "devvm"]);
  expect(JSON.stringify(rows)).not.toContain("secret worry");
});

test("what was refused is told: 401 with a claimed name, 403, 421, 409 and 422, with the claim as a claim", async () => {
  const stranger = { peer: "203.0.113.66" };
  const post = { method: "POST" };
  await console_.ask("/status", { ...stranger, headers: { "x-authentik-username": "admin" } });
  await console_.ask("/status", { ...stranger, headers: { authorization: "Bearer wrong" } });
  await console_.ask("/api/pve/stop", { ...stranger, ...post });
  await console_.ask("/status", { ...stranger, headers: { host: "evil.example" } });
  await console_.ask("/api/pve/stop", {
    ...post,
    peer: "10.0.0.9",
    headers: { ...EDGE, "sec-fetch-site": "cross-site" },
  });
  expect((await console_.post("/api/pve/stop", {}, { ...bearer, "idempotency-key": "odd id" })).status).toBe(422);
  await console_.post("/api/approval/nothing-of-ours", { decision: "deny" }, bearer);
  const cycle = console_.post("/api/pve/cycle", {}, { ...bearer, prefer: "respond-async" });
  const busy = console_.post("/api/pve/stop", {}, bearer);
  expect((await cycle).status).toBe(202);
  expect((await busy).status).toBe(409);
  const rows = (await listed("?limit=1000")).rows.filter((row) => row.decision === "refused");
  const seen = rows.map(({ who, peer, outcome, detail }) => `${who} ${peer} ${outcome} ${detail}`);
  for (const part of [
    /^nobody 203\.0\.113\.66 401 claimed admin;/,
    /^nobody 203\.0\.113\.66 401 asked for \/status/,
    /^nobody 203\.0\.113\.66 421 GET \/status of evil\.example/,
    /^nobody 203\.0\.113\.66 401 $/,
    /^edge:viktor 203\.0\.113\.7 via 10\.0\.0\.9 403/,
    /^token:bearer 127\.0\.0\.1 422 a request id is/,
    /^token:bearer 127\.0\.0\.1 404 approval/,
    /^token:bearer 127\.0\.0\.1 409 cycle is running/,
  ])
    expect(
      seen.some((line) => part.test(line)),
      `${part} in\n${seen.join("\n")}`,
    ).toBe(true);
  // What a stranger forwards is nobody's word.
  expect(rows.every((row) => !row.peer.includes("198.51.100.7"))).toBe(true);
  expect(await comesTrue(() => console_.parts.power.power.holder(console_.parts.console.targets[0]) === null)).toBe(
    true,
  );
});

test("what is refused on a page of its own is told as well: links that hold no more, forms given back, addresses that are none", async () => {
  const from = { peer: "203.0.113.77" };
  await console_.ask("/enrol/a-guess-of-a-link", from);
  const said = { password: "seven lamps and a ladder", again: "seven lamps and a ladder" };
  const own = { "content-type": "application/json", "sec-fetch-site": "same-origin" };
  const post = (path: string, body: unknown, headers = {}) =>
    console_.ask(path, { ...from, method: "POST", headers: { ...own, ...headers }, body: JSON.stringify(body) });
  expect((await post("/enrol/a-guess-of-a-link", said)).status).toBe(410);
  const store = openStore(join(dir, "lab"));
  const link = new Operators(store, Date.now).makeLink("anna");
  store.close();
  expect((await post(`/enrol/${link}`, { password: "short", again: "short" })).status).toBe(422);
  const enrolled = await post(`/enrol/${link}`, said);
  expect(enrolled.status).toBe(200);
  const cookie = enrolled.headers
    .getSetCookie()
    .map((set) => set.split(";")[0])
    .join("; ");
  expect((await post("/access/password", { password: "short", again: "short" }, { cookie })).status).toBe(422);
  expect((await post("/no-such-address", {}, { cookie })).status).toBe(404);
  expect((await console_.ask("/status", { ...from, method: "PUT", headers: { ...own, cookie } })).status).toBe(405);
  const { rows } = await listed("?limit=1000");
  const refused = rows
    .filter(({ peer, decision }) => peer === from.peer && decision === "refused")
    .map(({ who, what, outcome, detail }) => [who, what, outcome, detail].join(" ").trim());
  expect(refused.reverse()).toEqual([
    "nobody enrolment link 410 opened",
    "nobody POST /enrol/:id 422",
    "local:anna POST /access/password 422",
    "local:anna POST /no-such-address 404",
    "local:anna PUT /status 405",
  ]);
});

test("a session that an operator renames is a row without its title; the first prompt's own title is none", async () => {
  const { session_id } = (await (await console_.post("/api/session", {}, bearer)).json()) as { session_id: string };
  await console_.post(`/api/session/${session_id}/prompt`, { prompt: "status" }, bearer);
  await console_.post(`/api/session/${session_id}/title`, { title: "a delicate matter" }, bearer);
  const { rows } = await listed("?limit=1000");
  const named = rows.filter(({ what }) => what === "session renamed");
  expect(named.map(({ who, decision, target }) => [who, decision, target])).toEqual([
    ["token:bearer", "accepted", "devvm"],
  ]);
  expect(JSON.stringify(rows)).not.toContain("delicate");
  const stopped = await console_.post(`/api/session/${session_id}/run/toolu_none/stop`, {}, bearer);
  expect(await stopped.json()).toEqual({ stopped: false });
  const [stop] = (await listed("?limit=5")).rows.filter(({ what }) => what.endsWith("/stop"));
  expect(stop?.outcome).toBe("nothing ran any more");
});

test("in four forms, filtered by target, person and time; a day that is none is refused", async () => {
  const ask = async (path: string, headers: Record<string, string>) => {
    const got = await console_.ask(path, { headers: { ...bearer, ...headers } });
    return { status: got.status, text: await got.text(), type: got.headers.get("content-type") ?? "" };
  };
  const page = await ask("/audit", { accept: "text/html" });
  expect(page.text).toContain("<!doctype html>");
  expect(page.text).toContain("The chain is whole: rows 1 to");
  expect(page.text).toContain('action="/audit"');
  const fragment = await ask("/audit", { "hx-request": "true", accept: "text/html" });
  expect([fragment.text.startsWith("<section"), fragment.text.includes("<html")]).toEqual([true, false]);
  const text = await ask("/audit", { accept: "text/plain" });
  expect(text.text).toContain("edge:viktor: cycle on devvm");
  expect(text.text.split("\n").filter((line) => line.length > 80)).toEqual([]);
  const viktor = await listed("?who=viktor&target=devvm");
  expect(viktor.rows.length).toBeGreaterThan(1);
  expect(viktor.rows.every((row) => row.who === "edge:viktor" && row.target === "devvm")).toBe(true);
  expect((await listed("?until=2020-01-01")).rows).toEqual([]);
  expect((await listed("?since=2020-01-01&limit=3")).rows.length).toBe(3);
  const first = await listed("?limit=2");
  const next = await listed(`?limit=2&before=${first.before}`);
  expect(next.rows[0]!.n).toBe(first.rows[1]!.n - 1);
  for (const bad of ["since=yesterday", "before=x", "limit=0", "format=csv"])
    expect([bad, (await console_.ask(`/audit?${bad}`, { headers: bearer })).status]).toEqual([bad, 422]);
});

test("an export carries every row so that others can verify it, and is a row itself", async () => {
  const got = await console_.ask("/audit?format=jsonl", { headers: bearer });
  expect(got.headers.get("content-disposition")).toContain("audit.jsonl");
  const rows = (await got.text())
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as AuditRow);
  expect(rows.length).toBeGreaterThan(20);
  expect(checkRows(BEGINNING, rows).is).toBe("whole");
  const { rows: after } = await listed("?limit=5");
  expect(after.map(({ who, what }) => `${who} ${what}`)).toContain("token:bearer audit exported");
});

test("at the terminal it verifies while the console runs, and an export there is told to the console", async () => {
  const run = async (...words: string[]) => {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "../../src/terminal.ts"), "audit", ...words], {
      env: scrubbed({ BREAKGLASS_DATA_DIR: dir, USER: "root" }),
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { code: await child.exited, out, err };
  };
  const { head } = (await listed()).chain;
  const whole = await run("verify", head);
  expect([whole.code, whole.out.includes("The audit is whole")]).toEqual([0, true]);
  const never = await run(
    "verify",
    head.replace(/.$/, (last) => (last === "0" ? "1" : "0")),
  );
  expect([never.code, never.out.includes("DOES NOT HOLD")]).toEqual([1, true]);
  expect((await run("verify", "57")).code).toBe(2);
  expect((await run("burn")).code).toBe(2);
  const exported = await run("export");
  const rows = exported.out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as AuditRow);
  expect([exported.code, checkRows(BEGINNING, rows).is]).toEqual([0, "whole"]);
  await listed();
  const told = (await listed("?who=terminal")).rows.map(({ who, how, what }) => `${who} ${how} ${what}`);
  expect(told).toEqual(["terminal:root terminal audit exported"]);
});

test("500 bad sign-ins in a row are a handful of rows that say how many", async () => {
  const before = (await listed("?limit=1")).rows[0]!.n;
  for (let i = 0; i < 500; i++)
    await console_.ask(`/no-such-${i}`, {
      method: "POST",
      peer: `203.0.113.${i % 250}`,
      headers: { authorization: `Bearer wrong-${i}`, host: i % 2 ? "localhost:8080" : "evil.example" },
    });
  console_.parts.audit.watch.close();
  const { rows } = await listed("?limit=1000");
  const fresh = rows.filter((row) => row.n > before);
  expect(fresh.length).toBeGreaterThan(2);
  expect(fresh.length).toBeLessThan(80);
  expect(fresh.some((row) => /\d+ more like these/.test(row.detail))).toBe(true);
});

test("a row that is changed in the file of a running console is found when the page is asked to check all of it", async () => {
  const own = await openTestConsole(ENV);
  try {
    await own.post("/api/pve/status", {}, bearer);
    expect((await listed("?check=whole", own)).chain.is).toBe("whole");
    const db = new Database(file(own.dir));
    db.run("drop trigger audit_no_update");
    db.run("update audit set who = 'edge:mallory' where n = 2");
    db.close();
    const { chain } = await listed("?check=whole", own);
    expect([chain.is, chain.why]).toEqual(["broken", "row 2 was changed: its hash is not that of what it says."]);
    const page = await own.ask("/audit", { headers: { ...bearer, accept: "text/html" } });
    expect(await page.text()).toMatch(/role="alert"[^>]*>The audit does not hold at row 2/);
  } finally {
    await own.close();
  }
});

test("a cut-off end is found at the next look, without asking for all of it", async () => {
  const own = await openTestConsole(ENV);
  try {
    await own.post("/api/pve/status", {}, bearer);
    const { chain } = await listed("", own);
    const db = new Database(file(own.dir));
    db.run("drop trigger audit_no_delete");
    db.query("delete from audit where n = ?").run(Number(chain.head.split(":")[0]));
    db.close();
    expect((await listed("", own)).chain.is).toBe("broken");
  } finally {
    await own.close();
  }
});

test("while the disk refuses, verbs run, rows go to stderr, the page says so; then they follow, once", async () => {
  const own = await openTestConsole(ENV);
  const said = spyOn(console, "error");
  try {
    const before = (await listed("", own)).rows[0]!.n;
    const db = new Database(file(own.dir));
    // Every write is refused at once, as by a full disk.
    for (const table of ["entry", "audit"])
      db.run(`create trigger ${table}_full before insert on ${table} begin select raise(abort, 'disk full'); end`);
    const ran = await own.post("/api/pve/status", {}, bearer);
    expect(ran.status).toBe(200);
    const { chain, rows } = await listed("", own);
    expect([chain.pending > 1, chain.trouble, chain.is]).toEqual([true, "disk full", "whole"]);
    expect(rows[0]!.outcome).toBe("done");
    const page = await own.ask("/audit", { headers: { ...bearer, accept: "text/html" } });
    expect(await page.text()).toMatch(/role="alert">The audit can.{1,6}t be written/);
    const lines = said.mock.calls.map((call) => String(call[0])).filter((line) => line.startsWith('{"audit":'));
    const printed = lines.map((line) => (JSON.parse(line) as { audit: AuditRow }).audit);
    expect(printed.map(({ what, outcome }) => `${what} ${outcome}`)).toContain("status done");
    for (const table of ["entry", "audit"]) db.run(`drop trigger ${table}_full`);
    db.close();
    expect(await comesTrue(async () => (await listed("", own)).chain.pending === 0)).toBe(true);
    const after = await listed("?check=whole", own);
    expect([after.chain.is, after.chain.trouble]).toEqual(["whole", ""]);
    // As they were printed, hash and all, and each of them once.
    const kept = after.rows.filter((row) => row.n > before);
    expect(printed.every((row) => kept.some(({ n, hash }) => n === row.n && hash === row.hash))).toBe(true);
    expect(new Set(kept.map((row) => row.entry ?? -row.n)).size).toBe(kept.length);
  } finally {
    said.mockRestore();
    await own.close();
  }
});
