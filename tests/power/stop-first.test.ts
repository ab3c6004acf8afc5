/** "Stop the agent first": a refusal stops nobody, and an agent whose process hangs holds up no verb. On the lab, with its real host script. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Action } from "../../src/power/action.ts";
import { openTestConsole, type TestConsole } from "../support/console.ts";
import { until } from "../support/pve-host.ts";

setDefaultTimeout(60_000);

let console_: TestConsole;
const stops: { by: string; requested: boolean }[] = [];
let stopping: () => Promise<void> = async () => {};

beforeAll(async () => {
  console_ = await openTestConsole();
  // The far end of a stop: an agent that ends, or one that never does.
  Object.assign(console_.parts.power, {
    stopTurns: (target: { id: string }, by: string) => {
      const { power, targets } = console_.parts.power;
      stops.push({ by, requested: power.holder(targets.find((t) => t.id === target.id)!) !== null });
      return stopping();
    },
  });
});
afterAll(() => console_?.close());

const tap = (verb: string, id: string) =>
  console_.post(`/api/pve/${verb}`, { request_id: id, stop_turns: "1" }, { prefer: "respond-async" });
const action = async (id: string) => (await (await console_.ask(`/api/pve/actions/${id}`)).json()) as Action;

test("an agent that never ends: the verb goes out all the same, and the action says so; a second tap is refused and stops nobody", async () => {
  stopping = () => new Promise(() => {});
  const first = await tap("reset", "stop-first-0001");
  expect(first.status).toBe(202);
  expect(stops).toEqual([{ by: "lab", requested: true }]);
  const second = await tap("cycle", "stop-first-0002");
  expect(second.status).toBe(409);
  // The same tap again is the same action, and stops nobody again.
  expect((await tap("reset", "stop-first-0001")).status).toBe(202);
  expect(stops).toHaveLength(1);
  await until("it ended", async () => (await action("stop-first-0001")).state === "ended");
  expect(await action("stop-first-0001")).toMatchObject({
    outcome: "done",
    stderr: expect.stringContaining("The agent had not ended after 3 s; nothing new of it begins, and reset was sent"),
  });
});

test("the verb waits for an agent that is being stopped; one that can't be stopped is named", async () => {
  let fail = (_: Error) => {};
  stopping = () =>
    new Promise((_, reject) => {
      fail = reject;
    });
  await tap("reset", "stop-first-0003");
  await Bun.sleep(100);
  expect(await action("stop-first-0003")).toMatchObject({ state: "running", stdout: "", stderr: "" });
  fail(new Error("no such session"));
  await until("it ended", async () => (await action("stop-first-0003")).state === "ended");
  expect(await action("stop-first-0003")).toMatchObject({
    outcome: "done",
    stderr: expect.stringContaining("could not be stopped (no such session)"),
  });
});
