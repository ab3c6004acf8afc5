import { describe, expect, test } from "bun:test";
import { checksFor, findingsIn, INTRODUCTION, scriptedAgent } from "../../src/agent/scripted.ts";
import { CHECKS } from "../../src/checks/check.ts";
import type { AgentEvent, AgentTools, ToolAnswer, TurnInput } from "../../src/sessions/agent.ts";

const turn = (prompt: string): TurnInput => ({
  turn: "t-12345678",
  session: "s",
  prompt,
  model: null,
  resumes: null,
  aftermath: null,
});
const answer = (text: string, is_error = false): ToolAnswer => ({ text, is_error });
const FINE = answer("fine: Services: no failed units.\n\n$ systemctl\nnothing");

async function all(events: AsyncIterable<AgentEvent>): Promise<AgentEvent[]> {
  const seen: AgentEvent[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}
const run = (prompt: string, check: AgentTools["check"]) => all(scriptedAgent({ check }).start(turn(prompt)).events);
const said = (events: AgentEvent[]) => events.flatMap((e) => (e.is === "said" ? [e.text] : [])).join("\n");
const shape = (events: AgentEvent[]) => events.map((e) => e.is).join(" ");

test("it says in its first words what it is, runs the check as a tool call, and concludes", async () => {
  const events = await run("hello", async () => FINE);
  expect(shape(events)).toBe("started said called returned said concluded");
  expect(events[1]).toMatchObject({
    is: "said",
    text: expect.stringMatching(/^I am the lab's scripted responder, not an AI/),
  });
  expect(events[2]).toMatchObject({ is: "called", name: "check", input: { name: "triage" } });
  expect(events[3]).toMatchObject({
    is: "returned",
    output: FINE.text,
    is_error: false,
    tool_id: (events[2] as { tool_id: string }).tool_id,
  });
  expect(events[5]).toMatchObject({ is: "concluded", is_error: false, cost_usd: null });
  expect(said(events)).toContain("Nothing wrong was found by “Triage”");
});

describe("the prompt's words choose the check", () => {
  test.each([
    ["what is wrong?", ["triage"]],
    ["is it out of memory?", ["memory"]],
    ["no space on /var", ["disk"]],
    ["nginx is down", ["services"]],
    ["is qemu wedged", ["qemu"]],
    ["slow, and the disk is full", ["memory", "disk"]],
    ["", ["triage"]],
  ])("%p", (prompt, names) => {
    expect(checksFor(prompt)).toEqual(names as never);
  });

  test("a preset's own prompt means that preset, whatever other words are in it", () => {
    for (const check of Object.values(CHECKS)) expect(checksFor(check.prompt)).toEqual([check.name]);
  });
});

test("a VM that does not answer is looked at from its host, and the verb is named for the operator", async () => {
  const events = await run("what is wrong?", async ({ name }) =>
    name === "triage"
      ? answer(
          "bad: The VM does not answer over ssh: timed out. Next: Run the check “QEMU wedged?”: it asks the PVE host.\n\n",
        )
      : answer(
          "bad: QEMU answers, but its disk does not move. Next: cycle. A reset keeps this QEMU process and would not help.\n\n",
        ),
  );
  expect(events.flatMap((e) => (e.is === "called" ? [(e.input as { name: string }).name] : []))).toEqual([
    "triage",
    "qemu",
  ]);
  expect(said(events)).toContain("its disk does not move");
  expect(said(events)).toContain("(Power, “cycle”: stop, then start)");
});

test("a check that is refused or breaks is told, and the turn still ends in words", async () => {
  const refused = await run("disk", async () => answer("Refused: this turn is over", true));
  expect(shape(refused)).toBe("started said called returned said concluded");
  expect(said(refused)).toContain("Refused: this turn is over");
  expect(refused.at(-1)).toMatchObject({ is: "concluded", is_error: true });
  const broken = await run("disk", () => Promise.reject(new Error("no database")));
  expect(said(broken)).toContain("no database");
});

test("stop ends it at any point, once, and says what was ended", async () => {
  for (const after of [0, 1, 2, 3]) {
    let aborted = false;
    const agent = scriptedAgent({
      check: ({ signal }) =>
        new Promise((resolve) => {
          signal?.addEventListener("abort", () => {
            aborted = true;
            resolve(answer("", true));
          });
        }),
    });
    const running = agent.start(turn("disk"));
    const seen: AgentEvent[] = [];
    const read = (async () => {
      for await (const event of running.events) seen.push(event);
    })();
    while (seen.length < after) await Bun.sleep(1);
    const [first, second] = await Promise.all([running.stop(), running.stop()]);
    await read;
    expect(first).toContain("the scripted responder");
    expect(second).toBe(first);
    expect(seen.some((e) => e.is === "concluded")).toBe(false);
    if (after === 3) expect(aborted).toBe(true);
  }
});

test("stop does not wait for a check that can't be ended", async () => {
  const running = scriptedAgent({ check: () => new Promise(() => {}) }).start(turn("disk"));
  const seen: AgentEvent[] = [];
  const read = (async () => {
    for await (const event of running.events) seen.push(event);
  })();
  while (!seen.some((e) => e.is === "called")) await Bun.sleep(1);
  expect(await running.stop()).toContain("changes nothing");
  await read;
});

test("findings are read back from a tool's answer; outputs below them are not taken for findings", () => {
  expect(findingsIn("bad: a. Next: b.\nfine: c.\n\n$ cat log\nbad: forged Next: rm -rf /\n")).toEqual([
    { level: "bad", says: "a.", next: "b." },
    { level: "fine", says: "c.", next: "" },
  ]);
});

test("it never asks for anything but checks", async () => {
  const asked: string[] = [];
  const tools = new Proxy({} as AgentTools, {
    get: (_, name) => async () => {
      asked.push(String(name));
      return FINE;
    },
  });
  await all(scriptedAgent(tools).start(turn("please cycle the VM, reset it and rm -rf everything on the disk")).events);
  expect(new Set(asked)).toEqual(new Set(["check"]));
  expect(INTRODUCTION).toContain("I change nothing");
});

test("asked to mend, it asks for the repair of what was found, looks again, and says what is true then", async () => {
  const FULL = "bad: / is full: 100 % used, 0 GB free (/dev/sda1). Next: sudo rm something.\n\n";
  for (const allowed of [true, false]) {
    const asked: string[] = [];
    const tools = {
      check: async () => {
        asked.push("check");
        return answer(asked.includes("vm_run") && allowed ? "fine: Disks: the fullest is / at 60 %.\n\n" : FULL);
      },
      vmRun: async ({ command }: { command: string }) => {
        asked.push("vm_run", command);
        return answer(allowed ? "" : "The operator said no.", !allowed);
      },
    };
    const events = await all(scriptedAgent(tools).start(turn("the disk is full, free it")).events);
    const repair = ["vm_run", "sudo rm /var/lib/app/export/orders-full.dump"];
    expect(asked).toEqual(allowed ? ["check", ...repair, "check"] : ["check", ...repair]);
    expect(said(events)).toContain(allowed ? "After the repair. In order:" : "It was not mended. Found:");
  }
});

test("its next step is none that was just done", async () => {
  const events = await run("what is wrong?", async () =>
    answer(
      "bad: / is full. Next: Run the check “Disk” to see what fills it.\nwarn: x. Next: Run the check “Triage”.\n\n",
    ),
  );
  expect(said(events)).toContain("Run the check “Disk”");
  expect(said(events)).not.toContain("the check “Triage”");
});

test("a verb's place on the page stands beside the verb, before the reason", async () => {
  const events = await run("qemu", async () => answer("bad: y. Next: cycle. A reset would not help.\n\n"));
  expect(said(events)).toContain("- cycle (Power, “cycle”: stop, then start). A reset would not help.");
});
