/**
 * The clock on the wall is set: hours and a year, forwards and back, under a console that is at work and between a stop and a start. A
 * real process; only its Date jumps. Nothing ends early or hangs, order is by seq, nothing is deleted, and no age is negative.
 */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, setDefaultTimeout, setSystemTime, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Operators } from "../../src/access/enrolled.ts";
import { openStore } from "../../src/access/store.ts";
import { openTestConsole } from "../support/console.ts";
import { until } from "../support/pve-host.ts";
import { cleanUp, startServer, type TestServer, tempDir } from "../support/server.ts";
import { giveClock, setClock } from "../support/set-clock.ts";
import { caughtUp, readSse } from "../support/sse.ts";

setDefaultTimeout(110_000);

const HOUR = 3_600_000;
const YEAR = 365 * 24 * HOUR;
const TOKEN = "a-long-enough-bearer-token";
const dir = tempDir("clock");
const here = join(dir, "here");
const data = join(dir, "data");
const env = { API_BEARER_TOKEN: TOKEN, BREAKGLASS_RETENTION_DAYS: "30", BREAKGLASS_STEP_UP: "1" };

type Said = Record<string, any>;
let server: TestServer;
/** Of who signed in at the page; a program's token has no sign-in that could end. */
let cookie = "";

const start = async () => {
  server = await startServer(data, env, server?.port ?? 0, here);
};
const headers = () => ({ origin: server.url, "content-type": "application/json", cookie });
const get = async (path: string): Promise<Said> =>
  (await (await fetch(server.url + path, { headers: headers() })).json()) as Said;
const post = (path: string, body: unknown = {}, more: Record<string, string> = {}) =>
  fetch(server.url + path, { method: "POST", headers: { ...headers(), ...more }, body: JSON.stringify(body) });
const signedIn = async () => (await fetch(`${server.url}/sessions`, { headers: headers() })).status;
async function signIn(): Promise<void> {
  cookie = "";
  const answer = await post("/login", { token: TOKEN });
  cookie = answer.headers
    .getSetCookie()
    .map((line) => line.split(";")[0])
    .join("; ");
  expect(await signedIn()).toBe(200);
}
const bearer = { authorization: `Bearer ${TOKEN}` };
const action = (id: string) => get(`/api/pve/actions/${id}`);
const newSession = async () => ((await (await post("/api/session")).json()) as Said).session_id as string;
const session = (id: string) => get(`/sessions/${id}`);

/** What any page says of ages: each is told, none is negative or no number. */
async function agesHold(): Promise<void> {
  for (const [path, accept] of [
    ["/", "text/html"],
    ["/sessions", "text/html"],
    ["/api/pve/actions", "text/html"],
    ["/kiosk", "text/html"],
    ["/audit", "text/html"],
    ["/access", "text/html"],
    ["/api/pve/cycle", "text/html"],
    ["/status", "text/plain"],
  ] as const) {
    const answer = await fetch(server.url + path, { headers: { ...headers(), accept } });
    expect([path, answer.status]).toEqual([path, 200]);
    const words = (await answer.text()).replace(/<script[\s\S]*?<\/script>|<style[\s\S]*?<\/style>|<[^>]*>/g, " ");
    expect([path, /(?:^|\s)-\d[\d:]*\s*(?:ms|s|min|h|d)?\b|NaN|Invalid Date/.exec(words)?.[0] ?? null]).toEqual([
      path,
      null,
    ]);
  }
}

beforeAll(async () => {
  for (const folder of [here, data]) mkdirSync(folder, { recursive: true });
  giveClock(here);
  await start();
  await signIn();
});
afterAll(async () => {
  await server?.stop("SIGKILL");
  cleanUp(dir);
});

test("while it runs: a turn, an approval, a cycle and a sign-in go on through every jump, in the order of their seqs", async () => {
  await post("/lab/fault", { fault: "service_dead" });
  const id = await newSession();
  const stream = readSse(await fetch(`${server.url}/api/session/${id}/stream?format=json`, { headers: headers() }));
  await stream.until(caughtUp);
  const kinds = () => stream.frames.flatMap(({ data }) => (data?.includes('"kind"') ? [JSON.parse(data) as Said] : []));
  expect((await post(`/api/session/${id}/prompt`, { prompt: "mend the nginx service" })).status).toBe(200);
  const asked = () => kinds().find(({ kind, state }) => kind === "approval" && state === "open");
  await stream.until(() => asked() !== undefined);
  const { approval_id } = asked()!;

  let jumps = 0;
  for (const ahead of [YEAR, -HOUR]) {
    setClock(here, ahead);
    // It is seen to have jumped, else this proves nothing: the answer's own date is the console's clock.
    const cycled = `clock-cycle-${++jumps}`;
    const answer = await post("/api/pve/cycle", { request_id: cycled }, { ...bearer, prefer: "respond-async" });
    expect(answer.status).toBe(202);
    const began = Date.parse(((await answer.json()) as Said).started_at);
    expect(Math.abs(began - Date.now() - ahead)).toBeLessThan(60_000);
    // Back and forth once more in the midst of it.
    setClock(here, ahead - HOUR);
    await until("the cycle ended", async () => (await action(cycled)).state === "ended", 60_000);
    expect(await action(cycled)).toMatchObject({ outcome: "done", exit_code: 0 });
    setClock(here, ahead);
    expect(kinds().filter(({ kind, state }) => kind === "approval" && state !== "open")).toEqual([]);
    expect((await session(id)).turn_active).toBe(true);
    expect(await signedIn()).toBe(200);
    // Shown a moment ago, so not asked for again: by a clock that was an hour ahead it would be asked for for ever.
    expect((await post("/api/pve/stop", { override: "Not a lock!" })).status).toBe(422);
    // What is known is fresh, whatever the time is said to be.
    const heard = async () => (await get("/status")).state.heard_at as number;
    expect(Math.abs((await heard()) - Date.now() - ahead)).toBeLessThan(90_000);
    await agesHold();
  }

  expect((await post(`/api/approval/${approval_id}`, { decision: "allow" })).status).toBe(200);
  await stream.until(() => kinds().some(({ kind }) => kind === "turn_end"));
  expect(kinds().find(({ kind }) => kind === "error")).toBeUndefined();
  expect(kinds().find(({ kind }) => kind === "result")).toMatchObject({ is_error: false });
  const seqs = stream.frames.flatMap(({ id }) => (id ? [Number(id)] : []));
  expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
  await stream.cancel();
  const { actions } = (await get("/api/pve/actions")) as { actions: Said[] };
  const cycles = actions.map((one) => one.id as string).filter((name) => name.startsWith("clock-cycle"));
  expect(cycles).toEqual(["clock-cycle-2", "clock-cycle-1"]);
});

test("between a stop and a start: nothing is deleted, what ran is learnt, order stays, and a sign-in ends early but never late", async () => {
  const before = await newSession();
  const sessions = async () => ((await get("/sessions")).sessions as Said[]).map((one) => one.session_id as string);
  const all = await sessions();
  expect(all.length).toBeGreaterThanOrEqual(2);

  // An hour back, and killed in the midst of a cycle: its host is asked, and the sign-in holds.
  expect(
    (await post("/api/pve/cycle", { request_id: "clock-killed" }, { ...bearer, prefer: "respond-async" })).status,
  ).toBe(202);
  await until("its host is at work", async () => (await action("clock-killed")).stdout !== "", 60_000);
  await server.stop("SIGKILL");
  setClock(here, -HOUR);
  await start();
  await until("it is learnt", async () => ["done", "failed"].includes((await action("clock-killed")).outcome), 60_000);
  expect(await action("clock-killed")).toMatchObject({ outcome: "done" });
  expect(await signedIn()).toBe(200);
  expect(await sessions()).toEqual(all);
  const back = await newSession();
  // The newest by its seq, an hour older by its clock.
  expect((await sessions())[0]).toBe(back);
  await agesHold();
  await server.stop();

  // A year ahead, with a session that is begun there: 30 days are kept.
  setClock(here, YEAR);
  await start();
  expect(await signedIn()).toBe(401);
  await signIn();
  expect((await post("/api/pve/status")).status).toBe(200);
  await newSession();
  await agesHold();
  await server.stop();

  // And back in the present: who signed in a year from now is signed in, for as long as anybody.
  setClock(here, 0);
  await start();
  expect(await signedIn()).toBe(200);
  const { sign_ins } = (await get("/access")) as { sign_ins: Said[] };
  for (const { begun_at, seen_at } of sign_ins)
    for (const at of [begun_at, seen_at]) expect(Date.parse(at)).toBeLessThan(Date.now() + 60_000);
  const left = await sessions();
  expect(left).toHaveLength(all.length + 2);
  for (const id of [...all, before, back]) expect(left).toContain(id);
  expect((await post("/api/pve/status")).status).toBe(200);
  await agesHold();
  const audit = await get("/audit?check=all");
  expect(JSON.stringify(audit)).not.toContain("broken");
  await server.stop();

  const db = new Database(join(data, "lab", "breakglass.db"), { readonly: true });
  const kinds = (kind: string) => db.query("select seq, at from entry where kind = ? order by seq").all(kind) as Said[];
  expect(kinds("looked").length).toBeGreaterThan(0); // retention was at work, else this proves nothing
  expect([kinds("session_deleted"), kinds("evidence_deleted")]).toEqual([[], []]);
  // The clock went back while seqs went on.
  const times = kinds("requested").map(({ at }) => at as number);
  expect(times).not.toEqual(times.toSorted((a, b) => a - b));
  db.close();
});

test("what happened last, what a check found, who is being asked, a proof and a link hold through a jump", async () => {
  const console_ = await openTestConsole({ API_BEARER_TOKEN: TOKEN, BREAKGLASS_STEP_UP: "1" });
  const store = openStore(join(dir, "links"));
  const real = Date.now();
  try {
    const post = (path: string, body: unknown) => console_.post(path, body, bearer);
    const text = async (path: string) =>
      (await console_.ask(path, { headers: { ...bearer, accept: "text/plain" } })).text();
    const found = async () => {
      const answer = await console_.ask("/status", { headers: bearer });
      return ((await answer.json()) as Said).state.found as Said | null;
    };
    const { session_id } = (await (await post("/api/session", {})).json()) as Said;
    expect((await post("/api/check/disk", { session: session_id })).status).toBe(200);
    expect(await found()).toMatchObject({ check: "Disk" });
    const { power, targets } = console_.parts.power;
    power.confirmations.opened(targets[0]!, "cycle", "ann");
    const operator = { sign_in: { proved_at: performance.timeOrigin + performance.now() } };

    setSystemTime(real - HOUR);
    expect((await post("/api/pve/reset", { request_id: "clock-reset-1" })).status).toBe(200);
    // By its clock the check came after the reset; by its seq the guest that it looked at is gone.
    expect(await found()).toBeNull();
    const board = await text("/kiosk");
    expect(board).toMatch(/reset[\s\S]*Disk/); // the newest first
    for (const ahead of [-HOUR, HOUR, YEAR]) {
      setSystemTime(real + ahead);
      expect(power.confirmations.on(targets[0]!)).toMatchObject({ verb: "cycle", by: "ann" });
      expect(console_.parts.approvals.proof?.({ get: () => operator } as never) ?? null).toBeNull();
    }

    // A link is good for a quarter of an hour, by the terminal's clock and ours; one of next year is good for nothing.
    const token = new Operators(store, () => real + YEAR).makeLink("ann");
    const here_and_now = new Operators(store, () => real);
    expect([here_and_now.linkFor(token), here_and_now.linkFor(here_and_now.makeLink("ann"))]).toEqual([null, "ann"]);
  } finally {
    setSystemTime();
    store.close();
    await console_.close();
  }
});
