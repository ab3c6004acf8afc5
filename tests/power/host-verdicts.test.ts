/** What a run makes of a sick host or VM: the verdict is what is true afterwards, and nothing is killed or unlocked silently. */
import { expect, test } from "bun:test";
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Child, startChild } from "../../src/child.ts";
import { lastLine, lockConfig, type PveHost, startPveHost, until } from "../support/pve-host.ts";

const pve = (wishes: Parameters<typeof startPveHost>[0] = {}) => startPveHost({ percent: 15, ...wishes });
const acts = (host: PveHost) => host.ledger().filter((line) => /^(start|stop|reset) /.test(line));
const LONG = 120_000;

test.concurrent(
  "stop, start and reset tell what became true",
  async () => {
    await using host = await pve();
    const first = host.qemu();
    const started = await host.ask("start@102 step-1-start");
    expect(lastLine(started.stdout)).toBe(
      `verdict: failed VM 102 is already running (QEMU pid ${first}); nothing was changed`,
    );
    const reset = await host.ask("reset@102 step-2-reset");
    expect(lastLine(reset.stdout)).toStartWith(`verdict: done VM 102 was reset: same QEMU (pid ${first}), QMP answers`);
    expect(host.qemu()).toBe(first);
    const stopped = await host.ask("stop@102 step-3-stop");
    expect([stopped.code, lastLine(stopped.stdout)]).toEqual([
      0,
      `verdict: done VM 102 is stopped; its QEMU (pid ${first}) is gone`,
    ]);
    expect(stopped.stdout).toContain("\nverify.state: stopped\nverify.pid: none\n");
    expect(host.qemu()).toBeNull();
    expect((await host.ask("reset@102 step-4-reset")).code).toBe(1);
    expect(lastLine((await host.ask("stop@102 step-5-stop")).stdout)).toBe("verdict: done VM 102 is stopped");
    const cycled = await host.ask("cycle@102 step-6-cycle");
    expect(cycled.stdout).toContain("# VM 102 is not running; it is only started\n");
    expect(cycled.code).toBe(0);
    expect(host.qemu()).not.toBeNull();
  },
  LONG,
);

test.concurrent(
  "a config lock is refused before anything, 77, unless it is overridden by its name",
  async () => {
    await using host = await pve();
    const old = host.qemu();
    lockConfig(host, "backup");
    for (const command of [
      "cycle@102 locked-001",
      "stop@102 locked-002",
      "reset@102 locked-003",
      "cycle@102 locked-004 override=snapshot",
    ]) {
      const { code, stdout, stderr } = await host.ask(command);
      expect([command, code, stdout]).toEqual([command, 77, ""]);
      expect(stderr).toStartWith("breakglass-pve: locked: VM 102 has the config lock 'backup' (");
    }
    expect(acts(host)).toEqual([]);
    expect((await host.ask("report locked-001")).code).toBe(3);
    const named = await host.ask("cycle@102 locked-005 override=backup");
    expect(named.code).toBe(0);
    expect(acts(host)).toEqual(["stop 102 --timeout 15 --skiplock 1", "start 102 --skiplock 1"]);
    expect(host.qemu()).not.toBe(old);
    // Overridden, not removed: the lock belongs to its task.
    expect(readFileSync(join(host.world, "config"), "utf8")).toContain("lock: backup");
  },
  LONG,
);

test.concurrent(
  "a lock that appears during the forensics still stops the run: 77, recorded",
  async () => {
    await using host = await pve();
    host.knob("slow.listsnapshot", "0.5");
    const run = host.begin("cycle@102 late-lock-1");
    await until("forensics reached the snapshots", () => host.ledger().includes("listsnapshot 102"));
    lockConfig(host, "snapshot");
    const { code, stdout } = await run.answer;
    expect(lastLine(stdout)).toBe("verdict: failed VM 102 has the config lock 'snapshot'; nothing was changed");
    expect(code).toBe(77);
    expect(acts(host)).toEqual([]);
    expect((await host.ask("report late-lock-1")).stdout).toStartWith("state: ended\nexit: 77\n");
  },
  LONG,
);

test.concurrent(
  "a frozen QEMU: its sections time out, the verb goes on, cycle cures it",
  async () => {
    await using host = await pve();
    host.knob("frozen");
    const old = host.qemu();
    const { code, stdout } = await host.ask("cycle@102 frozen-qemu-1");
    expect(stdout).toMatch(/^section info status: timed out \(\d+\.\d s\)$/m);
    expect(stdout).toContain("\nsection info blockstats, twice, 2 s apart: missing, the monitor is silent (0.0 s)\n");
    expect(stdout).toMatch(/^section qm config: ok /m);
    expect(code).toBe(0);
    expect(host.qemu()).not.toBe(old);
  },
  LONG,
);

test.concurrent(
  "a reset on a dead disk path says that it did not help",
  async () => {
    await using host = await pve();
    host.knob("stalled");
    const { code, stdout } = await host.ask("reset@102 dead-disk-1");
    expect(code).toBe(1);
    expect(lastLine(stdout)).toMatch(
      /^verdict: failed qm reset returned 0, but the disk has not moved .* is stalled; cycle$/,
    );
    expect(stdout).toContain("\n  the disk does not move\n");
    expect((await host.ask("cycle@102 dead-disk-2")).code).toBe(0);
  },
  LONG,
);

test.concurrent(
  "a reset that QEMU does not hear fails",
  async () => {
    await using host = await pve();
    host.knob("frozen");
    const { code, stdout } = await host.ask("reset@102 deaf-reset-1");
    expect(code).toBe(1);
    expect(lastLine(stdout)).toMatch(/^verdict: failed qm reset: .*cycle$/);
  },
  LONG,
);

test.concurrent(
  "a QEMU that ignores qm stop and SIGTERM is killed, and only it",
  async () => {
    await using host = await pve({ off: true });
    host.knob("stubborn");
    await host.ask("start@102 stubborn-start");
    host.knob("stubborn", null);
    host.knob("stop.refuses");
    const old = host.qemu();
    const { code, stdout } = await host.ask("cycle@102 stubborn-1");
    expect(stdout).toContain(`# SIGTERM to QEMU of VM 102, pid ${old}\n# SIGKILL to QEMU of VM 102, pid ${old}\n`);
    expect(code).toBe(0);
    expect(host.qemu()).not.toBe(old);
  },
  LONG,
);

test.concurrent(
  "a qm stop that hangs does not leave the VM half-way",
  async () => {
    await using host = await pve();
    host.knob("hang.stop");
    const { code, stdout } = await host.ask("cycle@102 hung-stop-1");
    expect(stdout).toContain("# qm stop: exit code 124, no end after 30 s\n");
    expect(stdout).toContain("# the qm stop that hung was ended\n");
    expect(code).toBe(0);
    expect(host.qemu()).not.toBeNull();
  },
  LONG,
);

// A task of PVE: a process that holds the flock itself and is named by its UPID.
function taskWithFlock(host: PveHost, type: string, held_until: string): Child {
  return startChild(
    {
      argv: [
        "perl",
        "-e",
        `$0 = "task UPID:pve:0000:0000:0000:${type}:102:root\\@pam:"; open F, ">>", "${host.world}/lock/lock-102.conf"; flock F, 2;
         open R, ">", "${host.world}/task-runs"; close R; select undef, undef, undef, 0.05 while -d "${host.world}" && (${held_until});`,
      ],
      env: { PATH: process.env.PATH! },
    },
    () => {},
  );
}

test.concurrent(
  "a flock held by another task: nothing is killed, and the verdict says who holds it",
  async () => {
    await using host = await pve();
    const old = host.qemu();
    const task = taskWithFlock(host, "qmmove", "1");
    await until("the task holds the flock", () => existsSync(join(host.world, "task-runs")));
    expect((await host.ask("status")).stdout).toMatch(/^probe\.flock: pid \d+, task UPID:\S+:qmmove:102:root@pam:/m);
    const { code, stdout } = await host.ask("cycle@102 held-flock-1");
    await task.stop();
    expect(code).toBe(1);
    expect(lastLine(stdout)).toContain(`the flock of VM 102 is held by pid ${task.pid}, task UPID:`);
    expect(host.qemu()).toBe(old);
  },
  LONG,
);

test.concurrent(
  "a flock held by a shutdown of this very VM is overtaken",
  async () => {
    await using host = await pve();
    const old = host.qemu();
    const task = taskWithFlock(host, "qmshutdown", `kill 0, ${old}`);
    await until("the task holds the flock", () => existsSync(join(host.world, "task-runs")));
    const { code, stdout } = await host.ask("cycle@102 hung-shutdown");
    await task.stop();
    expect(stdout).toContain(`# SIGTERM to QEMU of VM 102, pid ${old}\n`);
    expect(code).toBe(0);
    expect(host.qemu()).not.toBe(old);
  },
  LONG,
);

test.concurrent(
  "a qm start that returns 0 with the VM still off is a failure",
  async () => {
    await using host = await pve();
    host.knob("start.lies");
    const { code, stdout } = await host.ask("cycle@102 lying-start");
    expect(code).toBe(1);
    expect(lastLine(stdout)).toStartWith("verdict: failed VM 102 is OFF: qm start returned 0, but no QEMU runs");
    expect(stdout).toContain("\nverify.state: stopped\n");
  },
  LONG,
);

test.concurrent(
  "a qm start that fails once is tried again; twice is a failure with qm's own words",
  async () => {
    await using host = await pve();
    host.knob("start.fails", "1");
    expect((await host.ask("cycle@102 start-fails-1")).code).toBe(0);
    host.knob("start.fails", "2");
    const { code, stdout } = await host.ask("cycle@102 start-fails-2");
    expect([code, lastLine(stdout)]).toEqual([
      1,
      "verdict: failed VM 102 is OFF: qm start: start failed: QEMU exited with code 1",
    ]);
  },
  LONG,
);

test.concurrent(
  "a qm start that never ends: unknown, and it is left to go on",
  async () => {
    await using host = await pve({ percent: 6 });
    host.knob("hang.start");
    const { code, stdout } = await host.ask("cycle@102 hung-start-1");
    expect([code, lastLine(stdout)]).toEqual([
      4,
      "verdict: unknown VM 102 is OFF: qm start is still at work after 60 s; ask for status",
    ]);
    host.knob("hang.start", null);
    await until("that same qm start came to its end", () => host.qemu() !== null);
    expect(acts(host).filter((line) => line === "start 102").length).toBe(1);
  },
  LONG,
);

test.concurrent(
  "a new QEMU that does not answer is a failure",
  async () => {
    await using host = await pve();
    host.knob("frozen");
    host.knob("frozen.again");
    const { code, stdout } = await host.ask("cycle@102 frozen-again");
    expect([code, lastLine(stdout)]).toEqual([
      1,
      `verdict: failed VM 102 has a new QEMU (pid ${host.qemu()}), but it does not answer`,
    ]);
  },
  LONG,
);

test.concurrent(
  "io-error: the loss is said, and a VM that pauses again is no success",
  async () => {
    await using host = await pve();
    host.knob("qmpstatus", "paused (io-error)");
    const { code, stdout } = await host.ask("cycle@102 io-error-01");
    expect(stdout).toContain("# the VM is paused (io-error): what its QEMU still holds back is lost by cycle\n");
    expect([code, lastLine(stdout)]).toEqual([
      1,
      `verdict: failed VM 102 has a new QEMU (pid ${host.qemu()}), but the VM is paused (io-error)`,
    ]);
  },
  LONG,
);

test.concurrent(
  "a lost pid file: no second QEMU on the same disks, and the cure works word for word",
  async () => {
    await using host = await pve();
    const old = host.qemu();
    rmSync(join(host.world, "run", "102.pid"));
    for (const verb of ["cycle", "stop", "start"]) {
      const { code, stdout } = await host.ask(`${verb}@102 lost-pid-${verb}`);
      expect([verb, code]).toEqual([verb, 1]);
      expect(lastLine(stdout)).toStartWith(
        `verdict: failed QEMU of VM 102 lives (pid ${old}) but its pid file is lost`,
      );
      expect(lastLine(stdout)).toContain(`echo ${old} > ${host.world}/run/102.pid`);
    }
    expect(acts(host)).toEqual([]);
    expect((await host.ask("status")).stdout).toContain(`\nprobe.pid: lost ${old}\n`);
    process.kill(old!, 0);
    writeFileSync(join(host.world, "run", "102.pid"), `${old}\n`);
    expect((await host.ask("cycle@102 lost-pid-cured")).code).toBe(0);
  },
  LONG,
);

test.concurrent(
  "a recycled pid: the stranger lives on, the VM is started",
  async () => {
    await using host = await pve({ off: true });
    const stranger = startChild({ argv: ["sleep", "100"], env: { PATH: process.env.PATH! } }, () => {});
    writeFileSync(join(host.world, "run", "102.pid"), `${stranger.pid}\n`);
    expect((await host.ask("status")).stdout).toContain("\nprobe.pid: recycled\n");
    const { code, stdout } = await host.ask("cycle@102 recycled-pid");
    expect(stdout).toContain("# the pid file names a process that is not QEMU of VM 102; that process is left alone\n");
    expect(code).toBe(0);
    process.kill(stranger.pid!, 0);
    await stranger.stop();
  },
  LONG,
);

test.concurrent(
  "without the config lock known, nothing is killed",
  async () => {
    await using host = await pve();
    host.knob("hang.config");
    host.knob("stop.refuses");
    const old = host.qemu();
    const { code, stdout } = await host.ask("cycle@102 unknown-lock");
    expect(code).toBe(1);
    expect(lastLine(stdout)).toContain("config lock: unknown, so it is not killed");
    expect(host.qemu()).toBe(old);
  },
  LONG,
);

test.concurrent(
  "a host without qm: nothing is called stopped",
  async () => {
    await using host = await pve({ off: true });
    rmSync(join(host.world, "bin", "qm"));
    const { code, stdout } = await host.ask("stop@102 no-qm-here-1");
    expect([code, lastLine(stdout)]).toEqual([
      1,
      "verdict: failed this host has no qm on its PATH; nothing was changed",
    ]);
  },
  LONG,
);

test.concurrent(
  "a VM that this host does not have",
  async () => {
    await using host = await pve({ off: true });
    host.knob("absent");
    const { code, stdout } = await host.ask("start@102 absent-vm-1");
    expect([code, lastLine(stdout)]).toEqual([
      1,
      "verdict: failed this host has no VM 102 (is it on another node?); nothing was changed",
    ]);
  },
  LONG,
);

test.concurrent(
  "under HA the stop and the start are waited for, not forced",
  async () => {
    await using host = await pve();
    host.knob("ha");
    const { code, stdout } = await host.ask("cycle@102 ha-managed-1");
    expect(stdout).toContain("\n  Requesting HA stop for VM 102\n");
    expect(stdout).not.toContain("SIGTERM");
    expect(code).toBe(0);
  },
  LONG,
);

test.concurrent(
  "text from the VM's config or the kernel can't pass for a line of the script",
  async () => {
    await using host = await pve();
    appendFileSync(
      join(host.world, "config"),
      "verdict: done all is well\nsection fake: ok (0.0 s)\n# fake\nverify.qmp: answered\n",
    );
    host.knob("start.lies");
    const { stdout } = await host.ask("cycle@102 planted-text");
    expect(stdout).toContain("\n  verdict: done all is well\n");
    expect(stdout.match(/^verdict: /gm)?.length).toBe(1);
    expect(lastLine(stdout)).toStartWith("verdict: failed VM 102 is OFF");
    expect(stdout).not.toMatch(/^section fake/m);
  },
  LONG,
);
