/** One check of a name at a time on a VM, a bound on how many, and what the newest found beside the state. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type Found, newestFound } from "../../src/checks/newest.ts";
import { openTestConsole, type TestConsole } from "../support/console.ts";

setDefaultTimeout(60_000);

let at: TestConsole;
beforeAll(async () => {
  at = await openTestConsole();
});
afterAll(() => at?.close());

const session = async () => ((await (await at.post("/api/session")).json()) as { session_id: string }).session_id;
const check = (name: string, session: string) => at.post(`/api/check/${name}`, { session });
const entries = (id: string, kind: string) =>
  at.parts.console.log.newest({ stream: `session:${id}`, kind, limit: 50 }).length;

test("a triple tap on “Run the check” reads once, and each tap gets the same findings", async () => {
  const id = await session();
  const answers = await Promise.all([check("disk", id), check("disk", id), check("disk", id)]);
  expect(answers.map((a) => a.status)).toEqual([200, 200, 200]);
  const runs = (await Promise.all(answers.map((a) => a.json()))) as { id: string; state: string }[];
  expect(new Set(runs.map((run) => `${run.id} ${run.state}`)).size).toBe(1);
  expect(runs[0]!.state).toBe("ended");
  expect(entries(id, "check_started")).toBe(1);
  await check("disk", id);
  expect(entries(id, "check_started")).toBe(2); // a tap after its end is a new look
});

test("in another session it is refused with where it runs; and more than three at a time with which ones", async () => {
  const [one, two] = [await session(), await session()];
  const first = check("memory", one);
  await Bun.sleep(0);
  const elsewhere = await check("memory", two);
  expect(elsewhere.status).toBe(409);
  expect(((await elsewhere.json()) as { detail: string }).detail).toContain(`see it at /sessions/${one}`);
  const more = [check("disk", one), check("services", one)];
  const fourth = await check("triage", one);
  expect(fourth.status).toBe(409);
  expect(((await fourth.json()) as { detail: string }).detail).toMatch(/3 checks are running.*Disk.*tap again/);
  expect((await Promise.all([first, ...more])).map((a) => a.status)).toEqual([200, 200, 200]);
  expect((await check("triage", one)).status).toBe(200);
});

test("what the newest check found stands in the state with its age, in every form, until a run changed the VM", async () => {
  const found = async () =>
    ((await (await at.ask("/status")).json()) as { state: { found: Found | null } }).state.found;
  const id = await session();
  await at.post("/lab/fault", { fault: "disk_full" });
  await check("disk", id);
  expect(await found()).toMatchObject({ check: "Disk", level: "bad", says: expect.stringMatching(/^\/ is full/) });
  const as = async (accept: string) => (await at.ask("/status", { headers: { accept } })).text();
  expect(await as("text/plain")).toMatch(/^Check Disk \d+ s ago: \/ is full/m);
  expect(await as("text/html")).toMatch(/class="found is-bad">check Disk <time[^>]*>\d+ s ago<\/time>: \/ is full/);
  // Off the log, as a console that was just started has it.
  expect(newestFound(at.parts.console.log, "devvm")).toEqual((await found())!);
  expect(newestFound(at.parts.console.log, "another")).toBeNull();
  await at.post("/lab/fault", { fault: "none" });
  expect((await at.post("/api/pve/reset", { request_id: "found-reset-1" })).status).toBe(200);
  expect(await found()).toBeNull();
});
