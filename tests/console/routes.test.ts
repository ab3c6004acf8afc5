import { afterAll, beforeAll, expect, test } from "bun:test";
import { CHECKS } from "../../src/checks/check.ts";
import { openTestConsole, type TestConsole } from "../support/console.ts";
import { caughtUp, readSse } from "../support/sse.ts";

let console_: TestConsole;
beforeAll(async () => {
  console_ = await openTestConsole();
});
afterAll(() => console_.close());

const json = async (response: Response) => (await response.json()) as Record<string, any>;
const newSession = async () => (await json(await console_.post("/api/session"))).session_id as string;
const HTML = { accept: "text/html" };
const HTMX = { "hx-request": "true", accept: "text/html" };

test("health is for everybody, whatever the Host, and is JSON", async () => {
  const answer = await console_.ask("/health", {
    headers: { host: "elsewhere.example", accept: "text/html" },
    peer: "203.0.113.9",
  });
  expect(answer.status).toBe(200);
  expect(await json(answer)).toMatchObject({ status: "ok", service: "claude-breakglass" });
});

test("the verbs, sorted, and an unknown one is refused before any ssh", async () => {
  expect(await json(await console_.ask("/api/pve/verbs"))).toEqual({
    verbs: ["cycle", "forensics", "reset", "start", "status", "stop"],
    mutating: ["cycle", "reset", "start", "stop"],
  });
  const refused = await console_.post("/api/pve/rm%20-rf");
  expect(refused.status).toBe(400);
  expect(await json(refused)).toEqual({ detail: "unknown verb 'rm -rf'" });
});

test("prompts: 404, 422, 400, 413, 409, each with a sentence", async () => {
  const id = await newSession();
  const prompt = (body: unknown, session = id) => console_.post(`/api/session/${session}/prompt`, body);
  expect(await json(await prompt({ prompt: "x" }, "nowhere"))).toEqual({ detail: "session not found" });
  for (const body of [{}, { prompt: "" }, { prompt: "  \n " }, { prompt: 7 }, { prompt: "x", request_id: "short" }])
    expect((await prompt(body)).status).toBe(422);
  const notJson = await console_.ask(`/api/session/${id}/prompt`, {
    method: "POST",
    body: "{not json",
    headers: { "content-type": "application/json", "sec-fetch-site": "same-origin" },
  });
  expect(notJson.status).toBe(400);
  expect((await json(notJson)).detail).toContain("not JSON");
  expect((await prompt({ prompt: "€".repeat(21_846) })).status).toBe(413); // 65,538 bytes in 21,846 characters
  const started = await prompt({ prompt: "what is wrong?", request_id: "first-prompt" });
  expect(await json(started)).toEqual({ status: "started" });
  const second = await prompt({ prompt: "and now?" });
  expect([second.status, await json(second)]).toEqual([409, { detail: "a turn is already running" }]);
  expect(await json(await prompt({ prompt: "what is wrong?", request_id: "first-prompt" }))).toEqual({
    status: "started",
  });
  expect(await json(await console_.post(`/api/session/${id}/cancel`))).toEqual({ cancelled: true });
  expect(await json(await console_.post(`/api/session/${id}/cancel`))).toEqual({ cancelled: false });
}, 20_000);

test("every preset of the page is asked by its name, and its own words are what the agent and the transcript get", async () => {
  const page = await (await console_.ask("/", { headers: HTML })).text();
  const names = [...page.matchAll(/name="preset" value="([a-z]+)"/g)].map(([, name]) => name!);
  expect(names.toSorted()).toEqual(["disk", "memory", "qemu", "services", "triage"]);
  const id = await newSession();
  const stream = readSse(await console_.ask(`/api/session/${id}/stream?format=json`));
  expect((await console_.post(`/api/session/${id}/prompt`, { preset: "disk" })).status).toBe(200);
  const frames = await stream.until((f) => f.some((x) => x.data?.includes('"turn_end"')));
  const user = frames.map((f) => f.data ?? "").find((data) => data.includes('"user"'));
  expect(JSON.parse(user!).text).toBe(CHECKS.disk.prompt);
  await stream.cancel();
  for (const preset of ["everything", "", 7]) {
    const refused = await console_.post(`/api/session/${id}/prompt`, { preset });
    expect([refused.status, (await json(refused)).detail]).toEqual([
      422,
      expect.stringContaining("a preset is one of"),
    ]);
  }
}, 30_000);

test("a prompt is answered by the scripted responder through real checks, and the stream shows it all, once", async () => {
  const id = await newSession();
  const stream = readSse(await console_.ask(`/api/session/${id}/stream?format=json`));
  await stream.until(caughtUp);
  await console_.post(`/api/session/${id}/prompt`, { prompt: "what is wrong?" });
  const frames = await stream.until((f) => f.some((x) => x.data?.includes('"turn_end"')));
  const kinds = frames.filter((f) => f.id && f.data).map((f) => JSON.parse(f.data!).kind as string);
  expect(kinds[0]).toBe("user");
  expect(kinds).toContain("tool");
  expect(kinds).toContain("tool_result");
  expect(kinds).toContain("check");
  expect(kinds.at(-1)).toBe("turn_end");
  await stream.cancel();
  const again = readSse(await console_.ask(`/api/session/${id}/stream?format=json`));
  await again.until(caughtUp);
  expect(again.frames.filter((f) => f.id && f.data)).toEqual(frames.filter((f) => f.id && f.data));
  await again.cancel();
}, 30_000);

test("a hostile Last-Event-ID is answered as if absent", async () => {
  const id = await newSession();
  await console_.post(`/api/session/${id}/title`, { title: "kept" });
  const first = async (headers: Record<string, string>) => {
    const stream = readSse(await console_.ask(`/api/session/${id}/stream`, { headers }));
    await stream.until(caughtUp);
    await stream.cancel();
    return stream.frames[0]?.id;
  };
  for (const hostile of ["-5", "999999999", "abc", "1e3", ""])
    expect(await first({ "last-event-id": hostile })).toBe("0");
  expect(await first({ "last-event-id": "1" })).toBe("1");
});

test("a stream of a session that is not there is 404, and not an event stream", async () => {
  const answer = await console_.ask("/api/session/nowhere/stream");
  expect(answer.status).toBe(404);
  expect(answer.headers.get("content-type")).not.toContain("event-stream");
});

test("status as text is under 1,000 bytes and 80 columns", async () => {
  const answer = await console_.ask("/status", { headers: { accept: "text/plain" } });
  const text = await answer.text();
  expect(answer.headers.get("content-type")).toContain("text/plain");
  expect(Buffer.byteLength(text)).toBeLessThan(1000);
  expect(Math.max(...text.split("\n").map((l) => l.length))).toBeLessThanOrEqual(80);
});

test("cycle waits for a program, answers as the first system did, and once for one id", async () => {
  const body = { request_id: "cycle-once-1" };
  const [a, b] = await Promise.all([console_.post("/api/pve/cycle", body), console_.post("/api/pve/cycle", body)]);
  const said = await json(a);
  expect([a.status, b.status]).toEqual([200, 200]);
  expect(said).toMatchObject({ verb: "cycle", exit_code: 0, rejected: false, action: "cycle-once-1", outcome: "done" });
  expect(await json(b)).toEqual(said);
  const other = await console_.post("/api/pve/stop", body);
  expect(other.status).toBe(422);
  const { actions } = await json(await console_.ask("/api/pve/actions"));
  expect(actions.filter((x: { id: string }) => x.id === "cycle-once-1")).toHaveLength(1);
}, 60_000);

test("a second mutating verb is told who holds the target, and status does not wait", async () => {
  const first = await console_.post("/api/pve/cycle", { request_id: "cycle-held-1" }, { prefer: "respond-async" });
  expect(first.status).toBe(202);
  const at = first.headers.get("location")!;
  expect(at).toBe("/api/pve/actions/cycle-held-1");
  const busy = await console_.post("/api/pve/reset", {});
  expect(busy.status).toBe(409);
  expect((await json(busy)).detail).toMatch(/^cycle is running on devvm since \d\d:\d\d UTC, started by lab/);
  const status = await console_.post("/api/pve/status");
  expect(status.status).toBe(200);
  expect((await json(await console_.ask(at))).state).toBe("running");
  while ((await json(await console_.ask(at))).state === "running") await Bun.sleep(100);
  expect((await json(await console_.ask(at))).outcome).toBe("done");
}, 60_000);

test("htmx gets fragments, a browser pages or 303, a terminal text; errors too", async () => {
  const page = await console_.ask("/", { headers: HTML });
  const html = await page.text();
  expect(html.startsWith("<!doctype html>")).toBe(true);
  for (const name of [
    'aria-label="State"',
    'aria-label="Power"',
    'aria-label="Transcript"',
    'aria-label="Faults"',
    "LAB",
  ])
    expect(html).toContain(name);
  const refused = await console_.ask("/api/pve/nothing", { headers: HTMX });
  expect(refused.status).toBe(400);
  expect(await refused.text()).not.toContain("<html");
  const gone = await console_.ask("/sessions/nowhere", { headers: HTML });
  expect(gone.status).toBe(404);
  expect(await gone.text()).toContain('href="/"');
  const text = await console_.ask("/sessions/nowhere", { headers: { accept: "text/plain" } });
  expect(await text.text()).toBe("session not found\n");
  const made = await console_.ask("/api/session", {
    method: "POST",
    headers: { ...HTML, "sec-fetch-site": "same-origin" },
  });
  expect([made.status, made.headers.get("location")?.slice(0, 10)]).toEqual([303, "/sessions/"]);
  expect((await console_.ask("/health", { method: "POST", headers: { "sec-fetch-site": "same-origin" } })).status).toBe(
    405,
  );
});

test("htmx gets a fragment everywhere: what the page has in its main part, and no document", async () => {
  await newSession();
  for (const path of ["/", "/status", "/sessions", "/kiosk", "/api/pve/actions", "/api/pve/cycle", "/api/pve/verbs"]) {
    const fragment = await console_.ask(path, { headers: HTMX });
    const html = await fragment.text();
    expect([path, fragment.status, fragment.headers.get("content-type")]).toEqual([
      path,
      200,
      "text/html; charset=utf-8",
    ]);
    expect([path, /<!doctype|<html|<head|<body|<main|<\/main/i.exec(html)]).toEqual([path, null]);
    expect([path, html.length > 20]).toEqual([path, true]);
  }
  expect(await (await console_.ask("/api/pve/verbs", { headers: HTMX })).text()).toContain("forensics");
  expect(await (await console_.ask("/status", { headers: HTMX })).text()).toContain('aria-label="State"');
});

test("a request id that comes again is the first answer: a new session, a title, a deletion", async () => {
  const { log } = console_.parts.console;
  const again = { "idempotency-key": "once-and-again-1" };
  const open = async (body: unknown, headers = {}) => console_.post("/api/session", body, headers);
  const both = await Promise.all([open({}, again), open({}, again)]);
  const [a, b] = [await json(both[0]!), await json(both[1]!)];
  expect(a.session_id).toMatch(/^[0-9a-f-]{36}$/);
  expect(b.session_id).toBe(a.session_id);
  expect((await json(await open({ request_id: "once-and-again-1" }))).session_id).toBe(a.session_id);
  expect((await json(await open({}))).session_id).not.toBe(a.session_id);
  expect((await open({ request_id: "odd id" })).status).toBe(422);

  const at = `/api/session/${a.session_id}`;
  const named = () => log.newest({ stream: `session:${a.session_id}`, kind: "titled", limit: 9 }).length;
  for (let i = 0; i < 2; i++) expect((await console_.post(`${at}/title`, { title: "ours" }, again)).status).toBe(200);
  expect(named()).toBe(1);
  expect((await console_.post(`${at}/title`, { title: "theirs" }, again)).status).toBe(422);
  expect((await json(await console_.ask(`/sessions/${a.session_id}`))).title).toBe("ours");
  expect((await console_.post(`${at}/title`, { title: "x", request_id: "?" })).status).toBe(422);

  const gone = [await console_.post(`${at}/delete`, {}, again), await console_.post(`${at}/delete`, {}, again)];
  expect(gone.map(({ status }) => status)).toEqual([200, 200]);
  expect(await json(gone[1]!)).toEqual(await json(gone[0]!));
  const other = await newSession();
  expect((await console_.post(`/api/session/${other}/delete`, {}, again)).status).toBe(422);
  expect((await console_.ask(`/sessions/${other}`)).status).toBe(200);
});

test("every answer forbids what is not ours", async () => {
  for (const path of ["/", "/sessions", "/status", "/api/pve/verbs", "/nowhere"]) {
    const { headers } = await console_.ask(path, { headers: HTML });
    expect(headers.get("content-security-policy")).toMatch(/^default-src 'none'/);
    expect(headers.get("content-security-policy")).not.toContain("unsafe");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  }
});

test("an entry has an address of its own; what is none is 404 with a sentence", async () => {
  const id = await newSession();
  await console_.post(`/api/session/${id}/title`, { title: "named" });
  const seq = console_.parts.console.log.last([{ stream: `session:${id}` }]);
  expect(await json(await console_.ask(`/sessions/${id}/entries/${seq}`))).toMatchObject({ seq, kind: "titled" });
  for (const none of ["0", "-1", "1.5", "abc", String(seq + 999)]) {
    const answer = await console_.ask(`/sessions/${id}/entries/${none}`);
    expect(answer.status).toBe(404);
    expect((await json(answer)).detail).toContain("no such entry");
  }
});
