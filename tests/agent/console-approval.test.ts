/** Approvals end to end: the real server on the lab, an agent that does what it is told, and operators on several devices. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { CALL, callingClaude } from "../support/calling-claude.ts";
import { attachTo, beginOn, isOver, json, postTo, type Read, toldIn } from "../support/device.ts";
import { cleanUp, startServer, type TestServer, tempDir } from "../support/server.ts";
import { readSse } from "../support/sse.ts";

setDefaultTimeout(90_000);

const dir = tempDir("approval");
const env = callingClaude(dir);
let server: TestServer;
beforeAll(async () => {
  server = await startServer(dir, env);
});
afterAll(async () => {
  await server?.stop();
  cleanUp(dir);
});

const post = (path: string, body?: unknown, headers?: Record<string, string>, at = server) =>
  postTo(at, path, body, headers);
const attach = (session: string) => attachTo(server, session);
const begin = (prompt: string, at = server) => beginOn(at, prompt);
const open = (seen: Read[]) => seen.find((e) => e.kind === "approval" && e.state === "open");
const cycles = async (at = server) =>
  ((await json(await fetch(`${at.url}/api/pve/actions`))).actions as Read[]).filter((a) => a.verb === "cycle");
const CYCLE = CALL("power", { verb: "cycle", reason: "its disk stands still" });

test("asked on one device, dropped, allowed from another: it runs once, under both names", async () => {
  const before = (await cycles()).length;
  const { session, device } = await begin(`mend it\n${CYCLE}`);
  const card = open(await device.until((s) => !!open(s)))!;
  expect(card).toMatchObject({ tool: "power", input: { verb: "cycle" }, by: null });
  expect(await cycles()).toHaveLength(before);
  await device.leave();

  const other = await attach(session);
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => post(`/api/approval/${card.approval_id}`, { decision: "allow" })),
  );
  expect(answers.map((a) => a.status)).toEqual(Array(10).fill(200));
  const seen = await other.until(isOver);
  expect(toldIn(seen)).toMatchObject({ name: "power", is_error: false });
  expect(toldIn(seen)!.output).toContain("[done:");
  expect(other.cards().map((c) => [c.state, c.by])).toEqual([
    ["open", null],
    ["allowed", "lab"],
  ]);
  const ran = (await cycles()).filter((a) => a.id === card.approval_id);
  expect(ran).toHaveLength(1);
  expect(ran[0]!.by).toMatch(/^agent:[0-9a-f]{8} allowed by lab$/);
  expect(await cycles()).toHaveLength(before + 1);
  const late = await post(`/api/approval/${card.approval_id}`, { decision: "deny" });
  expect(late.status).toBe(409);
  expect(await json(late)).toMatchObject({ detail: expect.stringMatching(/allowed by lab at/), state: "allowed" });
  await other.leave();
});

test("denied, it does not run, and the agent is told in words that it can go on with", async () => {
  const before = (await cycles()).length;
  const { device } = await begin(`${CYCLE}\n${CALL("power", { verb: "status", reason: "to look" })}`);
  const card = open(await device.until((s) => !!open(s)))!;
  expect((await post(`/api/approval/${card.approval_id}`, { decision: "deny" })).status).toBe(200);
  const seen = await device.until(isOver);
  expect(toldIn(seen)).toMatchObject({ is_error: true });
  expect(toldIn(seen)!.output).toContain("The operator (lab) said no to “power cycle” on devvm (VM 102). Nothing ran.");
  // It went on: the next call is a read, and nobody was asked for it.
  expect(seen.filter((e) => e.kind === "tool_result")[1]).toMatchObject({ is_error: false });
  expect(device.cards()).toHaveLength(2);
  expect(await cycles()).toHaveLength(before);
  await device.leave();
});

test("a command that only reads runs unasked; one that changes the VM waits for a yes", async () => {
  const { device } = await begin(
    [
      CALL("vm_run", { command: "uptime", reason: "to look" }),
      CALL("vm_run", { command: "sudo systemctl restart nginx", reason: "it has failed" }),
    ].join("\n"),
  );
  const seen = await device.until((s) => !!open(s));
  expect(toldIn(seen)).toMatchObject({ name: "vm_run", is_error: false });
  const card = open(seen)!;
  expect(card).toMatchObject({ tool: "vm_run", input: { command: "sudo systemctl restart nginx" } });
  expect(seen.filter((e) => e.kind === "tool_result")).toHaveLength(1);
  await post(`/api/approval/${card.approval_id}`, { decision: "allow" });
  const all = await device.until(isOver);
  expect(all.filter((e) => e.kind === "tool_result")[1]).toMatchObject({ name: "vm_run", is_error: false });
  await device.leave();
});

test("the turn is stopped while its card is open: lapsed, nothing ran, and nothing can be allowed", async () => {
  const before = (await cycles()).length;
  const { session, device } = await begin(CYCLE);
  const card = open(await device.until((s) => !!open(s)))!;
  expect(await json(await post(`/api/session/${session}/cancel`))).toEqual({ cancelled: true });
  await device.until(isOver);
  expect(device.cards().at(-1)).toMatchObject({ state: "lapsed", by: null });
  expect((await post(`/api/approval/${card.approval_id}`, { decision: "allow" })).status).toBe(409);
  expect(await cycles()).toHaveLength(before);
  await device.leave();
});

test("an operator's own action comes first: what the agent asks meanwhile is refused in words, unasked", async () => {
  expect(
    (await post("/api/pve/cycle", {}, { prefer: "respond-async", "idempotency-key": "operators-own-1" })).status,
  ).toBe(202);
  const { device } = await begin(CYCLE);
  const seen = await device.until(isOver);
  expect(toldIn(seen)).toMatchObject({ is_error: true });
  expect(toldIn(seen)!.output).toContain("cycle is running on devvm since");
  expect(device.cards()).toEqual([]);
  await device.leave();
  while ((await cycles()).some((a) => a.state === "running")) await Bun.sleep(50);
});

test("answers: 404 for what was never asked, 422 for no decision, 403 from elsewhere; each form gets its own", async () => {
  expect((await post("/api/approval/nothing-like-it", { decision: "allow" })).status).toBe(404);
  const { session, device } = await begin(CYCLE);
  const { approval_id } = open(await device.until((s) => !!open(s)))!;
  const at = `/api/approval/${approval_id}`;
  for (const body of [{}, { decision: "maybe" }, { decision: 1 }]) expect((await post(at, body)).status).toBe(422);
  expect((await post(at, { decision: "allow" }, { "sec-fetch-site": "cross-site" })).status).toBe(403);
  expect((await fetch(`${server.url}${at}`)).status).toBe(405);

  // What the page shows to a browser, and to one that sends no proof but the form's own id.
  const page = await (await fetch(`${server.url}/sessions/${session}`, { headers: { accept: "text/html" } })).text();
  expect(page).toContain(`id="p-${approval_id}"`);
  expect(page).toContain(`href="#p-${approval_id}"`);
  const form = page.slice(page.indexOf(`action="${at}"`));
  const request_id = /name="request_id" value="([^"]+)"/.exec(form)![1]!;
  const silent = (id: string) =>
    fetch(`${server.url}${at}`, {
      method: "POST",
      headers: { accept: "text/html", "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ decision: "deny", request_id: id }),
      redirect: "manual",
    });
  expect((await silent("made-up-elsewhere")).status).toBe(403);
  const denied = await silent(request_id);
  expect([denied.status, denied.headers.get("location")]).toEqual([303, `/sessions/${session}`]);
  const card = await (await post(at, { decision: "deny" }, { "hx-request": "true", accept: "text/html" })).text();
  expect(card).toStartWith(`<li id="p-${approval_id}"`);
  expect(card).not.toContain("Allow");
  const text = await (await post(at, { decision: "deny" }, { accept: "text/plain" })).text();
  expect(text).toBe("power cycle on devvm (VM 102): denied by lab\n");
  await device.until(isOver);
  await device.leave();
});

test("the stream's HTML has the card and the line that leads to it, then neither buttons nor line", async () => {
  const session = (await json(await post("/api/session"))).session_id as string;
  const stream = readSse(await fetch(`${server.url}/api/session/${session}/stream`));
  await post(`/api/session/${session}/prompt`, {
    prompt: CALL("vm_run", { command: "reboot \u202e\x1b[8m# x", reason: "<b>why" }),
  });
  const html = () => stream.frames.map((f) => f.data ?? "").join("\n");
  await stream.until(() => html().includes('id="asking"') && html().includes("Allow"));
  const id = /id="p-([0-9a-f-]+)"/.exec(html())![1]!;
  expect(html()).toContain(`<a href="#p-${id}">`);
  // To the letter: nothing that would run is left out or hidden.
  expect(html()).toContain("reboot ⟨U+202E⟩␛[8m# x");
  expect(html()).toContain("&lt;b&gt;why");
  expect(html()).not.toContain("request_id");
  const shown = html().length;
  await post(`/api/approval/${id}`, { decision: "deny" });
  await stream.until(() => html().slice(shown).includes(`hx-target="#p-${id}"`));
  const after = html().slice(shown);
  expect(after).not.toContain("Allow");
  expect(after).not.toContain(`href="#p-${id}"`);
  await stream.cancel();
});

test("nobody answers within the limit: a no, and the agent hears why", async () => {
  const place = tempDir("approval-limit");
  const other = await startServer(place, { ...callingClaude(place), BREAKGLASS_APPROVAL_TIMEOUT_SECONDS: "1" });
  try {
    const { device } = await begin(CYCLE, other);
    const seen = await device.until(isOver);
    expect(device.cards().map((c) => c.state)).toEqual(["open", "lapsed"]);
    expect(toldIn(seen)!.output).toContain("nobody answered within 1 s, and silence is a no");
    const { approval_id } = open(seen)!;
    expect((await post(`/api/approval/${approval_id}`, { decision: "allow" }, {}, other)).status).toBe(409);
    expect(await cycles(other)).toEqual([]);
    await device.leave();
  } finally {
    await other.stop();
    cleanUp(place);
  }
});

test.each([
  ["never", /only the operator may tap it/, 0],
  ["autonomous", /\[done:/, 1],
] as const)("BREAKGLASS_AGENT_POWER=%s asks nobody", async (power, hears, runs) => {
  const place = tempDir(`approval-${power}`);
  const other = await startServer(place, { ...callingClaude(place), BREAKGLASS_AGENT_POWER: power });
  try {
    const { device } = await begin(CYCLE, other);
    const seen = await device.until(isOver);
    expect(toldIn(seen)!.output).toMatch(hears);
    expect(device.cards()).toEqual([]);
    const ran = await cycles(other);
    expect(ran).toHaveLength(runs);
    for (const action of ran) expect(action.by).toMatch(/^agent:[0-9a-f]{8}$/);
    await device.leave();
  } finally {
    await other.stop();
    cleanUp(place);
  }
});

test("killed with -9 while the card is open: after the restart it stands as lapsed, Allow is 409, and nothing runs", async () => {
  const before = (await cycles()).length;
  const { session, device } = await begin(CYCLE);
  const { approval_id } = open(await device.until((s) => !!open(s)))!;
  await server.stop("SIGKILL");
  server = await startServer(dir, env);
  // At once: perhaps before what was open is marked.
  expect((await post(`/api/approval/${approval_id}`, { decision: "allow" })).status).toBe(409);
  const again = await attach(session);
  const seen = await again.until((s) => isOver(s) && s.some((e) => e.state === "lapsed"));
  expect(seen.filter((e) => e.kind === "approval").map((e) => e.state)).toEqual(["open", "lapsed"]);
  const page = await (await fetch(`${server.url}/sessions/${session}`, { headers: { accept: "text/html" } })).text();
  expect(page).toContain("Ask again");
  expect(page).not.toMatch(/>\s*Allow\s*</);
  expect((await post(`/api/approval/${approval_id}`, { decision: "allow" })).status).toBe(409);
  await Bun.sleep(300);
  expect(await cycles()).toHaveLength(before);
  await again.leave();
});
