/** The door alone: guard and sign-in of real settings over a few routes behind it, asked as a browser asks. Real file, real hashes. */
import { type Context, Hono } from "hono";
import { type Access, openAccess } from "../../src/access/access.ts";
import { LINK_HOLDS_MS, Operators } from "../../src/access/enrolled.ts";
import type { Env } from "../../src/access/operator.ts";
import { openStore } from "../../src/access/store.ts";
import type { AccessEvent } from "../../src/access/told.ts";
import { readConfig } from "../../src/config.ts";
import { answerRefusal } from "../../src/console/answer.tsx";
import { Refusal } from "../../src/refusal.ts";

export const TOKEN = "a-long-enough-bearer-token";
export const PASSWORD = "seven lamps and a ladder";
export const OWN = { "sec-fetch-site": "same-origin", "content-type": "application/json" };
export const FORM = "application/x-www-form-urlencoded";

export interface Door {
  readonly access: Access;
  readonly told: AccessEvent[];
  readonly waited: number[];
  readonly at: { now: number };
  readonly data_dir: string;
  ask(path: string, headers?: Record<string, string>, body?: string): Promise<Response>;
  /** As the terminal does, in a connection of its own. */
  link(name: string): string;
}

export function openDoor(data: string, env: Record<string, string> = {}, at = { now: Date.UTC(2026, 0, 1) }): Door {
  const config = readConfig({ API_BEARER_TOKEN: TOKEN, BREAKGLASS_DATA_DIR: data, ...env });
  const waited: number[] = [];
  const told: AccessEvent[] = [];
  const access = openAccess(config, {
    peer: (c: Context) => c.req.header("x-test-peer") ?? "203.0.113.5",
    now: () => at.now,
    pause: async (ms) => void waited.push(ms),
  });
  access.follow((event) => told.push(event));
  const app = new Hono<Env>();
  app.onError((error, c) => (error instanceof Refusal ? answerRefusal(c, error) : c.text(String(error), 500)));
  app.use("*", access.guard);
  app.route("/", access.routes);
  app.get("/status", (c) => c.text(c.get("operator").name));
  app.get("/kiosk", (c) => c.text(c.get("operator").name));
  app.get("/kiosk/stream", () => endless());
  app.get("/api/session/:id/stream", () => endless());
  app.post("/api/pve/:verb", (c) => c.json({ verb: c.req.param("verb") }));
  access.settle(app.routes);
  return {
    access,
    told,
    waited,
    at,
    data_dir: config.data_dir,
    ask: async (path, headers = {}, body) =>
      app.request(path, {
        method: body === undefined ? "GET" : "POST",
        body,
        headers: { host: "localhost:8080", ...headers },
      }),
    link(name) {
      const store = openStore(config.data_dir);
      try {
        return `/enrol/${new Operators(store, () => at.now).makeLink(name)}`;
      } finally {
        store.close();
      }
    },
  };
}

export { LINK_HOLDS_MS };

/** The sign-in cookie that an answer sets, as it is sent back; empty when it sets none. */
export function cookieOf(response: Response): string {
  const set = response.headers.getSetCookie().filter((line) => line.startsWith("breakglass_8080="));
  return set.at(-1)?.split(";")[0] ?? "";
}

export const cookiesOf = (response: Response): string =>
  response.headers
    .getSetCookie()
    .map((line) => line.split(";")[0])
    .join("; ");

/** Enrolled and signed in, with the codes that were shown. */
export async function enrolled(door: Door, name: string, password = PASSWORD) {
  const done = await door.ask(door.link(name), OWN, JSON.stringify({ password, again: password }));
  const { recovery_codes } = (await done.json()) as { recovery_codes: string[] };
  return { cookie: cookieOf(done), cookies: cookiesOf(done), codes: recovery_codes };
}

export const signInWith = (door: Door, body: Record<string, string>, headers: Record<string, string> = {}) =>
  door.ask("/login", { ...OWN, ...headers }, JSON.stringify(body));

const endless = () =>
  new Response(new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode("event: hb\ndata: {}\n\n")) }), {
    headers: { "Content-Type": "text/event-stream" },
  });
