import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { CHECKS } from "../../src/checks/check.ts";
import { findingsOf } from "../../src/checks/finding.ts";
import { type CheckTools, runCheck } from "../../src/checks/run.ts";
import { startChild } from "../../src/child.ts";
import { type LabBench, startLab } from "../support/lab-bench.ts";

// A wedged VM's ssh and the host's forensics take seconds each.
setDefaultTimeout(60_000);

const noHost: CheckTools["host"] = async () => ({ exit_code: 255, stdout: "", why: "No route to host" });

describe("in the lab", () => {
  let bench: LabBench;
  beforeAll(async () => {
    bench = await startLab();
  });
  afterAll(() => bench.end());

  test("every fault is found by the check that is for it, and its cure is named", async () => {
    const cases = [
      ["disk_full", "disk", /^\/ is full/, /sudo rm \/var\/lib\/app\/export\/orders-full\.dump/],
      ["out_of_memory", "memory", /41 processes in D state/, /ugrep/],
      ["service_dead", "services", /^nginx\.service has failed/, /sudo systemctl restart nginx/],
      ["qemu_wedged", "qemu", /disk does not move/, /^cycle/],
      ["host_unreachable", "qemu", /^Neither the PVE host nor the VM/, /nothing can be done/],
    ] as const;
    for (const [fault, name, says, next] of cases) {
      bench.lab.breakIt(fault);
      const [first] = findingsOf(CHECKS[name], await runCheck(CHECKS[name], bench.tools));
      expect(first!.level).toBe("bad");
      expect(first!.says).toMatch(says);
      expect(first!.next).toMatch(next);
    }
    bench.lab.breakIt("none");
  });

  test("with nothing broken every check reads everything and finds it fine", async () => {
    for (const check of Object.values(CHECKS)) {
      const readings = await runCheck(check, bench.tools);
      expect(readings.filter((r) => r.exit_code === null)).toEqual([]);
      expect(findingsOf(check, readings).map((f) => f.level)).toEqual(findingsOf(check, readings).map(() => "fine"));
    }
  });

  test("all reads of a check are one ssh, and each is heard as it ends", async () => {
    let calls = 0;
    const heard: string[] = [];
    const vm: CheckTools["vm"] = (...args) => {
      calls++;
      return bench.tools.vm(...args);
    };
    await runCheck(CHECKS.triage, { ...bench.tools, vm }, (reading) => heard.push(reading.key));
    expect(calls).toBe(1);
    expect(heard).toEqual(CHECKS.triage.reads.map((r) => r.key));
  });
});

/** A stand-in for ssh: a real process. */
const vmBy =
  (script: string): CheckTools["vm"] =>
  (_, limit_ms, heard) =>
    startChild(
      { argv: ["/bin/sh", "-c", script], env: { PATH: "/usr/bin:/bin" }, limit_ms: Math.min(limit_ms, 4000) },
      heard,
    ).ended;

test("ssh that dies, hangs, floods, is missing or throws is a reading, never an exception", async () => {
  const ways: [CheckTools["vm"], RegExp][] = [
    [vmBy("echo 'Connection refused' >&2; exit 255"), /Connection refused/],
    [vmBy("kill -9 $$"), /killed/],
    [vmBy("head -c 3000000 /dev/zero | tr '\\0' x; exit 255"), /exit code 255/],
    [vmBy("sleep 100"), /limit of 4 s/],
    [
      (_, limit_ms, heard) => startChild({ argv: ["/nonexistent/ssh"], env: {}, limit_ms }, heard).ended,
      /did not start/,
    ],
    [() => Promise.reject(new Error("broken tool")), /broken tool/],
  ];
  for (const [vm, why] of ways) {
    const readings = await runCheck(CHECKS.triage, { vm, host: noHost });
    expect(readings.map((r) => r.key)).toEqual(["vm"]);
    expect(readings[0]!.why).toMatch(why);
  }
});

test("a link that dies half-way leaves the first half", async () => {
  const vm: CheckTools["vm"] = (command, limit_ms, heard) => {
    const mark = /n=(bg-[\w-]+)/.exec(command)![1]!;
    return vmBy(
      `echo '${mark} begin uptime'; echo ' load average: 1.00, 1, 1'; echo '${mark} end uptime 0'; echo '${mark} begin cpus'; echo 'Broken pipe' >&2; exit 255`,
    )(command, limit_ms, heard);
  };
  const readings = await runCheck(CHECKS.triage, { vm, host: noHost });
  expect(readings[0]).toMatchObject({ key: "uptime", exit_code: 0 });
  expect(readings.slice(1).every((r) => r.exit_code === null && r.why.includes("Broken pipe"))).toBe(true);
  expect(readings).toHaveLength(CHECKS.triage.reads.length);
});

test("the mark differs from run to run", async () => {
  const marks: string[] = [];
  const vm: CheckTools["vm"] = async (command) => {
    marks.push(/n=(bg-[\w-]+)/.exec(command)![1]!);
    return { is: "exited", code: 0 };
  };
  for (let i = 0; i < 20; i++) await runCheck(CHECKS.memory, { vm, host: noHost });
  expect(new Set(marks).size).toBe(20);
});
