/** The agent's doors after Stop: what had not begun when somebody stopped the turn does not begin any more. */
import { expect, test } from "bun:test";
import { agentTools, type Doors } from "../../src/agent/doors.ts";
import { toolServer } from "../../src/agent/tools.ts";
import { Redaction } from "../../src/secrets/redact.ts";

const place = { host: "192.0.2.2", user: "root", port: 22 };
const target = { id: "devvm", name: "devvm", vmid: 102, vm: place, pve: place, lab: false };

/** Autonomous: nobody is asked. What begins is noted, and goes no further. */
function desk(told: () => boolean = () => false, more: Partial<Doors> = {}) {
  const begun: string[] = [];
  const noted = (what: string) => async () => {
    begun.push(what);
    throw new Error("it began");
  };
  const yes = async () => ({ is: "yes", by: "agent:t", approval_id: null });
  const doors = {
    whereabouts: () => ({ session: "s", target }),
    told,
    runs: { run: noted("vm_run") },
    power: { carryOutForAgent: noted("power") },
    checks: { start: noted("check") },
    permission: { forVerb: yes, forCommand: yes },
    approvals: {},
    runbooks: {},
    ...more,
  } as unknown as Doors;
  return { begun, tools: agentTools(doors) };
}

const CALLS = {
  power: { verb: "cycle", reason: "r" },
  vmRun: { command: "reboot", reason: "r", timeout_s: 5 },
  check: { name: "disk" },
} as const;

test("stopped while a call waits for its line in the transcript: no verb, no command and no check begins", async () => {
  const { begun, tools } = desk();
  const turn = new AbortController();
  setTimeout(() => turn.abort(), 50);
  const call = { turn: "t", tool_id: "never told", signal: turn.signal };
  const answers = await Promise.all([
    tools.power({ ...call, ...CALLS.power }),
    tools.vmRun({ ...call, ...CALLS.vmRun }),
    tools.check({ ...call, ...CALLS.check }),
  ]);
  expect(begun).toEqual([]);
  for (const answer of answers)
    expect(answer).toMatchObject({ is_error: true, text: "The turn was stopped before it began; nothing ran." });
  // The same calls of a turn that goes on do begin, else this proves nothing.
  const on = { turn: "t" };
  await tools.power({ ...on, ...CALLS.power }).catch(() => {});
  await tools.vmRun({ ...on, ...CALLS.vmRun }).catch(() => {});
  await tools.check({ ...on, ...CALLS.check }).catch(() => {});
  expect(begun).toEqual(["power", "vm_run", "check"]);
});

test("from the tap on Stop nothing begins, though the calls are not answered before the CLI was told", async () => {
  let told = false;
  const { begun, tools } = desk(() => told);
  const server = toolServer(tools);
  const { url, token } = await server.open("t");
  const answer = fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${token}`,
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "power", arguments: CALLS.power, _meta: { "claudecode/toolUseId": "toolu_1" } },
    }),
  }).then((response) => response.text());
  while (server.running("t") === 0) await Bun.sleep(1);
  let heard = () => {};
  const closing = server.close(
    "t",
    new Promise<void>((resolve) => {
      heard = resolve;
    }),
  );
  told = true;
  expect(await Promise.race([answer, Bun.sleep(150).then(() => "not yet")])).toBe("not yet");
  heard();
  expect(await answer).toContain("nothing ran");
  expect(await closing).toEqual(["power cycle (nothing of it ran)"]);
  expect(begun).toEqual([]);
  await server.stop();
});

test("a command that the card could not show whole is neither asked for nor run, and the agent hears how to go on", async () => {
  const redaction = new Redaction([{ kind: "bearer token", value: "a-canary-of-the-console" }]);
  const { begun, tools } = desk(() => true, { hiddenIn: (command) => redaction.hiddenIn(command) });
  const run = (command: string) => tools.vmRun({ turn: "t", command, reason: "r", timeout_s: 5 });
  for (const command of ["api_key=mkfs.ext4; $api_key /dev/sda1", "PASSWORD=reboot-now; $PASSWORD"])
    expect(await run(command)).toMatchObject({
      is_error: true,
      text: expect.stringContaining("so that nothing is hidden"),
    });
  expect((await run("echo a-canary-of-the-console")).text).toContain("a secret of this console (bearer token)");
  expect(begun).toEqual([]);
  await run("mkfs.ext4 /dev/sda1").catch(() => {});
  expect(begun).toEqual(["vm_run"]);
});
