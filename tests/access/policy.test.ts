/** Every route there is × every kind of caller, generated from the app itself; and what happens to one that somebody forgot. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { POLICIES, policyOf, requirePolicies, Undeclared } from "../../src/access/policy.ts";
import { createApp } from "../../src/app.ts";
import { openTestConsole, type TestConsole } from "../support/console.ts";
import { cookieOf, OWN, TOKEN } from "../support/door.ts";

const METRICS = "a-token-that-reads-metrics";
let console_: TestConsole;
let callers: Record<string, Record<string, string>>;

beforeAll(async () => {
  console_ = await openTestConsole({
    API_BEARER_TOKEN: TOKEN,
    BREAKGLASS_METRICS_TOKEN: METRICS,
    BREAKGLASS_TRUSTED_PROXIES: "10.0.0.9",
  });
  const bearer = { authorization: `Bearer ${TOKEN}` };
  const login = async () =>
    cookieOf(await console_.ask("/login", { method: "POST", body: JSON.stringify({ token: TOKEN }), headers: OWN }));
  const board = cookieOf(
    await console_.ask("/access/kiosk", { method: "POST", body: "{}", headers: { ...OWN, cookie: await login() } }),
  );
  callers = {
    nobody: {},
    stranger: { "x-authentik-username": "viktor" },
    "wrong token": { authorization: "Bearer no" },
    "wrong cookie": { cookie: "breakglass_8080=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
    metrics: { authorization: `Bearer ${METRICS}` },
    kiosk: { cookie: board },
    operator: { cookie: await login() },
    program: bearer,
  };
  expect(board).not.toBe("");
});
afterAll(() => console_.close());

/** Wants no parameter to be right: what is looked at is whether the door lets them through. */
const pathOf = (path: string) => path.replace(/:[a-z_]+/g, "nothing-of-this-name").replace("*", "nothing.css");

test("every route × every kind of caller: only who is declared comes through", async () => {
  const app = createApp(console_.parts);
  const routes = app.routes.filter(({ method }) => method !== "ALL");
  const wrong: string[] = [];
  let cells = 0;
  for (const { method, path } of routes)
    for (const [caller, headers] of Object.entries(callers)) {
      const policy = policyOf(`${method} ${path}`);
      const full = caller === "operator" || caller === "program";
      const through =
        policy === "everybody" ||
        full ||
        (policy === "kiosk" && caller === "kiosk") ||
        (policy === "metrics" && caller === "metrics");
      // A change that would be let through is sent from elsewhere, so that the door is seen to open and nothing runs.
      const site: Record<string, string> =
        method === "GET" || caller === "program" ? {} : { "sec-fetch-site": through ? "cross-site" : "same-origin" };
      if (through && caller === "program" && method !== "GET") continue;
      if (path === "/logout" && through) continue;
      const answer = await console_.ask(pathOf(path), {
        method,
        headers: { ...site, ...headers },
        peer: "203.0.113.9",
      });
      await answer.body?.cancel();
      const status = answer.status;
      const expected = through
        ? method === "GET"
          ? ![401, 403, 421].includes(status)
          : policy === "everybody"
            ? status !== 401
            : status === 403
        : caller === "kiosk"
          ? status === 403
          : status === 401;
      if (!expected) wrong.push(`${method} ${path} × ${caller}: ${status}`);
      cells++;
    }
  expect(wrong).toEqual([]);
  expect(routes.length).toBeGreaterThan(30);
  expect(cells).toBeGreaterThan(7 * 30);
}, 60_000);

test("a route that does not say who may call it ends the start, with a sentence that names it", () => {
  const app = createApp(console_.parts);
  app.get("/forgotten", (c) => c.text("everything"));
  expect(() => requirePolicies(app.routes)).toThrow(Undeclared);
  expect(() => requirePolicies(app.routes)).toThrow("GET /forgotten");
});

test("the table has no address that is not there any more", () => {
  const there = new Set(createApp(console_.parts).routes.map(({ method, path }) => `${method} ${path}`));
  expect(Object.keys(POLICIES).filter((address) => !there.has(address))).toEqual([]);
});

test("what nobody declared is for operators alone", () => {
  expect(policyOf("DELETE /forgotten")).toBe("operator");
});
