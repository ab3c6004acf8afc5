/** The console against real OpenSSH: the real host script over a stand-in qm, a real shell as the VM, a first-system host. */
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { openTestConsole } from "../support/console.ts";
import type { PveHost } from "../support/pve-host.ts";
import { type Far, type RealPlace, startRealPlace, TOKEN } from "../support/real-place.ts";
import { cleanUp, startServer, tempDir } from "../support/server.ts";
import { startSshd } from "../support/sshd.ts";

setDefaultTimeout(60_000);

let place: RealPlace;
let host: PveHost;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  place = await startRealPlace();
  host = place.host;
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});
afterAll(() => place?.end());

const jsonOf = async (response: Response) => (await response.json()) as Record<string, any>;

async function consoleOn(pve: Far, more: Record<string, string> = {}) {
  const console_ = await openTestConsole({ ...place.settings(pve), ...more });
  open.push(console_);
  const bearer = { authorization: `Bearer ${TOKEN}` };
  return {
    console_,
    post: (path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
      console_.post(path, body, { ...bearer, ...headers }),
    get: async (path: string) => (await (await console_.ask(path, { headers: bearer })).json()) as Record<string, any>,
  };
}

test("status and cycle over a real sshd: the verdict of the host, a new QEMU, evidence, once", async () => {
  const { post, get } = await consoleOn(host.sshd);
  const before = host.qemu();
  const status = await jsonOf(await post("/api/pve/status"));
  expect(status).toMatchObject({ verb: "status", exit_code: 0, outcome: "done" });
  expect(status.stdout).toContain("qmpstatus: running");
  const answers = await Promise.all([1, 2, 3].map(() => post("/api/pve/cycle", { request_id: "real-cycle-1" })));
  for (const answer of answers) {
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ exit_code: 0, outcome: "done", action: "real-cycle-1" });
  }
  expect(host.qemu()).not.toBeNull();
  expect(host.qemu()).not.toBe(before);
  expect(host.ledger().filter((line) => line.startsWith("start 102"))).toHaveLength(1);
  const evidence = await get("/api/pve/actions/real-cycle-1/forensics");
  expect(evidence.evidence).toContain("qm status");
  const state = (await get("/status")).state;
  expect(state.heard_at).not.toBeNull();
});

test("a first contact is accepted into the data directory and said; a changed key is refused", async () => {
  const { console_, get, post } = await consoleOn(host.sshd);
  await post("/api/pve/status");
  while ((await get("/status")).state.heard_at === null) await Bun.sleep(50);
  const kept = readFileSync(join(console_.dir, "known_hosts"), "utf8");
  expect(kept).toContain(`[127.0.0.1]:${host.sshd.port}`);
  const said = console_.parts.console.log.newest({ stream: "target:devvm", kind: "contacted", limit: 9 });
  expect(said.map((e) => (e.body as { fingerprint: string }).fingerprint.slice(0, 7))).toContain("SHA256:");
  const [, type, key] = kept.split("\n")[0]!.split(" ");
  // Somebody in the middle: another server answers where that key is pinned.
  const impostor = await startSshd({ dir: join(place.dir, "other"), forced: "/bin/echo status: running" });
  open.push({ close: () => impostor.stop() });
  const pinned = join(place.dir, "pinned");
  writeFileSync(pinned, `[127.0.0.1]:${impostor.port} ${type} ${key}\n`);
  const wary = await consoleOn(impostor, { BREAKGLASS_KNOWN_HOSTS: pinned });
  const status = await wary.post("/api/pve/status");
  expect(status.status).toBe(502);
  expect((await jsonOf(status)).stderr).toMatch(/host key|HOST IDENTIFICATION/i);
});

test("the console is gone in the middle of a cycle: the run ends at the host, the next console learns it and repeats nothing", async () => {
  const data = tempDir("restart");
  const starts = () => host.ledger().filter((line) => line.startsWith("start 102")).length;
  const before = starts();
  const stopsBefore = host.ledger().filter((line) => line.startsWith("stop 102")).length;
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", prefer: "respond-async" };
  const first = await startServer(data, place.settings());
  open.push({ close: async () => cleanUp(data) });
  const body = JSON.stringify({ request_id: "cut-cycle-1" });
  const begun = await fetch(`${first.url}/api/pve/cycle`, { method: "POST", headers, body });
  expect(begun.status).toBe(202);
  const stops = () => host.ledger().filter((line) => line.startsWith("stop 102")).length;
  while (stops() === stopsBefore) await Bun.sleep(10);
  await first.stop("SIGKILL");
  const second = await startServer(data, place.settings());
  open.push({ close: async () => void (await second.stop()) });
  const action = async () => jsonOf(await fetch(`${second.url}/api/pve/actions/cut-cycle-1`, { headers }));
  // The same tap again, now at the other console: the first action, and nothing runs.
  const again = await fetch(`${second.url}/api/pve/cycle`, { method: "POST", headers, body });
  expect([again.status, (await jsonOf(again)).id]).toEqual([202, "cut-cycle-1"]);
  while ((await action()).state === "running") await Bun.sleep(100);
  expect(await action()).toMatchObject({ outcome: "done", exit_code: 0 });
  expect(starts() - before).toBe(1);
  expect(host.qemu()).not.toBeNull();
});

test("ssh that is refused, or ends without a word, is an outcome and never a wait", async () => {
  const closed = await consoleOn({ ...host.sshd, port: 1 });
  const refused = await closed.post("/api/pve/status");
  expect(refused.status).toBe(502);
  expect(await refused.json()).toMatchObject({ exit_code: 255, outcome: "failed" });
  const { state } = await closed.get("/status");
  expect(state.is).not.toBe("running");
});

test("a host with the first system's script: bare verbs after its refusal, the VM looked at afterwards, the page says so", async () => {
  const legacyDir = join(place.dir, "legacy");
  mkdirSync(legacyDir);
  const legacy = await startSshd({
    dir: join(legacyDir, "sshd"),
    forced: resolve(import.meta.dir, "../support/legacy-pve"),
    env: { LEGACY_DIR: legacyDir },
  });
  open.push({ close: () => legacy.stop() });
  const { post, get, console_ } = await consoleOn(legacy);
  const status = await jsonOf(await post("/api/pve/status"));
  expect(status).toMatchObject({ exit_code: 0, stdout: "status: running\n" });
  const cycle = await jsonOf(await post("/api/pve/cycle", { request_id: "legacy-cycle" }));
  expect(cycle).toMatchObject({ exit_code: 0, outcome: "done" });
  expect(cycle.why).toContain("first system's script");
  expect(await (await post("/api/pve/cycle", { request_id: "legacy-cycle" })).json()).toEqual(cycle);
  expect(readFileSync(join(legacyDir, "cycles"), "utf8")).toBe("cycled\n");
  const words = readFileSync(join(legacyDir, "words"), "utf8");
  expect(words).toContain("version");
  expect(words.split("\n").filter((w) => w === "cycle")).toHaveLength(1);
  expect((await get("/api/pve/cycle")).host).toBe("legacy");
  const page = await console_.ask("/", { headers: { accept: "text/html", authorization: `Bearer ${TOKEN}` } });
  expect(await page.text()).toContain("first system");
});

test("our own limit marks a run as unknown, holds the target, and ends nothing", async () => {
  const { post, get } = await consoleOn(host.sshd, { BREAKGLASS_PVE_VERB_TIMEOUT_SECONDS: "1" });
  const late = await post("/api/pve/cycle", { request_id: "overdue-cycle" });
  expect(late.status).toBe(502);
  expect(late.headers.get("location")).toBe("/api/pve/actions/overdue-cycle");
  expect(await late.json()).toMatchObject({ exit_code: null, outcome: "unknown" });
  expect((await post("/api/pve/stop", {})).status).toBe(409);
  let action = await get("/api/pve/actions/overdue-cycle");
  while (action.state === "running") {
    await Bun.sleep(100);
    action = await get("/api/pve/actions/overdue-cycle");
  }
  expect(action).toMatchObject({ outcome: "done", exit_code: 0 });
});

test("the key's copy is gone once the agent has it", () => {
  expect(existsSync("/dev/shm")).toBe(true);
  const left = new Bun.Glob("breakglass-*/key").scanSync("/dev/shm");
  expect([...left]).toEqual([]);
});
