/** The agent's commands in the lab: the console's wrapper is understood there, and nothing that is typed is executed. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { Outputs } from "../../src/agent/outputs.ts";
import { VmRuns } from "../../src/agent/vm-run.ts";
import { type Lab, openLab } from "../../src/lab/lab.ts";
import { VM_ADDRESS } from "../../src/lab/places.ts";
import { sshArgv } from "../../src/target/ssh.ts";
import type { Target } from "../../src/target/target.ts";
import { cleanUp, tempDir } from "../support/server.ts";

const dir = tempDir("lab-run");
let lab: Lab;
let runs: VmRuns;
const place = { host: VM_ADDRESS, port: 22, user: "breakglass" };
const target = { id: "lab", name: "devvm", vmid: 102, lab: true, vm: place, pve: place } as Target;

beforeAll(async () => {
  lab = await openLab({ dir: join(dir, "world"), vmid: 102, seed: 1 });
  runs = new VmRuns({
    spawn: (t, command) => ({
      argv: sshArgv(lab.ssh, t.vm, command),
      env: { PATH: process.env.PATH ?? "/usr/bin:/bin" },
    }),
    outputs: new Outputs(join(dir, "outputs")),
    newId: () => crypto.randomUUID(),
    show: () => {},
  });
});
afterAll(async () => {
  await lab?.close({ endVm: true });
  cleanUp(dir);
});
const run = (command: string, timeout_s = 60) =>
  runs.run({ session: "s1", target, command, timeout_s, tool_id: "toolu_1" });

test("a command, its exit code, its limit and its stop are as on a real VM", async () => {
  expect((await run("echo it\\'s; exit 3")).text).toBe("it's\n[exit code 3]");
  expect((await run("nosuchprogram")).text).toContain("[exit code 127]");
  expect((await run("sleep 600", 1)).text).toMatch(
    /ended after its limit of 1 s; ended there too: no process of the group/,
  );
  const running = run("echo begun; sleep 600");
  while (!runs.running("s1")[0]?.recent.includes("begun")) await Bun.sleep(20);
  expect(runs.stop("s1", "toolu_1", "lab")).toBe(true);
  expect((await running).text).toMatch(
    /^begun\n\[the operator \(lab\) stopped this command; ended there too: no process/,
  );
}, 60_000);
