/** A run belongs to the host: once per request id, one at a time per VM, to its end whatever dies, told truly afterwards. */
import { expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onlyAsRoot } from "../support/only-where.ts";
import { lastLine, type PveHost, startPveHost, until } from "../support/pve-host.ts";

const pve = (wishes: Parameters<typeof startPveHost>[0] = {}) => startPveHost({ percent: 15, ...wishes });
const count = (host: PveHost, word: string) => host.ledger().filter((line) => line.startsWith(`${word} `)).length;

test.concurrent("cycle gives a new QEMU, evidence first, and a verdict in the last line", async () => {
  await using host = await pve();
  const old = host.qemu();
  expect(old).not.toBeNull();
  const { code, stdout, stderr } = await host.ask("cycle@102 first-cycle");
  expect(stderr).toBe("");
  expect(lastLine(stdout)).toBe(
    `verdict: done VM 102 runs in a new QEMU (pid ${host.qemu()}, was ${old}), QMP answers; the guest is not proven`,
  );
  expect(code).toBe(0);
  expect(host.qemu()).not.toBe(old);
  expect(stdout).toContain(`\nverify.state: running\nverify.pid: ${host.qemu()} new\nverify.qmp: answered\n`);
  expect(stdout.indexOf("section info blockstats")).toBeLessThan(stdout.indexOf("# qm stop"));
  expect(stdout).toContain("section qm agent ping: ok (");
  const asked = host.ledger();
  expect(asked.indexOf("stop 102 --timeout 15")).toBeGreaterThan(asked.indexOf("listsnapshot 102"));
  expect(host.log().at(-1)).toContain("ended cycle@102 first-cycle exit=0 done");
}, 120_000);

test.concurrent("the same id attaches, live or ended, and runs nothing", async () => {
  await using host = await pve();
  host.knob("slow.stop", "1");
  const both = await Promise.all([host.ask("cycle@102 same-id-1"), host.ask("cycle@102 same-id-1")]);
  const third = await host.ask("cycle same-id-1");
  const bare = (text: string) => text.replace(/^# \d+ s: .*\n/gm, "");
  expect(both[0].code).toBe(0);
  expect(bare(both[1].stdout)).toBe(bare(both[0].stdout));
  expect(third).toEqual({ code: 0, stdout: bare(both[0].stdout), stderr: "" });
  expect([count(host, "stop"), count(host, "start")]).toEqual([1, 1]);
  const report = await host.ask("report same-id-1");
  expect(report.code).toBe(0);
  expect(report.stdout).toBe(`state: ended\nexit: 0\n${bare(both[0].stdout)}`);
}, 120_000);

test.concurrent("the id of another request is refused", async () => {
  await using host = await pve({ vmids: "102 105" });
  expect((await host.ask("start@102 taken-id-1")).code).toBe(1); // it runs already
  for (const other of ["stop@102 taken-id-1", "start@105 taken-id-1", "start@102 taken-id-1 override=backup"]) {
    const { code, stderr } = await host.ask(other);
    expect([other, code]).toEqual([other, 2]);
    expect(stderr).toBe("breakglass-pve: rejected: the request id taken-id-1 belongs to another request\n");
  }
}, 120_000);

test.concurrent("a second run meets 75 with who and since when; reading never waits", async () => {
  await using host = await pve();
  host.knob("slow.stop", "3");
  const first = host.begin("cycle@102 holder-of-it");
  await until("the stop is under way", () => count(host, "stop") === 1);
  const second = await host.ask("stop@102 comes-second");
  expect(second.code).toBe(75);
  expect(second.stderr).toMatch(
    /^breakglass-pve: busy: cycle of VM 102 runs since \d{4}-\d\d-\d\dT[\d:]{8}Z for 127\.0\.0\.1 \(request holder-of-it\)\n$/,
  );
  const status = await host.ask("status");
  expect(status.stdout).toMatch(/\nprobe\.run: cycle holder-of-it since \S+Z for 127\.0\.0\.1\n/);
  const live = await host.ask("report holder-of-it");
  expect(live.stdout).toStartWith("state: running\n# breakglass-pve 2: cycle of VM 102");
  expect((await host.ask("report comes-second")).code).toBe(3); // nothing ran, so nothing is known
  expect((await first.answer).code).toBe(0);
  // The answers above came while the first one ran, or this proves nothing.
  expect(count(host, "stop")).toBe(1);
  expect((await host.ask("report holder-of-it")).stdout).toStartWith("state: ended\nexit: 0\n");
}, 120_000);

test.concurrent("a bare verb, as the first system's console sends it, works and says its id", async () => {
  await using host = await pve({ off: true });
  const { code, stdout } = await host.ask("start");
  expect(code).toBe(0);
  const id = /request (host-\w{16}-\w{8}),/.exec(stdout)?.[1];
  expect(id).toBeDefined();
  expect((await host.ask(`report ${id}`)).stdout).toStartWith("state: ended\nexit: 0\n");
}, 120_000);

test.concurrent("while it waits it says so at least every 5 s", async () => {
  await using host = await pve();
  host.knob("slow.stop", "11");
  const run = host.begin("stop@102 slow-stop-1");
  await until("the stop is under way", () => count(host, "stop") === 1);
  let longest = 0;
  let size = run.heard().length;
  let changed = performance.now();
  let over = false;
  void run.answer.then(() => {
    over = true;
  });
  while (!over) {
    await Bun.sleep(20);
    if (run.heard().length === size) continue;
    longest = Math.max(longest, performance.now() - changed);
    size = run.heard().length;
    changed = performance.now();
  }
  // At 15 percent the limit of 30 s for qm stop is 4.5 s: it is told, and QEMU ended, while that qm still sleeps.
  const { stdout } = await run.answer;
  expect(stdout).toMatch(/^# \d+ s: qm stop 102, at most 30 s$/m);
  expect(longest).toBeLessThan(5_000);
  expect(host.qemu()).toBeNull();
}, 120_000);

test.concurrent("a host that restarts in the middle: report says so, the outcome is unknown, the next run may begin", async () => {
  await using host = await pve();
  host.knob("slow.stop", "20");
  const run = host.begin("cycle@102 cut-by-reboot");
  await until("the stop is under way", () => count(host, "stop") === 1);
  const [pid, start] = readFileSync(join(host.record("cut-by-reboot"), "runner"), "utf8").split(" ");
  process.kill(-Number(pid), "SIGKILL");
  // What a restart leaves behind: the same record, from a boot that is not this one.
  writeFileSync(join(host.record("cut-by-reboot"), "runner"), `${pid} ${start} 00000000-0000-0000-0000-000000000000\n`);
  const answer = await run.answer;
  expect(answer.code).toBe(4);
  expect(lastLine(answer.stdout)).toStartWith(
    "verdict: unknown the PVE host restarted during the run (last: qm stop 102",
  );
  const report = await host.ask("report cut-by-reboot");
  expect(report.code).toBe(0);
  expect(report.stdout).toStartWith("state: ended\nexit: 4\n");
  expect(lastLine(report.stdout)).toBe(lastLine(answer.stdout));
  expect((await host.ask("cycle@102 cut-by-reboot")).code).toBe(4);
  host.knob("slow.stop", null);
  expect((await host.ask("cycle@102 after-reboot-1")).code).toBe(0);
}, 120_000);

test.concurrent("a run that was killed on the host is told as such", async () => {
  await using host = await pve();
  host.knob("slow.stop", "20");
  const run = host.begin("stop@102 killed-run-1");
  await until("the stop is under way", () => count(host, "stop") === 1);
  process.kill(Number(readFileSync(join(host.record("killed-run-1"), "runner"), "utf8").split(" ")[0]), "SIGKILL");
  const { code, stdout } = await run.answer;
  expect(code).toBe(4);
  expect(lastLine(stdout)).toStartWith("verdict: unknown the run was killed on the PVE host");
}, 120_000);

test.concurrent("a recycled pid is no living run", async () => {
  await using host = await pve();
  const record = host.record("recycled-1");
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  mkdirSync(join(record, "claim"), { recursive: true });
  writeFileSync(
    join(record, "request"),
    `verb: cycle\nvm: 102\noverride: \ncaller: x\nasked: y\nboot: ${boot}\nuptime: 1\n`,
  );
  writeFileSync(join(record, "output"), "half a line");
  writeFileSync(join(record, "runner"), `${process.pid} 1 ${boot}\n`); // we live, but did not start at tick 1
  const { stdout } = await host.ask("report recycled-1");
  expect(stdout).toBe(
    "state: ended\nexit: 4\nhalf a line\nverdict: unknown the run was killed on the PVE host (last: it began); ask for status\n",
  );
}, 120_000);

test.concurrent("a record that never started is told as such, and never starts late", async () => {
  await using host = await pve();
  const record = host.record("never-began");
  mkdirSync(record, { recursive: true });
  writeFileSync(
    join(record, "request"),
    "verb: cycle\nvm: 102\noverride: \ncaller: x\nasked: y\nboot: another\nuptime: 1\n",
  );
  writeFileSync(join(record, "output"), "");
  const { code, stdout } = await host.ask("cycle@102 never-began");
  expect(code).toBe(1);
  expect(lastLine(stdout)).toBe("verdict: failed it was recorded but never started; nothing was changed");
  expect(host.ledger()).toEqual([]);
}, 120_000);

test.concurrent("an id that report did not know never runs afterwards, however late its request comes", async () => {
  await using host = await pve();
  expect((await host.ask("report late-request")).code).toBe(3);
  const { code, stderr } = await host.ask("cycle@102 late-request");
  expect(code).toBe(2);
  expect(stderr).toStartWith(
    "breakglass-pve: rejected: report was asked for the request id late-request before it came",
  );
  // The other order: the report arrives while the request is being taken in.
  host.knob("slow.config", "1");
  const run = host.begin("cycle@102 overtaken-1");
  await until("the request is being taken in", () => host.ledger().includes("config 102"));
  expect((await host.ask("report overtaken-1")).code).toBe(3);
  expect((await run.answer).code).toBe(1);
  expect(lastLine((await run.answer).stdout)).toContain("before it could begin; nothing was changed");
  expect([count(host, "stop"), count(host, "start")]).toEqual([0, 0]);
  expect((await host.ask("cycle@102 another-id")).code).toBe(0);
}, 120_000);

test.concurrent("old records are pruned, living and young ones are not", async () => {
  await using host = await pve({ env: { BREAKGLASS_PVE_KEEP: "3" } });
  const old = Date.now() / 1000 - 7200;
  for (let i = 0; i < 8; i++) {
    const record = host.record(`old-record-${i}`);
    mkdirSync(record, { recursive: true });
    writeFileSync(
      join(record, "request"),
      "verb: stop\nvm: 102\noverride: \ncaller: x\nasked: y\nboot: z\nuptime: 1\n",
    );
    writeFileSync(join(record, "output"), "");
    writeFileSync(join(record, "exit"), "0\n");
    utimesSync(record, old + i, old + i);
  }
  await host.ask("start@102 young-record-1");
  await host.ask("start@102 young-record-2");
  const left = readdirSync(join(host.world, "state", "runs")).sort();
  expect(left).toEqual(["old-record-5", "old-record-6", "old-record-7", "young-record-1", "young-record-2"]);
}, 120_000);

test.concurrent("of old records without an end, one that a restart cut is pruned, and one that still runs is kept", async () => {
  await using host = await pve({ env: { BREAKGLASS_PVE_KEEP: "1" } });
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const start = readFileSync(`/proc/${process.pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ")[19];
  const old = Date.now() / 1000 - 7200;
  for (const [i, [id, runner]] of [
    ["cut-by-restart", `4711 4711 00000000-0000-0000-0000-000000000000`],
    ["still-at-work", `${process.pid} ${start} ${boot}`],
    ["newest-of-old", `4711 4711 00000000-0000-0000-0000-000000000000`],
  ].entries()) {
    const record = host.record(id!);
    mkdirSync(join(record, "claim"), { recursive: true });
    writeFileSync(
      join(record, "request"),
      "verb: stop\nvm: 105\noverride: \ncaller: x\nasked: y\nboot: z\nuptime: 1\n",
    );
    writeFileSync(join(record, "output"), "");
    writeFileSync(join(record, "runner"), `${runner}\n`);
    utimesSync(record, old + i, old + i);
  }
  await host.ask("start@102 prunes-the-old");
  // The verdict is told before the run tidies up.
  await until("the record that a restart cut is gone", () => !existsSync(host.record("cut-by-restart")));
  expect(readdirSync(join(host.world, "state", "runs")).sort()).toEqual([
    "newest-of-old",
    "prunes-the-old",
    "still-at-work",
  ]);
}, 120_000);

test.concurrent("a folder that can't be written does not stop a rescue", async () => {
  await using host = await pve({ env: { BREAKGLASS_PVE_STATE: "/dev/null/breakglass" } });
  const { code, stdout } = await host.ask("cycle@102 spare-place-1");
  expect(code).toBe(0);
  expect(stdout).toContain("# the usual folder can't be written: this record is in ");
  expect(existsSync(join(host.world, "spare", "runs", "spare-place-1", "exit"))).toBe(true);
  expect((await host.ask("cycle@102 spare-place-1")).code).toBe(0);
  expect(count(host, "stop")).toBe(1);
}, 120_000);

test.concurrent("no place for a record at all: nothing runs", async () => {
  const nowhere = { BREAKGLASS_PVE_STATE: "/dev/null/a", BREAKGLASS_PVE_SPARE: "/dev/null/b" };
  await using host = await pve({ env: nowhere });
  const { code, stdout } = await host.ask("cycle@102 no-place-1");
  expect(code).toBe(1);
  expect(lastLine(stdout)).toStartWith("verdict: failed neither /dev/null/a nor /dev/null/b can be written");
  expect(host.ledger()).toEqual([]);
}, 120_000);

// Nobody boots systemd for a test: a stand-in takes its place, and says so by its ledger.
for (const works of [true, false]) {
  onlyAsRoot(
    works
      ? "where systemd runs, systemd-run (a stand-in here) detaches the run"
      : "a systemd-run (a stand-in here) that fails is not the end: setsid",
    async () => {
      await using host = await pve({ env: { BREAKGLASS_PVE_SYSTEMD: "/" } });
      const stand_in = join(host.world, "bin", "systemd-run");
      writeFileSync(
        stand_in,
        `#!/bin/bash\nprintf '%s\\n' "$@" >"$QM_WORLD/unit"\n${works ? 'while [[ $1 != -- ]]; do shift; done; shift; setsid "$@" &' : "exit 1"}\n`,
      );
      chmodSync(stand_in, 0o755);
      const { code, stdout } = await host.ask("cycle@102 with-systemd");
      expect(code).toBe(0);
      expect(stdout.split("\n")[0]).toEndWith(works ? "detached by systemd-run" : "detached by setsid");
      const unit = readFileSync(join(host.world, "unit"), "utf8").split("\n");
      expect(unit).toContain("--unit=breakglass-102-with-systemd");
      expect(unit).toContain("--property=KillMode=process");
      expect(unit).toContain(`--setenv=BREAKGLASS_PVE_STATE=${join(host.world, "state")}`);
      expect(count(host, "stop")).toBe(1);
    },
    120_000,
  );
}
