/** Signing in with the token: the form that proves itself, the cookie, and the way out. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Context, Hono } from "hono";
import { openAccess } from "../../src/access/access.ts";
import { localPath } from "../../src/access/local-path.ts";
import type { Env } from "../../src/access/operator.ts";
import { IDLE_MS, LONGEST_MS } from "../../src/access/sign-ins.ts";
import { storePath } from "../../src/access/store.ts";
import { readConfig } from "../../src/config.ts";
import { Refusal } from "../../src/refusal.ts";

let folder = "";
let consoles = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sign-in-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TOKEN = "a-long-enough-bearer-token";
const FORM = "application/x-www-form-urlencoded";

function consoleOf(env: Record<string, string> = {}, at = { now: Date.UTC(2026, 0, 1) }) {
  const data = env.BREAKGLASS_DATA_DIR ?? join(folder, String(consoles++));
  const config = readConfig({ API_BEARER_TOKEN: TOKEN, ...env, BREAKGLASS_DATA_DIR: data });
  const waited: number[] = [];
  const peer = (c: Context) => c.req.header("x-test-peer") ?? "203.0.113.5";
  const access = openAccess(config, { peer, now: () => at.now, pause: async (ms) => void waited.push(ms) });
  const app = new Hono<Env>();
  app.onError((error, c) =>
    error instanceof Refusal ? c.text(error.message, error.status) : c.text(String(error), 500),
  );
  app.use("*", access.guard);
  app.route("/", access.routes);
  app.get("/who", (c) => c.text(c.get("operator").name));
  const ask = (path: string, headers: Record<string, string> = {}, body?: string) =>
    app.request(path, {
      method: body === undefined ? "GET" : "POST",
      body,
      headers: { host: "localhost:8080", ...headers },
    });
  return { ask, waited, at, data, access };
}

/** What a browser without scripts does: opens the page, keeps its cookies, posts its form. */
async function open(ask: ReturnType<typeof consoleOf>["ask"], headers: Record<string, string> = {}) {
  const page = await ask("/login", { accept: "text/html", ...headers });
  const html = await page.text();
  const request_id = /name="request_id" value="([^"]+)"/.exec(html)?.[1] ?? "";
  const cookie = page.headers
    .getSetCookie()
    .map((line) => line.split(";")[0])
    .join("; ");
  return { request_id, cookie, html };
}

const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString();
const cookieIn = (response: Response, name: string) =>
  response.headers.getSetCookie().find((line) => line.startsWith(`${name}=`)) ?? "";

test("a text browser signs in by the form alone, and lands where it wanted to go", async () => {
  const { ask } = consoleOf();
  const { request_id, cookie } = await open(ask);
  expect([request_id.length, cookie.startsWith("breakglass_form_8080=")]).toEqual([44, true]);
  const done = await ask(
    "/login",
    { accept: "text/html", "content-type": FORM, cookie },
    form({ token: TOKEN, request_id, next: "/sessions?x=1" }),
  );
  expect([done.status, done.headers.get("location")]).toEqual([303, "/sessions?x=1"]);
  const set = cookieIn(done, "breakglass_8080");
  expect(set).toMatch(/; Max-Age=43200; Path=\/; HttpOnly; SameSite=Lax$/);
  expect(set).not.toContain(TOKEN);
  expect(await (await ask("/who", { cookie: set.split(";")[0]! })).text()).toBe("local:token");
});

test("the form of the 401 page at any address signs in, too", async () => {
  const { ask } = consoleOf();
  const page = await ask("/who", { accept: "text/html" });
  const request_id = /name="request_id" value="([^"]+)"/.exec(await page.text())![1]!;
  const cookie = page.headers.getSetCookie()[0]!.split(";")[0]!;
  expect(page.headers.getSetCookie().length).toBe(1);
  expect(
    (await ask("/login", { accept: "text/html", "content-type": FORM, cookie }, form({ token: TOKEN, request_id })))
      .status,
  ).toBe(303);
});

test("a form that is not our own signs nobody in: id × cookie × headers", async () => {
  const { ask } = consoleOf();
  const mine = await open(ask);
  const theirs = await open(ask);
  const rows: [string, Record<string, string>, string | undefined, number][] = [
    ["id and its cookie", { cookie: mine.cookie }, mine.request_id, 303],
    ["id without the cookie", {}, mine.request_id, 403],
    ["the attacker's id, the victim's cookie", { cookie: mine.cookie }, theirs.request_id, 403],
    ["no id", { cookie: mine.cookie }, undefined, 403],
    ["nothing", {}, undefined, 403],
    ["same-origin", { "sec-fetch-site": "same-origin" }, undefined, 303],
    ["our Origin", { origin: "http://localhost:8080" }, undefined, 303],
    ["same-site, with id and cookie", { "sec-fetch-site": "same-site", cookie: mine.cookie }, mine.request_id, 403],
    ["cross-site, with id and cookie", { "sec-fetch-site": "cross-site", cookie: mine.cookie }, mine.request_id, 403],
    [
      "foreign Origin, with id and cookie",
      { origin: "https://evil.example", cookie: mine.cookie },
      mine.request_id,
      403,
    ],
  ];
  for (const [what, headers, request_id, status] of rows)
    for (const type of [FORM, "application/json", "text/plain"]) {
      const fields = { token: TOKEN, ...(request_id ? { request_id } : {}) };
      const body = type === FORM ? form(fields) : JSON.stringify(fields);
      const done = await ask("/login", { accept: "text/html", "content-type": type, ...headers }, body);
      expect([what, type, done.status]).toEqual([what, type, status]);
      expect([what, cookieIn(done, "breakglass_8080") !== ""]).toEqual([what, status === 303]);
    }
});

test("a wrong token is told so after a moment, on the page, and sets no sign-in cookie; the right one never waits", async () => {
  const { ask, waited } = consoleOf();
  const { request_id, cookie } = await open(ask);
  for (const token of ["wrong", `${TOKEN}x`, TOKEN.slice(1), TOKEN.toUpperCase()]) {
    const no = await ask(
      "/login",
      { accept: "text/html", "content-type": FORM, cookie },
      form({ token, request_id, next: "/who" }),
    );
    expect([no.status, cookieIn(no, "breakglass_8080")]).toEqual([401, ""]);
    const html = await no.text();
    expect([html.includes("not the token"), html.includes('value="/who"'), html.includes(token)]).toEqual([
      true,
      true,
      false,
    ]);
  }
  expect(waited.length).toBe(4);
  expect(
    (await ask("/login", { accept: "text/html", "content-type": FORM, cookie }, form({ token: TOKEN, request_id })))
      .status,
  ).toBe(303);
  expect(waited.length).toBe(4);
});

test("in four forms: a page or 303, a fragment, a line, JSON", async () => {
  const { ask } = consoleOf();
  const own = { "sec-fetch-site": "same-origin", "content-type": "application/json" };
  const right = JSON.stringify({ token: TOKEN });
  const wrong = JSON.stringify({ token: "no" });
  const program = await ask("/login", own, right);
  expect([program.status, await program.json()]).toEqual([200, { status: "signed in" }]);
  expect(await (await ask("/login", own, wrong)).json()).toEqual({ detail: "unauthenticated" });
  expect(await (await ask("/login", { ...own, accept: "text/plain" }, right)).text()).toContain("Signed in");
  const htmx = await ask("/login", { ...own, "hx-request": "true" }, right);
  expect([htmx.status, htmx.headers.get("hx-redirect")]).toEqual([200, "/"]);
  expect((await ask("/login", own, "{")).status).toBe(400);
  expect((await ask("/login", own, "{}")).status).toBe(422);
  expect((await ask("/login", own, JSON.stringify({ token: "x".repeat(5000) }))).status).toBe(422);
  expect((await ask("/login", { ...own, "content-length": "999999" }, right)).status).toBe(413);
});

test("a sign-in outlives a restart, and ends after 12 hours, with another token, or when it is signed out", async () => {
  const before = consoleOf();
  const cookie = await signIn(before.ask);
  const restarted = () => consoleOf({ BREAKGLASS_DATA_DIR: before.data }, before.at);
  expect((await restarted().ask("/who", { cookie })).status).toBe(200);
  expect(
    (
      await consoleOf({ BREAKGLASS_DATA_DIR: before.data, API_BEARER_TOKEN: "another-long-token" }, before.at).ask(
        "/who",
        { cookie },
      )
    ).status,
  ).toBe(401);
  const began = before.at.now;
  // Seen every half idle time, so that it is the 12 hours that end it.
  while (before.at.now + IDLE_MS / 2 < began + LONGEST_MS) {
    before.at.now += IDLE_MS / 2;
    expect((await before.ask("/who", { cookie })).status).toBe(200);
  }
  before.at.now = began + LONGEST_MS - 1;
  expect((await before.ask("/who", { cookie })).status).toBe(200);
  before.at.now += 1;
  expect((await before.ask("/who", { cookie })).status).toBe(401);

  const again = await signIn(before.ask);
  const other = await signIn(before.ask);
  const out = await before.ask("/logout", { cookie: again, "sec-fetch-site": "same-origin", accept: "text/html" }, "");
  expect([out.status, out.headers.get("location")]).toEqual([303, "/login"]);
  expect(cookieIn(out, "breakglass_8080")).toContain("Max-Age=0");
  for (const { ask } of [before, restarted()]) {
    expect((await ask("/who", { cookie: again })).status).toBe(401);
    expect((await ask("/who", { cookie: other })).status).toBe(200);
  }
});

test("30 minutes without a tap end it, and so says the next console; being seen starts them anew", async () => {
  const first = consoleOf();
  const cookie = await signIn(first.ask);
  first.at.now += IDLE_MS - 1;
  expect((await first.ask("/who", { cookie })).status).toBe(200);
  first.at.now += IDLE_MS - 1;
  const second = consoleOf({ BREAKGLASS_DATA_DIR: first.data }, first.at);
  expect((await second.ask("/who", { cookie })).status).toBe(200);
  first.at.now += IDLE_MS;
  expect((await first.ask("/who", { cookie })).status).toBe(401);
  expect((await second.ask("/who", { cookie })).status).toBe(401);
});

test("what is on disk opens nothing: neither cookie nor token stands in any file, and all are their owner's alone", async () => {
  const { ask, data } = consoleOf();
  const value = (await signIn(ask)).split("=")[1]!;
  const folder = join(data, "lab", "access");
  const files = readdirSync(folder);
  expect(files).toContain("operators.db");
  for (const file of files) {
    const path = join(folder, file);
    expect([file, statSync(path).mode & 0o077]).toEqual([file, 0]);
    const bytes = readFileSync(path);
    expect([file, bytes.includes(value), bytes.includes(TOKEN)]).toEqual([file, false, false]);
  }
});

test("a damaged file is moved aside, never deleted, and the token still signs in", async () => {
  const { data } = consoleOf();
  const path = storePath(join(data, "lab"));
  for (const end of ["-wal", "-shm"]) rmSync(path + end, { force: true });
  writeFileSync(path, "this is no database, and it is long enough to be looked at as one".repeat(200));
  const { ask, access } = consoleOf({ BREAKGLASS_DATA_DIR: data });
  expect(access.troubles.join()).toContain("moved to");
  expect(readdirSync(join(data, "lab", "access")).some((name) => name.includes(".bad-"))).toBe(true);
  expect((await ask("/who", { cookie: await signIn(ask) })).status).toBe(200);
});

test("signing in again on the same browser gives another cookie, and the one before is worth nothing", async () => {
  const { ask } = consoleOf();
  const first = await signIn(ask);
  const done = await ask(
    "/login",
    { "sec-fetch-site": "same-origin", "content-type": "application/json", cookie: first },
    JSON.stringify({ token: TOKEN }),
  );
  const second = cookieIn(done, "breakglass_8080").split(";")[0]!;
  expect(second).not.toBe(first);
  expect((await ask("/who", { cookie: first })).status).toBe(401);
  expect((await ask("/who", { cookie: second })).status).toBe(200);
});

test("over plain http from elsewhere nobody signs in, and it says why; asked for by name it does, and says so, too", async () => {
  const lan = { BREAKGLASS_ORIGINS: "http://bg.lan:8080" };
  const own = { host: "bg.lan:8080", "sec-fetch-site": "same-origin", "content-type": "application/json" };
  const body = JSON.stringify({ token: TOKEN });
  const refused = consoleOf(lan);
  const no = await refused.ask("/login", own, body);
  expect([no.status, await no.text(), no.headers.getSetCookie()]).toEqual([
    403,
    expect.stringContaining("plain http"),
    [],
  ]);
  const page = await refused.ask("/login", { host: "bg.lan:8080", accept: "text/html" });
  const html = await page.text();
  expect([html.includes("plain http"), html.includes('type="password"'), page.headers.getSetCookie()]).toEqual([
    true,
    false,
    [],
  ]);
  const allowed = consoleOf({ ...lan, BREAKGLASS_INSECURE_HTTP: "1" });
  const cookie = cookieIn(await allowed.ask("/login", own, body), "breakglass_8080").split(";")[0]!;
  expect((await allowed.ask("/who", { host: "bg.lan:8080", cookie })).status).toBe(200);
  expect(await (await allowed.ask("/login", { host: "bg.lan:8080", accept: "text/html" })).text()).toContain(
    "BREAKGLASS_INSECURE_HTTP",
  );
  // The very same cookie, where plain http is not asked for.
  const strict = consoleOf({ ...lan, BREAKGLASS_DATA_DIR: allowed.data });
  expect((await strict.ask("/who", { host: "bg.lan:8080", cookie })).status).toBe(401);
});

test("no single changed character of a cookie signs anybody in", async () => {
  const { ask } = consoleOf();
  const cookie = await signIn(ask);
  const value = cookie.split("=")[1]!;
  const accepted: string[] = [];
  for (let i = 0; i < value.length; i++) {
    const changed = value.slice(0, i) + (value[i] === "A" ? "B" : "A") + value.slice(i + 1);
    if ((await ask("/who", { cookie: `breakglass_8080=${changed}` })).status !== 401) accepted.push(changed);
  }
  expect(accepted).toEqual([]);
  expect((await ask("/who", { cookie })).status).toBe(200); // else the loop above proves nothing
});

test("signing out needs our own page, and somebody who is signed in", async () => {
  const { ask } = consoleOf();
  const cookie = await signIn(ask);
  expect((await ask("/logout", { cookie, "sec-fetch-site": "cross-site" }, "")).status).toBe(403);
  expect((await ask("/logout", { "sec-fetch-site": "same-origin" }, "")).status).toBe(401);
  expect((await ask("/who", { cookie })).status).toBe(200);
});

test("over https the cookie is Secure and bound to the host; a stranger can't say that it is https", async () => {
  const env = { BREAKGLASS_TRUSTED_PROXIES: "10.0.0.9" };
  const own = { "sec-fetch-site": "same-origin", "content-type": "application/json" };
  const body = JSON.stringify({ token: TOKEN });
  const { ask } = consoleOf(env);
  const https = { "x-forwarded-proto": "https", "x-test-peer": "10.0.0.9" };
  const set = cookieIn(await ask("/login", { ...own, ...https }, body), "__Host-breakglass");
  expect(set).toContain("; Secure");
  expect((await ask("/who", { ...https, cookie: set.split(";")[0]! })).status).toBe(200);
  // The name without the prefix could have been set by a neighbouring name over http.
  expect(
    (await ask("/who", { ...https, cookie: set.split(";")[0]!.replace("__Host-breakglass", "breakglass_8080") }))
      .status,
  ).toBe(401);
  const stranger = await ask("/login", { ...own, "x-forwarded-proto": "https" }, body);
  expect(cookieIn(stranger, "breakglass_8080")).not.toContain("Secure");
  const named = consoleOf({ BREAKGLASS_ORIGINS: "https://bg.example.org" });
  expect(cookieIn(await named.ask("/login", { ...own, host: "bg.example.org" }, body), "__Host-breakglass")).toContain(
    "; Secure",
  );
});

test("somebody who is signed in is sent on from /login", async () => {
  const { ask } = consoleOf();
  const cookie = await signIn(ask);
  const on = await ask("/login?next=/kiosk", { cookie, accept: "text/html" });
  expect([on.status, on.headers.get("location")]).toEqual([303, "/kiosk"]);
});

test("a console without a token says so, and lets nobody in by the form", async () => {
  const { ask } = consoleOf({
    API_BEARER_TOKEN: undefined as never,
    BREAKGLASS_TRUSTED_PROXIES: "10.0.0.9",
    HOST: "0.0.0.0",
  });
  expect((await open(ask)).html).toContain("API_BEARER_TOKEN");
  for (const token of ["null", "undefined", "x"])
    expect(
      (
        await ask(
          "/login",
          { "sec-fetch-site": "same-origin", "content-type": "application/json" },
          JSON.stringify({ token }),
        )
      ).status,
    ).toBe(401);
});

test.each([
  ["/", "/"],
  ["/sessions/7?x=1", "/sessions/7?x=1"],
  ["//evil.example", "/"],
  ["/\\evil.example", "/"],
  ["https://evil.example", "/"],
  ["javascript:alert(1)", "/"],
  ["/a\nb", "/"],
  ["/a b", "/"],
  ["/login?next=/login", "/"],
  ["/logout", "/"],
  ["", "/"],
  [undefined, "/"],
  [`/${"a".repeat(600)}`, "/"],
])("after signing in, %p leads to %p", (asked, goes) => {
  expect(localPath(asked)).toBe(goes);
});

async function signIn(ask: ReturnType<typeof consoleOf>["ask"]): Promise<string> {
  const done = await ask(
    "/login",
    { "sec-fetch-site": "same-origin", "content-type": "application/json" },
    JSON.stringify({ token: TOKEN }),
  );
  return cookieIn(done, "breakglass_8080").split(";")[0]!;
}
