/** The agent's card is no way around the password that a verb wants: allow of stop, reset and cycle, and of nothing else. */
import { expect, test } from "bun:test";
import { Hono } from "hono";
import { askForProof } from "../../src/access/guard.ts";
import type { Env, Operator } from "../../src/access/operator.ts";
import { isProved, PROOF_HOLDS_MS } from "../../src/access/step-up.ts";
import { Approvals, openApprovals } from "../../src/agent/approval.ts";
import { approvalRoutes } from "../../src/agent/routes.tsx";
import { SqliteLog } from "../../src/log/sqlite.ts";

const place = { host: "192.0.2.2", user: "root", port: 22 };
const target = { id: "devvm", name: "devvm", vmid: 102, vm: place, pve: place, lab: false };

test("with a password that is not fresh: no yes to cycle, but a no, and a yes to what only starts; fresh, a yes", async () => {
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
  const ask = async (verb: string) => {
    const rest = { session: "s", turn: crypto.randomUUID(), reason: "r", on: target, target: "devvm", preflight: [] };
    void approvals.ask({ ...rest, tool: "power", input: { verb, reason: "r" }, class: "power" } as never);
    await Bun.sleep(5);
    return openApprovals(log, "target:devvm").at(-1)!.approval_id;
  };
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
  const stop = await ask("stop");
  expect((await answer(stop, "allow")).status).toBe(403);
  proved_at = Date.now();
  expect((await answer(stop, "allow")).status).toBe(200);
});
