/** What a console says after a break, from a real host: who holds the VM, whose run it was, the whole evidence, and refusals. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SqliteLog } from "../../src/log/sqlite.ts";
import { Power, type PowerTools } from "../../src/power/carry-out.ts";
import { notYetShown } from "../../src/power/output.ts";
import { pveOverSsh } from "../../src/power/pve.ts";
import type { VerbName } from "../../src/power/verb.ts";
import type { Target } from "../../src/target/target.ts";
import { killAll, sshClients } from "../faults/processes.ts";
import { lockConfig, type PveHost, startPveHost, until } from "../support/pve-host.ts";
import { scrubbed, tempDir } from "../support/server.ts";

setDefaultTimeout(60_000);

let host: PveHost;
let target: Target;
const dir = tempDir("after-a-break");

beforeAll(async () => {
  host = await startPveHost({ percent: 20 });
  const place = { host: host.sshd.host, port: host.sshd.port, user: host.sshd.user };
  target = { id: "devvm", name: "devvm", vmid: 102, vm: place, pve: place, lab: false };
});
afterAll(async () => {
  await host?.end();
  rmSync(dir, { recursive: true, force: true });
});

function powerOn(log = new SqliteLog(":memory:"), more: Partial<PowerTools> = {}) {
  const pve = pveOverSsh({
    ssh: {
      program: ["ssh"],
      known_hosts: host.sshd.known_hosts,
      host_keys: "yes",
      identity: host.sshd.identity,
    },
    env: scrubbed(),
    runs_dir: join(dir, "runs"),
    targetsOn: () => 1,
  });
  return {
    log,
    pve,
    power: new Power({ log, pve, limit_ms: 60_000, stirred: () => {}, ask_every_ms: [100], ...more }),
  };
}

const asked = (id: string, verb: VerbName) => ({ id, verb, target, by: "test", override: null });

/** As a console that was killed leaves it: the intent, and no end. */
const begun = (log: SqliteLog, id: string, verb: VerbName, override: string | null = null) =>
  log.append({
    stream: "target:devvm",
    kind: "requested",
    about: id,
    body: { verb, by: "test", session: null, override },
    once: `action:${id}`,
  });

async function ended(power: Power, id: string) {
  await until(`${id} ended`, () => power.find(target, id)?.state === "ended");
  return power.find(target, id)!;
}

/** Asks for a cycle, waits until evidence has begun to come, and takes its ssh away. */
async function cutCycle(id: string, meanwhile = () => {}) {
  const { power, pve } = powerOn();
  // Of a host that it does not know a console holds back the first seconds of output.
  await pve.meet(target);
  await power.carryOut(asked(id, "cycle"));
  await until("evidence came", () => power.find(target, id)!.stdout.includes("\nsection "));
  meanwhile();
  expect(killAll(sshClients(join(host.world, "sshd"), id))).toBe(1); // else this proves nothing
  return ended(power, id);
}

test("a tap in the very moment of the start meets who holds the VM, and everything that was open is asked for", async () => {
  const { log, power } = powerOn();
  await begun(log, "open-status-1", "status");
  await begun(log, "open-cycle-1", "cycle");
  await begun(log, "open-cycle-2", "cycle");
  const resumed = power.resume([target]);
  const tap = await power.carryOut(asked("early-stop-1", "stop")).catch((error) => error);
  expect(tap).toMatchObject({ status: 409, message: expect.stringContaining("cycle is running on devvm") });
  expect(await resumed).toBe(3);
  expect(await ended(power, "open-status-1")).toMatchObject({ outcome: "failed" });
  expect(await ended(power, "open-cycle-1")).toMatchObject({
    outcome: "failed",
    why: expect.stringContaining("never started"),
  });
  expect(await ended(power, "open-cycle-2")).toMatchObject({ outcome: "failed" });
  await until("the VM is let go", () => power.holder(target) === null);
  expect((await host.ask("report early-stop-1")).code).toBe(3);
});

test("a request id that the host knows from another request is no outcome of this one", async () => {
  expect((await host.ask("reset@102 shared-id-1")).code).toBe(0);
  // Another verb, or the same one without the lock that was to be overridden.
  for (const [verb, override] of [
    ["cycle", null],
    ["reset", "backup"],
  ] as const) {
    const { log, power } = powerOn();
    await begun(log, "shared-id-1", verb, override);
    await power.resume([target]);
    const action = await ended(power, "shared-id-1");
    expect(action).toMatchObject({ outcome: "failed", exit_code: null, stdout: "" });
    expect(action.why).toContain("another request (reset of VM 102), so it ran nothing for this one");
  }
  const { log, power } = powerOn();
  await begun(log, "shared-id-1", "reset");
  await power.resume([target]);
  expect(await ended(power, "shared-id-1")).toMatchObject({ outcome: "done", exit_code: 0 });
});

test("the evidence that a broken link kept from us is fetched with the outcome, each line once", async () => {
  const action = await cutCycle("cut-evidence-1");
  expect(action).toMatchObject({ outcome: "done", exit_code: 0 });
  const record = readFileSync(join(host.record("cut-evidence-1"), "output"), "utf8");
  expect(action.stdout.replace(/^# \d+ s: .*\n/gm, "")).toBe(record);
});

test("the output of a run whose console was killed is the next console's, too", async () => {
  const log = new SqliteLog(join(dir, "killed.db"));
  expect((await host.ask("cycle@102 killed-early-1")).code).toBe(0);
  await begun(log, "killed-early-1", "cycle");
  const { power } = powerOn(log);
  await power.resume([target]);
  const action = await ended(power, "killed-early-1");
  expect(action).toMatchObject({ outcome: "done", exit_code: 0 });
  expect(action.stdout).toBe(readFileSync(join(host.record("killed-early-1"), "output"), "utf8"));
  await log.close();
});

test("a config lock that came after the tap is a refusal also when it is learnt afterwards", async () => {
  const config = readFileSync(join(host.world, "config"), "utf8");
  const action = await cutCycle("locked-late-1", () => lockConfig(host, "backup"));
  host.knob("config", config);
  expect(action).toMatchObject({ outcome: "failed", rejected: true, exit_code: 77 });
  expect(action.why).toContain("config lock 'backup'; nothing was changed");
  expect(host.qemu()).not.toBeNull();
});

test("what was not yet shown of a run: without the signs of life, from the line that broke off", () => {
  const whole = "# cycle\nsection a: ok\nverdict: done yes\n";
  expect(notYetShown("", whole)).toBe(whole);
  expect(notYetShown(whole, whole)).toBe("");
  expect(notYetShown("# cycle\n# 4 s: at work\nsection a: ok\n", whole)).toBe("verdict: done yes\n");
  expect(notYetShown("# cycle\nsect\n", whole)).toBe("section a: ok\nverdict: done yes\n");
  expect(notYetShown("# cycle\n", "")).toBe("");
});
