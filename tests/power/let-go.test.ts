/** A run whose outcome could not be had: it is let go, asked on for days and on a tap, and its files are kept as long as that lasts. */
import { afterAll, beforeAll, expect, setDefaultTimeout, setSystemTime, test } from "bun:test";
import { copyFileSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runChild } from "../../src/child.ts";
import { SqliteLog } from "../../src/log/sqlite.ts";
import { ageSince } from "../../src/power/age.ts";
import { Power, type PowerTools } from "../../src/power/carry-out.ts";
import { NEVER_FORGOTTEN_MS } from "../../src/power/learn.ts";
import { pveOverSsh } from "../../src/power/pve.ts";
import { pruneRuns } from "../../src/power/run-files.ts";
import type { VerbName } from "../../src/power/verb.ts";
import type { Target } from "../../src/target/target.ts";
import { type PveHost, startPveHost, until } from "../support/pve-host.ts";
import { scrubbed, tempDir } from "../support/server.ts";

setDefaultTimeout(60_000);

let host: PveHost;
let target: Target;
const dir = tempDir("let-go");
/** What the console trusts: changed under it, the host has "another key". */
const known_hosts = join(dir, "known_hosts");
let strange = "";

beforeAll(async () => {
  host = await startPveHost({ percent: 20 });
  const place = { host: host.sshd.host, port: host.sshd.port, user: host.sshd.user };
  target = { id: "devvm", name: "devvm", vmid: 102, vm: place, pve: place, lab: false };
  const key = join(dir, "other");
  await runChild({ argv: ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], env: scrubbed() });
  strange = `[${place.host}]:${place.port} ${(await Bun.file(`${key}.pub`).text()).split(" ").slice(0, 2).join(" ")}\n`;
});
afterAll(async () => {
  await host?.end();
  rmSync(dir, { recursive: true, force: true });
});

const trust = (which: "the host" | "another key") =>
  which === "the host" ? copyFileSync(host.sshd.known_hosts, known_hosts) : writeFileSync(known_hosts, strange);

function powerOn(log: SqliteLog, more: Partial<PowerTools> = {}) {
  const ssh = { program: ["ssh"], known_hosts, host_keys: "yes" as const, identity: host.sshd.identity };
  const pve = pveOverSsh({ ssh, env: scrubbed(), runs_dir: join(dir, "runs"), targetsOn: () => 1 });
  // An hour between questions: what is learnt in these tests was asked for by a tap or by the host's return.
  const tools = { ask_every_ms: [50], pursue_every_ms: [3_600_000], limit_ms: 60_000, stirred: () => {} };
  return new Power({ log, pve, ...tools, ...more });
}
const write = (log: SqliteLog, id: string, kind: string, body: unknown) =>
  log.append({ stream: "target:devvm", kind, about: id, body });
const begun = (log: SqliteLog, id: string, verb: VerbName) =>
  write(log, id, "requested", { verb, by: "ann", session: null, override: null });

test("a host with another key is not asked again and again; the VM is free, and a restart and a tap still learn the outcome", async () => {
  const log = new SqliteLog(":memory:");
  expect((await host.ask("reset@102 let-go-tap-1")).code).toBe(0);
  await begun(log, "let-go-tap-1", "reset");
  trust("another key");
  const first = powerOn(log);
  await first.resume([target]);
  await until("it is let go", () => first.find(target, "let-go-tap-1")?.state === "ended");
  expect(first.find(target, "let-go-tap-1")).toMatchObject({ outcome: "unknown", exit_code: null });
  expect(first.find(target, "let-go-tap-1")!.why).toMatch(/key.*asked on, every few minutes/);
  await until("the VM is free", () => first.holder(target) === null);
  // Asked while there is nothing to learn: the card says who asked, and what came of it.
  const asked = await first.askAgain(target, "let-go-tap-1", "bob");
  expect(asked).toMatchObject({
    outcome: "unknown",
    why: expect.stringMatching(/^asked again at \d\d:\d\d UTC by bob: /),
  });
  first.close();

  trust("the host");
  const second = powerOn(log);
  expect(await second.resume([target])).toBe(0); // it holds nothing any more
  expect(second.holder(target)).toBeNull();
  expect(await second.askAgain(target, "let-go-tap-1", "bob")).toMatchObject({ outcome: "done", exit_code: 0 });
  const again = await second.askAgain(target, "let-go-tap-1", "bob").catch((error) => error);
  expect(again).toMatchObject({ status: 409, message: expect.stringContaining("known to be done") });
  // Who asked stands in the record, whether or not there was something to learn; the audit reads it there.
  const asked_by = log.about("target:devvm", "let-go-tap-1").filter(({ kind }) => kind === "asked");
  expect(asked_by.map(({ body }) => (body as { by: string }).by)).toEqual(["bob", "bob"]);
  second.close();
});

test("after a restart a run that was let go is asked for when its host answers again, and its evidence comes with it, once", async () => {
  const log = new SqliteLog(":memory:");
  expect((await host.ask("cycle@102 let-go-wake-1")).code).toBe(0);
  await begun(log, "let-go-wake-1", "cycle");
  await write(log, "let-go-wake-1", "let_go", { why: "the host did not say what came of it" });
  trust("the host");
  const power = powerOn(log);
  await power.resume([target]);
  expect(power.find(target, "let-go-wake-1")).toMatchObject({ state: "ended", outcome: "unknown" });
  power.answers(target);
  // A tap in the same moment: one of the two writes what was learnt.
  await Promise.all([power.askAgain(target, "let-go-wake-1", "bob"), Bun.sleep(1)]);
  await until("learnt", () => power.find(target, "let-go-wake-1")?.outcome === "done");
  await Bun.sleep(1500);
  const entries = log.about("target:devvm", "let-go-wake-1");
  expect(entries.filter((e) => e.kind === "learned")).toHaveLength(1);
  expect(power.find(target, "let-go-wake-1")!.stdout.match(/^verdict: /gm)).toHaveLength(1);
  power.close();
});

test("a guest's word that was cut by a restart is asked anew, and does not claim to know how long the guest took", async () => {
  const log = new SqliteLog(":memory:");
  trust("the host");
  await begun(log, "prove-anew-1", "cycle");
  await write(log, "prove-anew-1", "finished", { outcome: "done", exit_code: 0, rejected: false, why: "VM 102 runs" });
  let knocks = 0;
  const knock = async () => ({ answered: ++knocks > 2, why: "refused" });
  const power = powerOn(log, { prove: { knock, agent: async () => "answered", every_ms: 5 } });
  await power.resume([target]);
  await until("the guest's word is there", () => power.find(target, "prove-anew-1")?.guest !== "");
  expect(power.find(target, "prove-anew-1")!.guest).toBe(
    "ssh answers (asked after the console's restart) · agent answered",
  );
  const proved = powerOn(log, { prove: { knock, agent: async () => null } });
  const before = knocks;
  await proved.resume([target]);
  await Bun.sleep(50);
  expect(knocks).toBe(before); // it has it already
});

test("files of old runs go, but for the newest and those whose outcome is not known", () => {
  const runs = join(dir, "old-runs");
  mkdirSync(runs);
  for (let n = 0; n < 12; n++)
    for (const end of ["out", "err"]) {
      const path = join(runs, `devvm.request-${n}.0.${end}`);
      writeFileSync(path, "x");
      utimesSync(path, 1_700_000_000 + n, 1_700_000_000 + n);
    }
  pruneRuns(runs, 5, (_, id) => id !== "request-1");
  const left = new Set(readdirSync(runs).map((name) => name.split(".")[1]!));
  expect([...left].sort()).toEqual(["request-1", "request-10", "request-11", "request-7", "request-8", "request-9"]);
  expect(readdirSync(runs)).toHaveLength(12);
});

test("a host without a record: soon after, the verb never started; after an hour the record may be gone, and it stays unknown", async () => {
  trust("the host");
  let now = Date.now() - NEVER_FORGOTTEN_MS - 60_000;
  const log = new SqliteLog(":memory:", () => now);
  await begun(log, "no-record-old-1", "reset");
  await write(log, "no-record-old-1", "let_go", { why: "the host did not say" });
  now = Date.now();
  await begun(log, "no-record-new-1", "reset");
  await write(log, "no-record-new-1", "let_go", { why: "the host did not say" });
  const power = powerOn(log);
  expect(await power.askAgain(target, "no-record-new-1", "ann")).toMatchObject({
    outcome: "failed",
    why: expect.stringContaining("never started there. Tap again"),
  });
  expect(await power.askAgain(target, "no-record-old-1", "ann")).toMatchObject({
    outcome: "unknown",
    why: expect.stringContaining("made room for newer runs"),
  });
  power.close();
});

test("a clock that went back teaches no certainty, and one that went ahead ends no asking: what was let go is learnt all the same", async () => {
  trust("the host");
  let now = Date.now() + 3_600_000;
  const log = new SqliteLog(":memory:", () => now);
  // Asked for "in an hour": the run may be of any age, and the host may have forgotten it.
  await begun(log, "clock-back-01", "reset");
  await write(log, "clock-back-01", "let_go", { why: "the host did not say" });
  // A year ago by the clock, and the host knows how it ended.
  now = Date.now() - 365 * 86_400_000;
  expect((await host.ask("reset@102 clock-ahead-1")).code).toBe(0);
  await begun(log, "clock-ahead-1", "reset");
  await write(log, "clock-ahead-1", "let_go", { why: "the host did not say" });
  now = Date.now();
  const power = powerOn(log, { pursue_every_ms: [20, 3_600_000] });
  await power.resume([target]);
  await until("it is learnt", () => power.find(target, "clock-ahead-1")?.outcome === "done");
  await until("it is not learnt", () => power.find(target, "clock-back-01")?.exit_code === 3);
  expect(power.find(target, "clock-back-01")).toMatchObject({
    outcome: "unknown",
    why: expect.stringContaining("made room for newer runs"),
  });
  // Asked for by this very process, the clock is not looked at.
  const real = Date.now();
  try {
    const age = ageSince(real);
    for (const ahead of [86_400_000, -86_400_000]) {
      setSystemTime(real + ahead);
      expect([age.least() < 60_000, age.most() < 60_000]).toEqual([true, true]);
    }
  } finally {
    setSystemTime();
  }
  power.close();
});
