/** A QEMU that is half there: silent about its disk, without its pid file, behind one that nobody can read. No verdict says more than is known. */
import { expect, test } from "bun:test";
import { lastLine, startPveHost, until } from "../support/pve-host.ts";

const pve = () => startPveHost({ percent: 15 });
const LONG = 120_000;

test.concurrent(
  "a reset after which QEMU tells nothing of its disk is no success",
  async () => {
    await using host = await pve();
    host.knob("monitor.answers", "1");
    const { code, stdout } = await host.ask("reset@102 mute-disk-1");
    expect([code, lastLine(stdout)]).toEqual([
      1,
      `verdict: failed qm reset returned 0, but QEMU (pid ${host.qemu()}) does not tell of its disk: it did not help; cycle`,
    ]);
  },
  LONG,
);

test.concurrent(
  "a QEMU that falls silent while the reset is watched is no success",
  async () => {
    await using host = await pve();
    host.knob("stalled"); // or the disk moves, and the watch is over
    const run = host.begin("reset@102 goes-mute-1");
    const after = () => host.ledger().slice(host.ledger().indexOf("reset 102") + 1);
    await until("the disk is watched", () => host.ledger().includes("reset 102") && after().length >= 2);
    host.knob("monitor.answers", "1");
    const { code, stdout } = await run.answer;
    expect([code, lastLine(stdout)]).toEqual([
      1,
      `verdict: failed qm reset returned 0, but QEMU (pid ${host.qemu()}) fell silent after it: it did not help; cycle`,
    ]);
  },
  LONG,
);

test.concurrent(
  "a QEMU that outlives qm stop without its pid file is not killed, and not said to have survived a signal",
  async () => {
    await using host = await pve();
    const old = host.qemu();
    host.knob("stop.loses");
    const { code, stdout } = await host.ask("cycle@102 loses-pid-1");
    expect(code).toBe(1);
    expect(lastLine(stdout)).toStartWith(`verdict: failed QEMU (pid ${old}) outlives qm stop: state S, waits in `);
    expect(lastLine(stdout)).toContain(`echo ${old} > ${host.world}/run/102.pid`);
    expect(stdout).not.toContain("SIGKILL to");
    expect(host.ledger()).not.toContain("start 102");
    process.kill(old!, 0);
  },
  LONG,
);

test.concurrent(
  "when nobody can read which process it is, the VM is not called off",
  async () => {
    await using host = await startPveHost({ percent: 15, off: true });
    host.knob("start.hides");
    const { code, stdout } = await host.ask("start@102 hidden-pid-1");
    expect([code, lastLine(stdout)]).toEqual([
      4,
      "verdict: unknown qm start: exit code 0, but whether a QEMU of VM 102 runs can't be read; ask for status",
    ]);
    expect(stdout).toContain("\nverify.pid: unknown\n");
    expect(stdout).toContain("\nverify.vm: unknown\n");
  },
  LONG,
);
