/** Several targets in one console: two VMs on one PVE host with the real script, each with its page, its lock and its state. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runChild } from "../../src/child.ts";
import { statusesText } from "../../views/text.ts";
import { openTestConsole, type TestConsole } from "../support/console.ts";
import { type PveHost, startPveHost, until } from "../support/pve-host.ts";
import { TOKEN } from "../support/real-place.ts";
import { tempDir } from "../support/server.ts";
import { caughtUp, readSse } from "../support/sse.ts";
import { type Sshd, startSshd } from "../support/sshd.ts";

setDefaultTimeout(90_000);

const dir = tempDir("several");
const bearer = { authorization: `Bearer ${TOKEN}` };
let host: PveHost;
let vm: Sshd;
let console_: TestConsole;

/** `app` has a VM that answers; at the address of `db` nobody does. */
beforeAll(async () => {
  [host, vm] = await Promise.all([startPveHost({ vmids: "102 103" }), startSshd({ dir: join(dir, "vm") })]);
  appendFileSync(join(dir, "vm", "authorized_keys"), readFileSync(`${host.sshd.identity}.pub`, "utf8"));
  await runChild({
    argv: [join(host.world, "bin", "qm"), "start", "103"],
    env: { PATH: process.env.PATH ?? "/usr/bin:/bin", QM_WORLD: host.world },
  });
  const far = `vm_user = "${vm.user}"\npve_host = "127.0.0.1"\npve_port = ${host.sshd.port}\npve_user = "${host.sshd.user}"\n`;
  writeFileSync(
    join(dir, "targets.toml"),
    `[[target]]\nid = "app"\nname = "the app"\nvmid = 102\nvm_host = "127.0.0.1"\nvm_port = ${vm.port}\n${far}
[[target]]\nid = "db"\nname = "the database"\nvmid = 103\nvm_host = "127.0.0.1"\nvm_port = 1\n${far}`,
  );
  console_ = await openTestConsole({
    API_BEARER_TOKEN: TOKEN,
    BREAKGLASS_KEY_PATH: host.sshd.identity,
    BREAKGLASS_CONFIG: join(dir, "targets.toml"),
  });
});
afterAll(async () => {
  await console_?.close();
  await host?.end();
  await vm?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const ask = (path: string, accept: string, headers = {}) =>
  console_.ask(path, { headers: { ...bearer, accept, ...headers } });
const json = async (path: string) => (await (await ask(path, "*/*")).json()) as any;
const page = async (path: string) => (await ask(path, "text/html")).text();
const text = async (path: string) => (await ask(path, "text/plain")).text();
const post = (path: string, body: unknown, headers = {}) => console_.post(path, body, { ...bearer, ...headers });
const heard = (target: string) =>
  until(`${target} was asked`, async () => (await json(`/status?target=${target}`)).state.heard_at !== null);

test("an address with ?target attaches to that target's latest session, and makes one where there is none", async () => {
  const db = await json("/?target=db");
  expect(db.target).toBe("db");
  expect((await json("/?target=db")).session_id).toBe(db.session_id);
  const app = await json("/?target=app");
  expect(app.target).toBe("app");
  const { session_id: newer } = (await (await post("/api/session", { target: "db" })).json()) as any;
  expect((await json("/?target=db")).session_id).toBe(newer);
  expect((await json("/?target=app")).session_id).toBe(app.session_id);
  // Without one: wherever something happened last.
  expect((await json("/")).session_id).toBe(newer);
  expect((await ask("/?target=nobody", "*/*")).status).toBe(404);
  expect((await post("/api/session", { target: "nobody" })).status).toBe(404);
});

test("the page says whose it is, switches by plain links, and each of its forms names its target", async () => {
  const html = await page("/?target=db");
  expect(html).toContain("<h1>the database</h1>");
  for (const link of ['href="/?target=app"', 'href="/?target=db" aria-current="page"']) expect(html).toContain(link);
  expect(html.match(/name="target" value="db"/g)?.length).toBe(7);
  expect(html).not.toContain('name="target" value="app"');
  const confirm = await page("/api/pve/cycle?target=db");
  expect(confirm).toContain("Cycle the database (VM 103)?");
  expect(confirm).toContain('href="/?target=db"');
  expect(confirm).toMatch(/href="[^"]*target=db[^"]*"[^>]*>Not now</);
  const made = await console_.ask("/api/session", {
    method: "POST",
    body: new URLSearchParams({ target: "db" }),
    headers: { ...bearer, accept: "text/html", "sec-fetch-site": "same-origin" },
  });
  expect(made.status).toBe(303);
  expect(await page(made.headers.get("location")!)).toContain("<h1>the database</h1>");
});

test("the list of sessions names each one's target", async () => {
  await Promise.all([json("/?target=app"), json("/?target=db")]);
  const list = await text("/sessions");
  expect(list).toMatch(/^\/sessions\/[0-9a-f-]{36} {2}app {2}/m);
  expect(list).toMatch(/^\/sessions\/[0-9a-f-]{36} {2}db {2}/m);
  const html = await page("/sessions");
  for (const name of ["the app · ", "the database · ", "session</span> on the app", "session</span> on the database"])
    expect(html).toContain(name);
});

test("the page of one target is never told the state of the other", async () => {
  await Promise.all([heard("app"), heard("db")]);
  const [app, db] = await Promise.all([json("/?target=app"), json("/?target=db")]);
  const attach = (session: string) =>
    ask(`/api/session/${session}/stream?after=${console_.parts.console.log.head}`, "*/*").then(readSse);
  const [onApp, onDb] = await Promise.all([attach(app.session_id), attach(db.session_id)]);
  await Promise.all([onApp.until(caughtUp), onDb.until(caughtUp)]);
  const told = (stream: typeof onApp) => stream.frames.map((f) => f.data ?? "").filter((d) => d.includes('id="state"'));
  await Promise.all(["app", "db"].map((target) => post("/api/pve/status", { target })));
  await Promise.all([onApp, onDb].map((stream) => stream.until(() => told(stream).length >= 2)));
  const running = "Running. The guest answers ssh.";
  for (const state of told(onApp)) expect(state).toContain(running);
  for (const state of told(onDb)) expect(state).not.toContain(running);
  expect((await json("/status?target=db")).state.because.join()).toContain("refused");
  await Promise.all([onApp.cancel(), onDb.cancel()]);
  await until("nobody is attached", () => console_.parts.sessions.live.clients === 0);
  expect(console_.parts.sessions.live.attachedTo("target:app")).toBe(0);
});

test("the status of all of them fits a terminal; a program gets the first one, and the names of all", async () => {
  await Promise.all([heard("app"), heard("db")]);
  const all = await text("/status");
  expect(all).toMatch(/^app: running, heard /m);
  expect(all).toMatch(/^db: /m);
  expect(Buffer.byteLength(all)).toBeLessThan(1000);
  expect(await text("/status?target=db")).toContain("the database (VM 103)");
  expect(await text("/status?target=db")).not.toContain("app");
  expect(await json("/status")).toMatchObject({ targets: ["app", "db"], target: "app", vmid: 102 });
  expect(await page("/status?target=db")).toContain('href="/status?target=app"');
});

test("the status of many targets stays within 1,000 bytes, and says how many are left out", () => {
  const { targets, stateOf } = console_.parts.console;
  const many = (n: number) =>
    Array.from({ length: n }, (_, i) => ({
      target: { ...targets[0], id: `target-${i}`, name: `the machine of number ${i}` },
      state: { ...stateOf(targets[0]), heard_at: 1000 * i },
      now: 60_000,
    }));
  for (const n of [2, 4, 9, 20, 60, 400]) {
    const said = statusesText(many(n), 60_000);
    expect(Buffer.byteLength(said)).toBeLessThanOrEqual(1000);
    const shown = said.match(/^target-\d+: /gm)?.length ?? 0;
    const more = Number(/^and (\d+) more\.$/m.exec(said)?.[1] ?? 0);
    expect(shown + more).toBe(n);
    expect(shown).toBeGreaterThan(1);
  }
});

test("a cycle of one does not hold the other, and each keeps its own actions", async () => {
  host.knob("slow.start", "2");
  const async_ = { prefer: "respond-async" };
  const before = host.ledger().length;
  const first = await post("/api/pve/cycle", { target: "app", request_id: "several-app-1" }, async_);
  expect(first.status).toBe(202);
  const other = await post("/api/pve/cycle", { target: "db", request_id: "several-db-01" }, async_);
  expect(other.status).toBe(202);
  const both = () => Promise.all(["several-app-1", "several-db-01"].map((id) => json(`/api/pve/actions/${id}`)));
  expect((await both()).map((a) => a.state)).toEqual(["running", "running"]); // else this proves nothing
  for (const [target, name] of [
    ["app", "the app"],
    ["db", "the database"],
  ]) {
    const held = await post("/api/pve/stop", { target });
    expect(held.status).toBe(409);
    expect(((await held.json()) as any).detail).toContain(`cycle is running on ${name}`);
  }
  // The same id for the other target is another request.
  expect((await post("/api/pve/cycle", { target: "db", request_id: "several-app-1" })).status).toBe(422);
  expect(await text("/status")).toMatch(/cycle/);
  await until("both ended", async () => (await both()).every((a) => a.state === "ended"), 80_000);
  expect((await both()).map((a) => [a.target, a.outcome])).toEqual([
    ["app", "done"],
    ["db", "done"],
  ]);
  const starts = host
    .ledger()
    .slice(before)
    .filter((line) => line.startsWith("start "));
  expect(starts.map((line) => line.split(" ")[1]).sort()).toEqual(["102", "103"]);
  const of = async (target: string) => (await json(`/api/pve/actions?target=${target}`)).actions;
  expect((await of("app")).map((a: any) => a.target)).not.toContain("db");
  expect((await of("db")).map((a: any) => a.id)).toContain("several-db-01");
  const html = await page("/?target=db");
  expect(html).toContain("several-db-01");
  expect(html).not.toContain("several-app-1");
});

test("a session whose target left the settings shows no other target's state", async () => {
  const log = console_.parts.console.log;
  const gone = crypto.randomUUID();
  await log.append({ stream: `session:${gone}`, kind: "opened", body: { target: "gone", by: "lab" } });
  const answer = await ask(`/sessions/${gone}`, "text/html");
  expect(answer.status).toBe(404);
  expect(await answer.text()).toContain(`/sessions/${gone}/tail`);
  expect((await json("/")).target).not.toBe("gone");
});
