/** The agent's card is no way around the password that a verb wants: neither a yes to the verb, nor to a command that comes to the same. */
import { expect, test } from "bun:test";
import { Hono } from "hono";
import { askForProof } from "../../src/access/guard.ts";
import type { Env, Operator } from "../../src/access/operator.ts";
import { isProved, PROOF_HOLDS_MS } from "../../src/access/step-up.ts";
import { Approvals, type Asking, openApprovals } from "../../src/agent/approval.ts";
import { classOf } from "../../src/agent/command-class.ts";
import { classOfVerb } from "../../src/agent/policy.ts";
import { approvalRoutes } from "../../src/agent/routes.tsx";
import { SqliteLog } from "../../src/log/sqlite.ts";

import { type VerbName, verbNamed } from "../../src/power/verb.ts";

const place = { host: "192.0.2.2", user: "root", port: 22 };
const target = { id: "devvm", name: "devvm", vmid: 102, vm: place, pve: place, lab: false };

test("with a password that is not fresh: no yes to cycle or to a reboot, but a no, and a yes to what only starts or changes; fresh, a yes", async () => {
  const log = new SqliteLog(":memory:");
  const approvals = new Approvals({ log, newId: () => crypto.randomUUID(), limit_ms: 60_000 });
  let proved_at = Date.now() - PROOF_HOLDS_MS - 1000;
  const app = new Hono<Env>();
  app.use("*", async (c, next) => {
    c.set("operator", { name: "ann", how: "cookie", from: "", sign_in: { id: "1", proved_at } } as unknown as Operator);
    await next();
  });
  const proof = (c: Parameters<typeof askForProof>[0]) =>
    isProved(c.get("operator"), Date.now()) ? null : askForProof(c);
  app.route("/", approvalRoutes({ approvals, proof }));
  const asked = async (what: Pick<Asking, "tool" | "input" | "class">) => {
    const before = new Set(openApprovals(log, "target:devvm").map(({ approval_id }) => approval_id));
    const rest = { session: "s", turn: crypto.randomUUID(), reason: "r", on: target, target: "devvm", preflight: [] };
    void approvals.ask({ ...rest, ...what });
    for (;;) {
      const open = openApprovals(log, "target:devvm").find(({ approval_id }) => !before.has(approval_id));
      if (open) return open.approval_id;
      await Bun.sleep(1);
    }
  };
  const ask = (verb: VerbName) =>
    asked({ tool: "power", input: { verb, reason: "r" }, class: classOfVerb(verbNamed(verb)!) });
  const run = (command: string) => asked({ tool: "vm_run", input: { command, reason: "r" }, class: classOf(command) });
  const answer = (id: string, decision: string) =>
    app.request(`/api/approval/${id}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ decision }),
    });
  const cycle = await ask("cycle");
  const refused = await answer(cycle, "allow");
  expect([refused.status, await refused.json()]).toMatchObject([403, { give_it_at: "/access/again" }]);
  expect(approvals.find(cycle)).toMatchObject({ state: "open" });
  expect((await answer(cycle, "deny")).status).toBe(200);
  expect((await answer(await ask("start"), "allow")).status).toBe(200);
  for (const command of [
    "sudo reboot",
    "echo b > /proc/sysrq-trigger",
    "systemctl start poweroff.target",
    "eval $it",
  ]) {
    const id = await run(command);
    const page = await answer(id, "allow");
    expect([command, page.status, approvals.find(id)!.state]).toEqual([command, 403, "open"]);
    expect(await page.text()).toContain("your password once more; nothing was done yet");
    expect((await answer(id, "deny")).status).toBe(200);
  }
  expect((await answer(await run("systemctl restart nginx"), "allow")).status).toBe(200);
  const [stop, reboot] = [await ask("stop"), await run("reboot")];
  expect((await answer(stop, "allow")).status).toBe(403);
  expect((await answer(reboot, "allow")).status).toBe(403);
  proved_at = Date.now();
  expect((await answer(stop, "allow")).status).toBe(200);
  expect((await answer(reboot, "allow")).status).toBe(200);
});
