/** What a target says of itself goes before the setting for all, and the call that waits is known to its card. */
import { expect, test } from "bun:test";
import { Approvals, approvalsOf, openApprovals } from "../../src/agent/approval.ts";
import { Permission } from "../../src/agent/permission.ts";
import { SqliteLog } from "../../src/log/sqlite.ts";
import { preflightOf } from "../../src/power/preflight.ts";
import { VERBS } from "../../src/power/verb.ts";
import { aftermathOf } from "../../src/sessions/transcript.ts";
import type { Target } from "../../src/target/target.ts";
import { states } from "../views/samples.tsx";

const place = { host: "h", user: "u", port: 22 };
const target = (agent_power?: Target["agent_power"]): Target => ({
  ...{ id: "web", name: "web", vmid: 7, vm: place, pve: place, lab: false },
  ...(agent_power ? { agent_power } : {}),
});

function desk(power: "ask" | "autonomous" | "never") {
  const log = new SqliteLog(":memory:");
  const approvals = new Approvals({ log, newId: () => crypto.randomUUID(), limit_ms: 60_000 });
  const permission = new Permission({
    power,
    approvals,
    classOf: () => "change",
    preflight: (verb, on) => preflightOf(verb, on, states.running, null, null, "v2"),
  });
  const turn = new AbortController();
  const asker = (on: Target) => ({ session: "s", target: on, turn: "t", tool_id: "toolu_1", reason: "r" });
  /** "asks", or what it says at once. */
  const says = async (on: Target, work: (asker: Parameters<Permission["forVerb"]>[1]) => Promise<{ is: string }>) => {
    const over = new AbortController();
    const asked = (async () => {
      while (openApprovals(log, "target:web").length === 0) {
        if (over.signal.aborted) return "";
        await Bun.sleep(2);
      }
      over.abort();
      return "asks";
    })();
    const answer = await work({ ...asker(on), signal: over.signal });
    const word = over.signal.aborted ? await asked : answer.is;
    over.abort();
    return word;
  };
  return { log, approvals, permission, turn, asker, says };
}

test("agent_power of a target goes before BREAKGLASS_AGENT_POWER, for commands; without it the setting holds", async () => {
  for (const [setting, own, word] of [
    ["ask", undefined, "asks"],
    ["ask", "autonomous", "yes"],
    ["autonomous", undefined, "yes"],
    ["autonomous", "ask", "asks"],
    ["autonomous", "never", "asks"],
  ] as const) {
    const { permission, says } = desk(setting);
    expect(await says(target(own), (asker) => permission.forCommand("systemctl restart x", 60, asker))).toBe(word);
  }
});

test("a call that waited when its turn was stopped: nothing of it ran, and both who stopped it and the next turn are told", async () => {
  const { log, permission, turn, asker } = desk("ask");
  const answer = permission.forCommand("reboot", 60, { ...asker(target()), signal: turn.signal });
  while (openApprovals(log, "target:web").length === 0) await Bun.sleep(2);
  turn.abort();
  expect(await answer).toMatchObject({
    is: "no",
    ended: "it waited for the operator's yes; nothing of it ran",
  });
  const entry = (kind: string, body: unknown) => ({ seq: 1, at: 1, stream: "session:s", kind, about: "t", body });
  const cut = [
    entry("called", { name: "vm_run", input: { command: "reboot" }, tool_id: "toolu_1" }),
    entry("called", { name: "vm_run", input: { command: "sleep 9" }, tool_id: "toolu_2" }),
    entry("failed", { error: "The server stopped." }),
  ];
  const told = aftermathOf(cut, approvalsOf(log, { id: "web" }, "t"));
  expect(told).toBe(
    'The last turn broke off: The server stopped. Under way was: vm_run {"command":"sleep 9"}. Its outcome is unknown: look before you repeat it. Waiting for the operator\'s word was: vm_run {"command":"reboot"}. Nothing of it ran.',
  );
  // Allowed, it may have begun.
  expect(aftermathOf(cut.slice(0, 1).concat(cut.slice(2)), [{ tool_id: "toolu_1", state: "allowed" }])).toContain(
    "Its outcome is unknown",
  );
});

test("and for verbs: never refuses at once, whatever the setting for all", async () => {
  const { permission, says } = desk("autonomous");
  expect(await says(target("never"), (asker) => permission.forVerb(VERBS.cycle, asker))).toBe("no");
  expect(await says(target("ask"), (asker) => permission.forVerb(VERBS.cycle, asker))).toBe("asks");
  expect(await says(target(), (asker) => permission.forVerb(VERBS.cycle, asker))).toBe("yes");
});
