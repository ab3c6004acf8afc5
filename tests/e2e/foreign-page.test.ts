/**
 * A page of somebody else's, in a real browser that is signed in here: by cookie and by the edge's header, from another site and from
 * another port of the same one. It tries every address that changes something in every way that a page has, and loads every address
 * that only shows something. The oracles: what the console answered (counted on the way), its audit, the simulated host's own log.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright";
import { POLICIES } from "../../src/access/policy.ts";
import { runChild } from "../../src/child.ts";
import { VERBS } from "../../src/power/verb.ts";
import { openBrowser } from "../support/browser.ts";
import { CALL, callingClaude } from "../support/calling-claude.ts";
import { BEHIND_AN_EDGE, type Edge, type Passed, startEdge } from "../support/edge.ts";
import { cleanUp, scrubbed, startServer, type TestServer, tempDir } from "../support/server.ts";
import { readSse } from "../support/sse.ts";

setDefaultTimeout(240_000);

const TOKEN = "a-long-enough-bearer-token";
const PASSWORD = "seven lamps and a ladder";
const dir = tempDir("foreign");
let browser: Browser;
let server: TestServer;
/** Those who come by cookie, and those whom the edge signs in. */
let by_cookie: Edge;
let by_edge: Edge;
let evil: { readonly port: number; stop(): void };
let env: Record<string, string>;

beforeAll(async () => {
  by_cookie = startEdge(() => server.port, null);
  by_edge = startEdge(() => server.port, "viktor");
  const page = "<!doctype html><title>Free recipes</title><body><h1>Free recipes</h1>";
  const pages = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response(page, { headers: { "content-type": "text/html" } }),
  });
  evil = { port: pages.port!, stop: () => void pages.stop(true) };
  env = {
    ...callingClaude(dir),
    ...BEHIND_AN_EDGE,
    API_BEARER_TOKEN: TOKEN,
    BREAKGLASS_INSECURE_HTTP: "1",
    BREAKGLASS_ORIGINS: [`http://console.test:${by_cookie.port}`, by_cookie.url, by_edge.url].join(","),
  };
  [browser, server] = await Promise.all([
    // Two sites that are truly two, and both are here.
    openBrowser(["--host-resolver-rules=MAP *.test 127.0.0.1"]),
    startServer(dir, env),
  ]);
});
afterAll(async () => {
  await browser?.close();
  by_cookie?.stop();
  by_edge?.stop();
  evil?.stop();
  await server?.stop();
  cleanUp(dir);
});

/** As a program on the same machine, which no page can be: it knows the token. */
const program = (path: string, body?: object, accept = "application/json") =>
  fetch(`${server.url}${path}`, {
    method: body ? "POST" : "GET",
    headers: {
      host: new URL(by_edge.url).host,
      authorization: `Bearer ${TOKEN}`,
      accept,
      "content-type": "application/json",
    },
    body: body && JSON.stringify(body),
  });
const asked = async (path: string, body?: object) => (await (await program(path, body)).json()) as Record<string, any>;

const access = async (...words: string[]) =>
  (
    await runChild({
      argv: [process.execPath, join(import.meta.dir, "../../src/terminal.ts"), ...words],
      env: scrubbed({ PORT: String(server.port), BREAKGLASS_DATA_DIR: dir, ...env }),
      limit_ms: 20_000,
    })
  ).stdout;

/** Enrols and signs in at this address, as a person does. */
async function signedIn(who: string, origin: string): Promise<BrowserContext> {
  const link = (await access("enrol", who)).split("\n")[0]!;
  const context = await browser.newContext({ serviceWorkers: "block" });
  const page = await context.newPage();
  await page.goto(origin + new URL(link).pathname);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("The same again").fill(PASSWORD);
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.locator("ol.codes").waitFor();
  await page.close();
  return context;
}

interface Shot {
  readonly path: string;
  readonly fields: Record<string, string>;
}

/** Where every kind of form is tried: frames are dear, and a server can tell those from the page's fetches by nothing that counts. */
const DEAR = /pve|prompt/;

/** Runs in the page that attacks: each shot in each way that a page has; answers when the browser is through with all of them. */
const ATTACK = `async ({ origin, shots, ways }) => {
  const name = (n) => "frame" + n;
  let frames = 0;
  const form = (shot, enctype) =>
    new Promise((done) => {
      const frame = document.createElement("iframe");
      frame.name = name(++frames);
      document.body.append(frame);
      const form = document.createElement("form");
      Object.assign(form, { method: "post", action: origin + shot.path, enctype, target: frame.name });
      for (const [name, value] of Object.entries(shot.fields)) {
        const input = document.createElement("input");
        Object.assign(input, { type: "hidden", name, value });
        form.append(input);
      }
      document.body.append(form);
      const end = () => (frame.remove(), form.remove(), done());
      frame.onload = end;
      setTimeout(end, 15000);
      form.submit();
    });
  const sent = (shot, how) => fetch(origin + shot.path, { method: "POST", credentials: "include", ...how }).catch(() => {});
  const json = (shot) => JSON.stringify(shot.fields);
  const WAYS = {
    urlencoded: (shot) => form(shot, "application/x-www-form-urlencoded"),
    multipart: (shot) => ${DEAR}.test(shot.path) && form(shot, "multipart/form-data"),
    "text/plain": (shot) => ${DEAR}.test(shot.path) && form(shot, "text/plain"),
    "fetch, multipart": (shot) => {
      const body = new FormData();
      for (const [name, value] of Object.entries(shot.fields)) body.append(name, value);
      return sent(shot, { mode: "no-cors", body });
    },
    "fetch, form": (shot) => sent(shot, { mode: "no-cors", body: new URLSearchParams(shot.fields) }),
    "fetch, JSON as text": (shot) => sent(shot, { mode: "no-cors", body: json(shot) }),
    "fetch, as htmx": (shot) =>
      sent(shot, { body: new URLSearchParams(shot.fields), headers: { "HX-Request": "true", "HX-Source": "form#cycle" } }),
    "fetch, JSON": (shot) => sent(shot, { body: json(shot), headers: { "Content-Type": "application/json" } }),
    beacon: (shot) => navigator.sendBeacon(origin + shot.path, new URLSearchParams(shot.fields)),
    "beacon, JSON as text": (shot) => navigator.sendBeacon(origin + shot.path, json(shot)),
  };
  const left = [...shots];
  const gun = async () => {
    for (let shot = left.shift(); shot; shot = left.shift())
      await Promise.all((ways || Object.keys(WAYS)).map((way) => WAYS[way](shot)));
  };
  await Promise.all([gun(), gun(), gun()]);
}`;

/** Loads an address in the ways that need no script: the browser's word on what came of each. */
const LOOK = `async ({ origin, paths }) => {
  const came = [];
  const load = (path, tag, set) =>
    new Promise((done) => {
      const element = document.createElement(tag);
      const end = (how) => () => (came.push([tag, path, how]), element.remove(), done());
      element.onload = end("loaded");
      element.onerror = end("refused");
      setTimeout(end("nothing"), 5000);
      Object.assign(element, set);
      document.body.append(element);
    });
  for (const path of paths)
    await Promise.all([
      load(path, "img", { src: origin + path }),
      load(path, "link", { rel: "stylesheet", href: origin + path }),
      load(path, "script", { src: origin + path }),
    ]);
  return came.filter(([, , how]) => how === "loaded").map(([tag, path]) => tag + " " + path);
}`;

const inPage = (page: Page, script: string, given: object) =>
  page.evaluate(`(${script})(${JSON.stringify(given)})`) as Promise<unknown>;

interface There {
  readonly session: string;
  readonly approval: string;
  readonly link: string;
}

/** Every address of the table that changes something, as often as there is something to aim at; with a body that would do it. */
function shotsAt(there: There): Shot[] {
  const real: Record<string, string[]> = {
    ":verb": Object.keys(VERBS),
    ":name": ["disk"],
    ":token": [there.link],
    ":tool_id": ["tool-1"],
  };
  const fields = {
    target: "devvm",
    prompt: "turn it off",
    decision: "allow",
    title: "renamed",
    fault: "disk_full",
    session: there.session,
    password: PASSWORD,
    again: PASSWORD,
    name: "viktor",
    all: "everybody",
    stop_turns: "1",
    verb: "cycle",
    open: "1",
  };
  const shots: Shot[] = [];
  for (const [address] of Object.entries(POLICIES)) {
    const [method, path] = address.split(" ") as [string, string];
    // Open to everybody: a browser's own report, which is counted and nothing else.
    if (method !== "POST" || path === "/csp-report") continue;
    const ids = path.includes("/approval/") ? there.approval : there.session;
    const [hole] = /:(verb|name|token|tool_id)/.exec(path) ?? [];
    for (const value of hole ? real[hole]! : [""])
      shots.push({ path: path.replace(hole ?? "\0", value).replace(":id", ids), fields });
  }
  return shots;
}

const hostLog = () =>
  readFileSync(join(dir, "lab/world/host.log"), "utf8")
    .split("\n")
    .filter(
      (line) =>
        /answered|started|rejected|cycle|stop|reset|start|forensics/.test(line) && !/(status@\d+|version)$/.test(line),
    );

/** All of the audit, not its newest page. */
const audited = async (): Promise<Record<string, string>[]> =>
  (await (await program("/audit?format=jsonl")).text())
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

/** All that could have come of it, as the console and its host tell it. */
async function standing(there: There) {
  const { sign_ins, operators } = await asked("/access");
  const { sessions } = await asked("/sessions");
  const { actions } = await asked("/api/pve/actions");
  const rows = await audited();
  const stream = readSse(await program(`/api/session/${there.session}/stream?format=json&after=0`, undefined, "*/*"));
  const frames = await stream.until((seen) => seen.some(({ event }) => event === "caught-up"));
  await stream.cancel();
  const approval = frames.map(({ data }) => JSON.parse(data ?? "{}")).findLast((entry) => entry.approval_id);
  return {
    host: hostLog(),
    actions,
    sessions: sessions.map((one: any) => [one.session_id, one.title, one.last_seq]),
    signed_in: sign_ins.map((one: any) => [one.id, one.name]),
    operators,
    approval: [approval?.approval_id, approval?.state],
    accepted: rows.filter((row) => row.decision !== "refused" && row.what !== "audit exported").map(({ what }) => what),
  };
}

/** A session in which the agent waits for a yes to a cycle, and a link that nobody has followed yet. */
async function place(): Promise<There> {
  const { session_id: session } = await asked("/api/session", {});
  const stream = readSse(await program(`/api/session/${session}/stream?format=json`, undefined, "*/*"));
  await asked(`/api/session/${session}/prompt`, {
    prompt: `go on\n${CALL("power", { verb: "cycle", reason: "stalled" })}`,
  });
  const approvals = () =>
    stream.frames.map(({ data }) => JSON.parse(data ?? "{}")).filter((entry) => entry.approval_id);
  await stream.until(() => approvals().length > 0);
  await stream.cancel();
  const link = new URL((await access("enrol", "mallory")).split("\n")[0]!).pathname.split("/").at(-1)!;
  return { session, approval: approvals()[0].approval_id, link };
}

test("a foreign page with the operator's sign-in moves nothing, from anywhere, in any way; the same form on our own page does", async () => {
  const there = await place();
  const shots = shotsAt(there);
  expect(shots.length).toBeGreaterThan(25); // else addresses are missing
  const lan = `http://console.test:${by_cookie.port}`;
  const cookies = new Map<string, BrowserContext>();
  // Who is enrolled anew is signed out elsewhere: one of them for each.
  cookies.set(lan, await signedIn("viktor", lan));
  cookies.set(by_cookie.url, await signedIn("anna", by_cookie.url));
  const cells: { name: string; to: string; from: string; through: Edge; context: BrowserContext; sent: boolean }[] = [
    // `sent`: whether the browser shows the sign-in there at all (a cookie that is Lax stays at home on a post from another site).
    {
      name: "LAN, another port",
      to: lan,
      from: "console.test",
      through: by_cookie,
      context: cookies.get(lan)!,
      sent: true,
    },
    {
      name: "LAN, another site",
      to: lan,
      from: "evil.test",
      through: by_cookie,
      context: cookies.get(lan)!,
      sent: false,
    },
    {
      name: "loopback, another port",
      to: by_cookie.url,
      from: "127.0.0.1",
      through: by_cookie,
      context: cookies.get(by_cookie.url)!,
      sent: true,
    },
    {
      name: "edge, another site",
      to: by_edge.url,
      from: "localhost",
      through: by_edge,
      context: await browser.newContext(),
      sent: true,
    },
  ];
  // The console takes what was done at the terminal into its audit a little later.
  while ((await audited()).filter(({ what }) => what === "enrolment link made").length < 3) await Bun.sleep(100);
  for (const { name, to, from, through, context, sent } of cells) {
    const before = await standing(there);
    expect(before.approval).toEqual([there.approval, "open"]); // else there is nothing to answer
    const jar = JSON.stringify(await context.cookies());
    through.passed.length = 0;
    const page = await context.newPage();
    await page.goto(`http://${from}:${evil.port}/`);
    await inPage(page, ATTACK, { origin: to, shots });
    const posts = () => through.passed.filter(({ method, path }) => method === "POST" && path !== "/csp-report");
    // A beacon is on its way behind the page's back: wait for the last of them.
    const ways = (path: string) => (DEAR.test(path) ? 8 : 6);
    const at = (path: string) => posts().filter((one) => one.path === path);
    while (shots.some(({ path }) => at(path).length < ways(path))) await page.waitForTimeout(100);
    // Everything that arrived was refused; where the sign-in came along it was refused for where it came from.
    const taken = posts().filter(({ status }) => status !== 401 && status !== 403);
    expect(taken as Passed[], name).toEqual([]);
    expect(posts().every(({ origin }) => origin === `http://${from}:${evil.port}`)).toBe(true);
    const types = new Set(posts().map(({ type }) => type));
    expect([...types]).toEqual(
      expect.arrayContaining(["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]),
    );
    if (sent)
      for (const { path } of shots) expect(new Set(at(path).map(({ status }) => status)), path).toEqual(new Set([403]));
    // What needs a leave of ours first (a header of its own, JSON by its name) was asked about, refused, and never sent.
    expect(through.passed.some(({ method }) => method === "OPTIONS")).toBe(true);
    expect(posts().some(({ type }) => type === "application/json")).toBe(false);

    // What only shows something shows it to nobody else, and nothing comes of it.
    const paths = Object.keys(POLICIES).flatMap((address) => {
      const [method, path] = address.split(" ") as [string, string];
      if (method !== "GET" || POLICIES[address] === "everybody") return [];
      const ids = path.includes("/actions/") ? there.approval : there.session;
      return [path.replace(":verb", "cycle").replace(":id", ids).replace(":seq", "1").replace(":tool_id", "tool-1")];
    });
    const streams = (path: string) => /\/(stream|tail)$/.test(path);
    expect(await inPage(page, LOOK, { origin: to, paths: paths.filter((path) => !streams(path)) }), name).toEqual([]);
    await page.evaluate(`(() => {
      const frame = document.createElement("iframe");
      frame.name = "ours";
      frame.src = ${JSON.stringify(`${to}/api/pve/cycle?request_id=made-up-elsewhere`)};
      document.body.append(frame);
      return new Promise((done) => { frame.onload = done; });
    })()`);
    const framed = page.frameLocator("iframe[name=ours]");
    await framed.locator("body").waitFor({ state: "attached" });
    expect(await framed.getByRole("button").count(), name).toBe(0);
    await page.close();

    const after = await standing(there);
    expect(after, name).toEqual(before);
    expect(JSON.stringify(await context.cookies()), name).toBe(jar);
  }
  // The audit tells them, the first few kinds one by one and the rest in number (src/audit/refusals.ts).
  const refused = (await audited()).filter(({ decision, outcome }) => decision === "refused" && outcome === "403");
  expect(refused.some((row) => row.who === "local:viktor" && row.what?.startsWith("POST /"))).toBe(true);

  // The control: the same form, the same script, on a page of ours.
  for (const [origin, context] of cookies) {
    const page = await context.newPage();
    await page.goto(`${origin}/sessions`);
    const before = hostLog().length;
    const fields = { target: "devvm" };
    await inPage(page, ATTACK, { origin, shots: [{ path: "/api/pve/forensics", fields }], ways: ["urlencoded"] });
    const { actions } = await asked("/api/pve/actions");
    const by = origin === lan ? "local:viktor" : "local:anna";
    expect(actions.map((one: any) => [one.verb, one.by])[0], origin).toEqual(["forensics", by]);
    for (;;) {
      const { actions } = await asked("/api/pve/actions");
      if (actions.every((one: any) => one.state === "ended")) break;
      await page.waitForTimeout(200);
    }
    expect(hostLog().length).toBeGreaterThan(before); // else the host's log would not have shown a foreign one either
    await page.close();
  }
});
