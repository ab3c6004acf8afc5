/**
 * Every route that the console serves × every kind of caller, generated from the app itself: a route that somebody adds is in here
 * without anybody thinking of it. Whether a caller may come in is what `policy.ts` says; that the door does so is what is tested.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Policy, policyOf } from "../../src/access/policy.ts";
import { createApp } from "../../src/app.ts";
import { openTestConsole, type TestConsole } from "../support/console.ts";

const TOKEN = "a-long-enough-bearer-token";
const METRICS = "a-token-that-reads-metrics";
const SECRET = "a-long-enough-proxy-secret";
const EDGE = { "x-authentik-username": "viktor", "x-breakglass-proxy-secret": SECRET };
const OWN_PAGE = { "sec-fetch-site": "same-origin" };

interface Caller {
  readonly headers: Record<string, string>;
  readonly peer?: string;
  /** Whether an address of this policy lets them in. */
  readonly may: (policy: Policy) => boolean;
}
const STRANGER = (policy: Policy) => policy === "everybody";
const ANYBODY_SIGNED_IN = () => true;

const CALLERS: Record<string, Caller> = {
  nobody: { headers: {}, may: STRANGER },
  "a wrong token": { headers: { authorization: "Bearer wrong" }, may: STRANGER },
  "the read token": {
    headers: { authorization: `Bearer ${METRICS}` },
    may: (policy) => policy === "everybody" || policy === "metrics",
  },
  "a made-up cookie": { headers: { cookie: "breakglass_8080=AAAAAAAAAAAAAAAAAAAAAA" }, may: STRANGER },
  "a header from elsewhere": { headers: EDGE, peer: "10.0.0.8", may: STRANGER },
  "a header from the edge without the secret": {
    headers: { "x-authentik-username": "viktor" },
    peer: "10.0.0.9",
    may: STRANGER,
  },
  "two names in the edge's header": {
    headers: { ...EDGE, "x-authentik-username": "viktor, admin" },
    peer: "10.0.0.9",
    may: STRANGER,
  },
  "the bearer token": { headers: { authorization: `Bearer ${TOKEN}` }, may: ANYBODY_SIGNED_IN },
  "the edge": { headers: { ...EDGE, ...OWN_PAGE }, peer: "10.0.0.9", may: ANYBODY_SIGNED_IN },
  "the edge in its IPv6 coat": { headers: { ...EDGE, ...OWN_PAGE }, peer: "::ffff:10.0.0.9", may: ANYBODY_SIGNED_IN },
};

const OPEN = new Set([
  "GET /health",
  "GET /static/*",
  "GET /manifest.webmanifest",
  "GET /favicon.ico",
  "GET /sw.js",
  // A browser's own report; it carries no sign-in, and is counted and nothing else.
  "POST /csp-report",
  "GET /login",
  "POST /login",
  "GET /enrol/:token",
  "POST /enrol/:token",
]);

interface Route {
  readonly method: string;
  readonly path: string;
  readonly policy: Policy;
}

let guarded: TestConsole;
let lab: TestConsole;
let routes: Route[] = [];
beforeAll(async () => {
  [guarded, lab] = await Promise.all([
    openTestConsole({
      API_BEARER_TOKEN: TOKEN,
      BREAKGLASS_METRICS_TOKEN: METRICS,
      BREAKGLASS_TRUSTED_PROXIES: "10.0.0.9",
      BREAKGLASS_PROXY_SECRET: SECRET,
    }),
    openTestConsole(),
  ]);
  const seen = new Map<string, Route>();
  for (const { method, path } of createApp(guarded.parts).routes) {
    const address = `${method} ${path}`;
    if (method !== "ALL") seen.set(address, { method, path, policy: policyOf(address) });
  }
  routes = [...seen.values()];
});
afterAll(async () => {
  await Promise.all([guarded.close(), lab.close()]);
});

/** An address of this route at which there is nothing, so that being let in does no harm. */
const at = ({ path }: Route) => path.replace(/:[a-z_]+(\{[^}]*\})?/g, "nothing-of-ours").replace(/\*/g, "nothing");

async function ask(of: TestConsole, route: Route, headers: Record<string, string>, peer?: string) {
  const all = new Headers(headers);
  if (route.method !== "GET") all.set("content-type", "application/json");
  const body = route.method === "GET" ? {} : { body: "{}" };
  const got = await of.ask(at(route), { method: route.method, peer, headers: all, ...body });
  const said = got.headers.get("content-type")?.startsWith("application/json") ? await got.text() : "";
  if (said === "") await got.body?.cancel();
  return { status: got.status, said };
}

/** How the door itself refuses. A route may have refusals of its own, by the same codes. */
function turnedAway({ status, said }: { status: number; said: string }): number | null {
  if (status === 421) return 421;
  if (status === 401 && said === '{"detail":"unauthenticated"}') return 401;
  return status === 403 && said.includes("did not come from") ? 403 : null;
}

test("the table is not empty, and knows the audit and the metrics", () => {
  expect(routes.length).toBeGreaterThan(30);
  const policies = Object.fromEntries(routes.map(({ method, path, policy }) => [`${method} ${path}`, policy]));
  expect(policies).toMatchObject({
    "GET /audit": "operator",
    "GET /metrics": "metrics",
    "GET /health": "everybody",
    "POST /api/pve/:verb": "operator",
  });
  // What is open to everybody is said here once more, by hand: another one must be meant.
  const open = routes.filter(({ policy }) => policy === "everybody").map(({ method, path }) => `${method} ${path}`);
  expect(open.filter((address) => !OPEN.has(address))).toEqual([]);
  expect(routes.filter(({ policy }) => policy === "metrics").map(({ path }) => path)).toEqual(["/metrics"]);
});

test("every route × every caller: who may not come in meets 401, who may is not stopped at the door", async () => {
  const wrong: string[] = [];
  let cells = 0;
  let let_in = 0;
  for (const route of routes)
    for (const [name, { headers, peer, may }] of Object.entries(CALLERS)) {
      // A form that proves itself answers strangers with refusals of its own, which look like the door's.
      if (route.policy === "everybody" && route.method !== "GET") continue;
      const got = turnedAway(await ask(guarded, route, headers, peer));
      const expected = may(route.policy) ? null : 401;
      if (got !== expected)
        wrong.push(`${route.method} ${route.path} × ${name}: ${got ?? "let in"}, not ${expected ?? "let in"}`);
      if (got === null) let_in++;
      cells++;
    }
  expect(wrong).toEqual([]);
  expect(cells).toBeGreaterThan(300);
  // Else every cell was a refusal, or none was.
  expect(let_in).toBeGreaterThan(100);
  expect(cells - let_in).toBeGreaterThan(150);
});

test("the open lab lets everybody in as lab, at every route", async () => {
  const wrong: string[] = [];
  for (const route of routes) {
    if (route.policy === "everybody" && route.method !== "GET") continue;
    const got = turnedAway(await ask(lab, route, OWN_PAGE));
    if (got !== null) wrong.push(`${route.method} ${route.path}: ${got}`);
  }
  expect(wrong).toEqual([]);
});

test("every route with a foreign Host is 421 to everybody but a health probe", async () => {
  const wrong: string[] = [];
  for (const route of routes)
    for (const [name, { headers, peer }] of Object.entries(CALLERS)) {
      const { status } = await ask(guarded, route, { ...headers, host: "evil.example" }, peer);
      if (status !== (route.path === "/health" ? 200 : 421))
        wrong.push(`${route.method} ${route.path} × ${name}: ${status}`);
    }
  expect(wrong).toEqual([]);
});

test("every route that changes something refuses a page elsewhere, and silence, to whoever a browser speaks for", async () => {
  const wrong: string[] = [];
  const unsafe = routes.filter(({ method, policy }) => method !== "GET" && policy !== "everybody");
  expect(unsafe.length).toBeGreaterThan(10);
  const foreign: Record<string, Record<string, string>> = {
    "cross-site": { "sec-fetch-site": "cross-site" },
    "same-site": { "sec-fetch-site": "same-site" },
    "a foreign Origin": { origin: "https://evil.example" },
    "an Origin of null": { origin: "null" },
    silence: {},
  };
  for (const route of unsafe)
    for (const [how, headers] of Object.entries(foreign)) {
      const edge = turnedAway(await ask(guarded, route, { ...EDGE, ...headers }, "10.0.0.9"));
      const anyone = turnedAway(await ask(lab, route, headers));
      if (edge !== 403 || anyone !== 403) wrong.push(`${route.method} ${route.path} × ${how}: ${edge}, lab ${anyone}`);
    }
  expect(wrong).toEqual([]);
});
