/** The door, asked through a real app: 421, 401, 403 in that order, in four forms, and what each kind of caller may do. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Context, Hono } from "hono";
import { openAccess } from "../../src/access/access.ts";
import type { Env, Operator } from "../../src/access/operator.ts";
import { readConfig } from "../../src/config.ts";

let folder = "";
let consoles = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "guard-"));
});
/** What the echo route says of a request. */
const told = async (response: Response) => (await response.json()) as { operator: Operator; body: unknown };
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TOKEN = "a-long-enough-bearer-token";
const METRICS = "a-token-that-reads-metrics";
const OURS = "http://localhost:8080";
const REAL = { BREAKGLASS_PVE_HOST: "192.0.2.1", BREAKGLASS_DEVVM_HOST: "192.0.2.2" };
const EVERY_WAY = {
  ...REAL,
  API_BEARER_TOKEN: TOKEN,
  BREAKGLASS_METRICS_TOKEN: METRICS,
  BREAKGLASS_TRUSTED_PROXIES: "10.0.0.9",
};

/** A console of the given settings, with a route of each kind behind its guard. `peer` is set per request. */
function consoleOf(env: Record<string, string>) {
  const config = readConfig({ BREAKGLASS_DATA_DIR: join(folder, String(consoles++)), ...env });
  const waited: number[] = [];
  const access = openAccess(config, {
    peer: (c: Context) => c.req.header("x-test-peer") ?? "203.0.113.5",
    pause: async (ms) => void waited.push(ms),
  });
  const reached: string[] = [];
  const app = new Hono<Env>();
  app.use("*", access.guard);
  app.route("/", access.routes);
  app.all("/health", (c) => c.json({ status: "ok" }));
  app.all("/echo", async (c) => {
    reached.push(c.get("operator").name);
    const type = c.req.header("content-type") ?? "";
    const body = type.includes("form") ? await c.req.parseBody() : await c.req.text();
    return c.json({ operator: c.get("operator"), body });
  });
  app.get("/metrics", (c) => c.text(c.get("operator").name));
  app.get("/static/a.css", (c) => c.text("a{}"));
  app.get("/manifest.webmanifest", (c) => c.json({}));
  const ask = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
    app.request(path, { ...init, headers: { host: "localhost:8080", ...headers } });
  return { ask, access, reached, waited };
}

const bearer = { authorization: `Bearer ${TOKEN}` };

test("every address needs sign-in, but the few that are open", async () => {
  const { ask } = consoleOf(EVERY_WAY);
  const closed = [
    "/",
    "/echo",
    "/metrics",
    "/sessions",
    "/api/pve/cycle",
    "/no-such",
    "/healthz",
    "/health/x",
    "/static",
    "/logout",
    "/login/x",
    "/kiosk",
  ];
  const statuses = await Promise.all(closed.map(async (path) => [path, (await ask(path)).status]));
  expect(statuses).toEqual(closed.map((path) => [path, 401]));
  for (const open of ["/health", "/static/a.css", "/manifest.webmanifest", "/login"])
    expect((await ask(open)).status).toBe(200);
  for (const open of ["/health", "/static/a.css"]) expect((await ask(open, {}, { method: "POST" })).status).toBe(401);
});

test("a foreign Host is told 421 everywhere but at /health, before anything else is looked at", async () => {
  const { ask, reached } = consoleOf(EVERY_WAY);
  for (const host of ["evil.example", "evil.example:8080", "localhost", "localhost:8081", ""])
    for (const path of ["/", "/echo", "/login", "/static/a.css", "/no-such"]) {
      expect((await ask(path, { host, ...bearer })).status).toBe(421);
      expect((await ask(path, { host }, { method: "POST" })).status).toBe(421);
    }
  expect((await ask("/health", { host: "evil.example" })).status).toBe(200);
  expect(reached).toEqual([]);
});

test("401 comes before 403, and 403 before 404", async () => {
  const { ask } = consoleOf(EVERY_WAY);
  const foreign = { "sec-fetch-site": "cross-site" };
  expect((await ask("/no-such", foreign, { method: "POST" })).status).toBe(401);
  const cookie = await signedIn(ask);
  expect((await ask("/no-such", { ...foreign, cookie }, { method: "POST" })).status).toBe(403);
  expect((await ask("/no-such", { "sec-fetch-site": "same-origin", cookie }, { method: "POST" })).status).toBe(404);
});

test("a refused form names the address that its sender came by, and no other", async () => {
  const { ask } = consoleOf({ ...EVERY_WAY, BREAKGLASS_ORIGINS: "http://localhost:8080, https://bg.example.org" });
  const edge = { "x-test-peer": "10.0.0.9", "x-authentik-username": "viktor", "sec-fetch-site": "cross-site" };
  const refused = await ask("/echo", { ...edge, host: "bg.example.org" }, { method: "POST" });
  const { detail } = (await refused.json()) as { detail: string };
  expect([refused.status, detail.includes("https://bg.example.org"), detail.includes("localhost")]).toEqual([
    403,
    true,
    false,
  ]);
});

test("not signed in is said in the caller's own form, at the address that was asked for", async () => {
  const { ask } = consoleOf(EVERY_WAY);
  const page = await ask("/sessions/7?x=1", { accept: "text/html,*/*" });
  expect([page.status, page.headers.get("location"), page.headers.get("cache-control")]).toEqual([
    401,
    null,
    "no-store",
  ]);
  const html = await page.text();
  expect(html).toContain('action="/login"');
  expect(html).toContain('value="/sessions/7?x=1"');
  const fragment = await ask("/echo", { "hx-request": "true", accept: "text/html" });
  expect([fragment.status, (await fragment.text()).includes("<html")]).toEqual([401, false]);
  const line = await ask("/echo", { accept: "text/plain" });
  expect([line.status, (await line.text()).split("\n").length]).toEqual([401, 2]);
  for (const accept of ["*/*", "application/json", "text/event-stream", ""]) {
    const program = await ask("/echo", { accept });
    expect([program.status, await program.json()]).toEqual([401, { detail: "unauthenticated" }]);
  }
});

test("each way in gives its own name, and what does not hold is as if it were absent", async () => {
  const { ask, access } = consoleOf(EVERY_WAY);
  const cookie = await signedIn(ask);
  const edge = { "x-test-peer": "::ffff:10.0.0.9", "x-authentik-username": "viktor" };
  const wrong = { authorization: "Bearer no" };
  const rows: [Record<string, string>, string | null][] = [
    [bearer, "token:bearer"],
    [{ authorization: `bearer  ${TOKEN}` }, "token:bearer"],
    [{ authorization: `Basic ${TOKEN}` }, null],
    [{ authorization: TOKEN }, null],
    [{ authorization: `Bearer ${TOKEN} x` }, null],
    [{ authorization: `Bearer ${METRICS}` }, null],
    [wrong, null],
    [{ cookie }, "local:token"],
    [{ cookie: `${cookie}x` }, null],
    [edge, "edge:viktor"],
    [{ ...edge, "x-test-peer": "10.0.0.8" }, null],
    [{ ...wrong, ...edge }, "edge:viktor"],
    [{ ...wrong, cookie }, "local:token"],
    [{ ...bearer, cookie, ...edge }, "token:bearer"],
    [{ cookie, ...edge }, "local:token"],
    [{ "x-authentik-username": "viktor" }, null],
  ];
  for (const [headers, name] of rows) {
    const response = await ask("/echo", headers);
    expect([headers, response.status]).toEqual([headers, name === null ? 401 : 200]);
    if (name !== null) expect((await told(response)).operator.name).toBe(name);
  }
  expect(access.troubles).toEqual([]);
});

test("the metrics token reads the metrics and opens nothing else", async () => {
  const { ask } = consoleOf(EVERY_WAY);
  const metrics = { authorization: `Bearer ${METRICS}` };
  expect(await (await ask("/metrics", metrics)).text()).toBe("token:metrics");
  expect((await ask("/metrics", metrics, { method: "POST" })).status).toBe(401);
  for (const path of ["/", "/echo", "/sessions", "/status"]) expect((await ask(path, metrics)).status).toBe(401);
});

test("what the edge's header is worth from a stranger is said to the person, not to a program", async () => {
  const { ask } = consoleOf(EVERY_WAY);
  const claim = { "x-authentik-username": "admin" };
  expect(await (await ask("/", { ...claim, accept: "text/html" })).text()).toContain("BREAKGLASS_TRUSTED_PROXIES");
  expect(await (await ask("/", claim)).json()).toEqual({ detail: "unauthenticated" });
});

test("the lab on loopback is open as lab; with a token, or a real target, it is not", async () => {
  expect((await told(await consoleOf({}).ask("/echo"))).operator).toEqual({
    name: "lab",
    how: "lab",
    from: "203.0.113.5",
  });
  const edge = consoleOf({ BREAKGLASS_TRUSTED_PROXIES: "10.0.0.9" });
  expect(
    (await told(await edge.ask("/echo", { "x-test-peer": "10.0.0.9", "x-authentik-username": "v" }))).operator.name,
  ).toBe("edge:v");
  expect((await consoleOf({ API_BEARER_TOKEN: TOKEN }).ask("/echo")).status).toBe(401);
  expect(
    (await consoleOf({ ...REAL, API_BEARER_TOKEN: TOKEN }).ask("/echo", { "x-test-peer": "127.0.0.1" })).status,
  ).toBe(401);
  expect(
    (await consoleOf({ HOST: "0.0.0.0", API_BEARER_TOKEN: TOKEN }).ask("/echo", { "x-test-peer": "127.0.0.1" })).status,
  ).toBe(401);
});

test("a change: caller × Sec-Fetch-Site × Origin × id in the body × content type × method, every cell", async () => {
  const { ask, access, reached } = consoleOf(EVERY_WAY);
  const callers: Record<string, { headers: Record<string, string>; name: string }> = {
    bearer: { headers: bearer, name: "token:bearer" },
    cookie: { headers: { cookie: await signedIn(ask) }, name: "local:token" },
    edge: { headers: { "x-test-peer": "10.0.0.9", "x-authentik-username": "viktor" }, name: "edge:viktor" },
  };
  const sites = [null, "same-origin", "same-site", "cross-site", "none"];
  const origins = [null, OURS, "https://evil.example", "null"];
  const idsFor = (name: string): Record<string, string | null> => ({
    none: null,
    own: access.ids.make(name),
    "another operator's": access.ids.make("edge:mallory"),
    "the sign-in page's": access.ids.make(name, "login"),
    "a program's": "018f3a2e-7c11-7e9c-8a53-6c1f0f6c2a11",
  });
  const types: Record<string, (id: string | null) => { body: string | FormData; type?: string }> = {
    form: (id) => ({
      body: new URLSearchParams({ a: "b", ...(id ? { request_id: id } : {}) }).toString(),
      type: "application/x-www-form-urlencoded",
    }),
    multipart: (id) => {
      const form = new FormData();
      form.set("a", "b");
      if (id) form.set("request_id", id);
      return { body: form };
    },
    json: (id) => ({ body: JSON.stringify({ a: "b", ...(id ? { request_id: id } : {}) }), type: "application/json" }),
    "text/plain": (id) => ({ body: JSON.stringify({ a: "b", ...(id ? { request_id: id } : {}) }), type: "text/plain" }),
  };
  const wrong: string[] = [];
  let cells = 0;
  let passed = 0;
  for (const [caller, { headers, name }] of Object.entries(callers))
    for (const site of sites)
      for (const origin of origins)
        for (const [which, id] of Object.entries(idsFor(name)))
          for (const [content, make] of Object.entries(types))
            for (const method of ["POST", "PUT", "DELETE"]) {
              const { body, type } = make(id);
              const before = reached.length;
              const response = await ask(
                "/echo",
                {
                  ...headers,
                  ...(site ? { "sec-fetch-site": site } : {}),
                  ...(origin ? { origin } : {}),
                  ...(type ? { "content-type": type } : {}),
                },
                { method, body },
              );
              const ok =
                caller === "bearer" ||
                (site !== null ? site === "same-origin" : origin !== null ? origin === OURS : which === "own");
              const ran = reached.length > before;
              if (response.status !== (ok ? 200 : 403) || ran !== ok)
                wrong.push([caller, site, origin, which, content, method, response.status].join(" × "));
              if (ok) passed++;
              cells++;
            }
  expect(wrong).toEqual([]);
  expect(cells).toBe(3 * 5 * 4 * 5 * 4 * 3);
  // Else nothing got through and the matrix proves nothing.
  expect(passed).toBe(5 * 4 * 60 + 2 * (4 * 60 + 60 + 12));
});

test("the route still reads the body that the guard looked into", async () => {
  const { ask, access } = consoleOf({});
  const request_id = access.ids.make("lab");
  const long = "x".repeat(200_000);
  const form = await ask(
    "/echo",
    { "content-type": "application/x-www-form-urlencoded" },
    { method: "POST", body: new URLSearchParams({ long, request_id }).toString() },
  );
  expect((await told(form)).body).toEqual({ long, request_id });
  const json = JSON.stringify({ long, request_id });
  const program = await ask("/echo", { "content-type": "application/json" }, { method: "POST", body: json });
  expect((await told(program)).body).toBe(json);
});

test("an id twice, an id that is no text, or a body that is no form proves nothing", async () => {
  const { ask, access } = consoleOf({});
  const id = access.ids.make("lab");
  const post = async (type: string, body: string) =>
    (await ask("/echo", { "content-type": type }, { method: "POST", body })).status;
  expect(await post("application/x-www-form-urlencoded", `request_id=${id}`)).toBe(200);
  expect(await post("application/x-www-form-urlencoded", `request_id=${id}&request_id=${id}`)).toBe(403);
  expect(await post("application/json", JSON.stringify({ request_id: [id] }))).toBe(403);
  expect(await post("application/json", `{"request_id":"${id}"`)).toBe(403);
  expect(await post("application/json", JSON.stringify({ deep: { request_id: id } }))).toBe(403);
  expect(await post("application/json", "null")).toBe(403);
  expect(await post("multipart/form-data", `request_id=${id}`)).toBe(403);
  expect(await post("application/x-www-form-urlencoded", `a=${"x".repeat(500_000)}&request_id=${id}`)).toBe(403);
});

test("an id in the address or in a header proves nothing", async () => {
  const { ask, access } = consoleOf({});
  const id = access.ids.make("lab");
  expect(
    (await ask(`/echo?request_id=${id}`, { "idempotency-key": id, "x-request-id": id }, { method: "POST" })).status,
  ).toBe(403);
});

test("wrong tokens wait, up to a second; the right one never does, and nobody is locked out", async () => {
  const { ask, waited } = consoleOf(EVERY_WAY);
  for (let i = 0; i < 30; i++) expect((await ask("/echo", { authorization: `Bearer wrong-${i}` })).status).toBe(401);
  expect(waited.length).toBe(30);
  expect([waited[0]! > 0, Math.max(...waited)]).toEqual([true, 1000]);
  expect((await ask("/echo", bearer)).status).toBe(200);
  expect((await ask("/echo")).status).toBe(401);
  expect(waited.length).toBe(30);
});

async function signedIn(ask: ReturnType<typeof consoleOf>["ask"]): Promise<string> {
  const response = await ask(
    "/login",
    { "sec-fetch-site": "same-origin", "content-type": "application/json" },
    { method: "POST", body: JSON.stringify({ token: TOKEN }) },
  );
  return response.headers
    .getSetCookie()
    .find((cookie) => cookie.startsWith("breakglass_8080="))!
    .split(";")[0]!;
}
