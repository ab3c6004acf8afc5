/** A turn: what is written of it and in which order, whatever becomes of its agent, its disk or its server. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Entry } from "../../src/log/log.ts";
import { SqliteLog } from "../../src/log/sqlite.ts";
import { Refusal } from "../../src/refusal.ts";
import { endInterrupted } from "../../src/sessions/interrupted.ts";
import { Sessions } from "../../src/sessions/session.ts";
import { Turns } from "../../src/sessions/turn.ts";
import { type Step, scriptedBy } from "../support/agents.ts";
import { tempDir } from "../support/server.ts";

async function desk(
  steps: readonly Step[],
  more: { max_turns?: number; limit_ms?: number; log?: SqliteLog; write_tries?: number } = {},
) {
  const log = more.log ?? new SqliteLog(":memory:");
  const whispers: string[] = [];
  const { agent, started } = scriptedBy(() => steps);
  const turns = new Turns({
    log,
    agent,
    newId: () => crypto.randomUUID(),
    max_turns: more.max_turns ?? 2,
    limit_ms: more.limit_ms ?? 60_000,
    whisper: (_, text) => whispers.push(text),
    write_tries: more.write_tries,
  });
  const sessions = new Sessions(
    log,
    () => crypto.randomUUID(),
    (id) => turns.runningIn(id) !== null,
  );
  const session = await sessions.open("devvm", "lab");
  const prompt = (text: string, request_id = crypto.randomUUID() as string, on = session) =>
    turns.startTurn({ session: on, text, by: "lab", model: null, request_id });
  const entries = () => log.read({ streams: [{ stream: `session:${session}` }], after: 0, limit: 999 });
  const ended = async (n = 1) => {
    while (entries().filter((e) => e.kind === "turn_ended").length < n) await Bun.sleep(2);
  };
  return { log, turns, sessions, session, prompt, entries, ended, started, whispers, agent };
}

const kinds = (entries: readonly Entry[]) => entries.map((e) => e.kind);
const said = (text: string): Step => ({ is: "said", text });
const well: Step = { is: "concluded", is_error: false, result: "ok", duration_ms: 5, cost_usd: null };

test("a turn is written in order: the prompt first, what came of it, and its end", async () => {
  const { prompt, entries, ended, sessions, session } = await desk([
    { is: "started", session_id: "s1", agent: "test" },
    { is: "called", name: "vm_run", input: { command: "df -h" }, tool_id: "t1" },
    { is: "returned", tool_id: "t1", output: "full", is_error: false },
    said("The disk is full."),
    well,
  ]);
  await prompt("what is wrong?\nplease");
  await ended();
  expect(kinds(entries())).toEqual([
    "opened",
    "prompted",
    "titled",
    "agent_started",
    "called",
    "returned",
    "said",
    "concluded",
    "turn_ended",
  ]);
  expect(entries().find((e) => e.kind === "returned")?.body).toMatchObject({ name: "vm_run", output: "full" });
  expect(sessions.find(session)).toMatchObject({ title: "what is wrong?", turn_active: false });
});

test("the same request id starts one turn, and answers as the first did; another prompt under it is refused", async () => {
  const { prompt, entries, ended, started } = await desk([well]);
  await Promise.all([prompt("once", "id-12345"), prompt("once", "id-12345"), prompt("once", "id-12345")]);
  await ended();
  await prompt("once", "id-12345");
  expect(started).toHaveLength(1);
  expect(kinds(entries()).filter((k) => k === "prompted")).toHaveLength(1);
  expect(await prompt("twice", "id-12345").catch((e) => e.status)).toBe(422);
});

test("one turn at a time in a session, and so many in all", async () => {
  const { prompt, turns, sessions, session } = await desk(["until stopped"], { max_turns: 1 });
  await prompt("first");
  const again = (await prompt("second").catch((e) => e)) as Refusal;
  expect([again.status, again.message]).toEqual([409, "a turn is already running"]);
  const other = await sessions.open("devvm", "lab");
  const third = (await prompt("third", crypto.randomUUID(), other).catch((e) => e)) as Refusal;
  expect(third).toBeInstanceOf(Refusal);
  expect(third.status).toBe(409);
  expect(third.message).toContain("limit");
  expect(turns.runningIn(other)).toBeNull();
  expect(await turns.cancelTurn(session, "lab")).toBe(true);
  await prompt("fourth", crypto.randomUUID(), other);
  await turns.close();
});

test("Stop ends the turn, says by whom and what was ended, and a second Stop finds none", async () => {
  const { prompt, turns, session, entries } = await desk([said("I begin."), "until stopped"]);
  await prompt("go");
  while (!kinds(entries()).includes("said")) await Bun.sleep(2);
  expect(await turns.cancelTurn(session, "edge:ann")).toBe(true);
  expect(entries().find((e) => e.kind === "cancelled")?.body).toEqual({
    by: "edge:ann",
    ended: "ended the test's agent",
  });
  expect(kinds(entries()).at(-1)).toBe("turn_ended");
  expect(await turns.cancelTurn(session, "edge:ann")).toBe(false);
  expect(await turns.cancelTurn("nowhere", "edge:ann").catch((e) => e.status)).toBe(404);
});

test("a turn over its time limit is ended, and says so", async () => {
  const { prompt, entries, ended } = await desk(["until stopped"], { limit_ms: 60 });
  await prompt("go");
  await ended();
  expect((entries().find((e) => e.kind === "failed")!.body as { error: string }).error).toContain("limit");
});

test("an agent that breaks inside still ends its turn with a sentence", async () => {
  const broken = {
    is: "said",
    get text(): string {
      throw new Error("broken far end");
    },
  } as unknown as Step;
  const { prompt, entries, ended } = await desk([broken]);
  await prompt("go");
  await ended();
  expect(kinds(entries()).slice(-2)).toEqual(["failed", "turn_ended"]);
});

test("words as they come are shown, are not written, and vanish when they are whole", async () => {
  const { prompt, entries, ended, whispers } = await desk([
    { is: "partial", text: "The di" },
    { is: "partial", text: "sk" },
    { wait: Bun.sleep(150) },
    said("The disk is full."),
    well,
  ]);
  await prompt("go");
  await ended();
  expect(whispers).toEqual(["The disk", ""]);
  expect(JSON.stringify(entries())).not.toContain('"The disk"');
});

test("a long output keeps head and tail, and counts what it left out", async () => {
  const output = `${"a".repeat(40_000)}END`;
  const { prompt, entries, ended } = await desk([
    { is: "called", name: "vm_run", input: {}, tool_id: "t" },
    { is: "returned", tool_id: "t", output, is_error: false },
    well,
  ]);
  await prompt("go");
  await ended();
  const body = entries().find((e) => e.kind === "returned")?.body as { output: string; left_out: number };
  expect(body.left_out).toBe(output.length - 32_000);
  expect(body.output.endsWith("END")).toBe(true);
});

test("a turn cut by a restart is marked once, and the next prompt knows what was under way", async () => {
  const first = await desk([
    { is: "started", session_id: "s1", agent: "test" },
    { is: "called", name: "power", input: { verb: "status" }, tool_id: "t" },
    "until stopped",
  ]);
  await first.prompt("go");
  while (!kinds(first.entries()).includes("called")) await Bun.sleep(2);
  // As after kill -9: the log has no end of the turn, and another console opens it.
  expect(await endInterrupted(first.log)).toBe(1);
  expect(await endInterrupted(first.log)).toBe(0);
  expect(kinds(first.entries()).slice(-2)).toEqual(["failed", "turn_ended"]);
  const next = await desk([well], { log: first.log });
  await next.turns.startTurn({
    session: first.session,
    text: "and now?",
    by: "lab",
    model: null,
    request_id: "next-1234",
  });
  expect(next.started[0]).toMatchObject({ resumes: "s1" });
  expect(next.started[0]?.aftermath).toContain('power {"verb":"status"}');
  expect(next.started[0]?.aftermath).toContain("outcome is unknown");
  await first.turns.close();
});

/** A log in a file, and a turn that says one thing before the disk refuses and one thing then. */
function refusingDisk() {
  const dir = tempDir("turn");
  const path = join(dir, "log.db");
  const log = new SqliteLog(path);
  const refused = Promise.withResolvers<void>();
  let blocker: Database | null = null;
  let closed: Promise<void> | null = null;
  const close = () => {
    closed ??= log.close();
    return closed;
  };
  return {
    path,
    log,
    steps: [said("I begin."), { wait: refused.promise }, said("refused")] as const,
    /** Another writer has it, and lets nobody in. */
    refuse() {
      blocker = new Database(path);
      blocker.run("begin immediate");
      refused.resolve();
    },
    relent: () => blocker?.close(),
    close,
    async [Symbol.asyncDispose]() {
      blocker?.close();
      await close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

test("a turn whose entries the disk refuses holds its session until its agent has ended, and is over when the disk is back", async () => {
  await using disk = refusingDisk();
  const { log } = disk;
  const { turns, session, prompt, entries, agent } = await desk(disk.steps, { log, write_tries: 0 });
  const start = agent.start.bind(agent);
  let ended = () => {};
  const gone = new Promise<string>((resolve) => {
    ended = () => resolve("ended after a while");
  });
  // A process that takes its time to end.
  (agent as { start: typeof start }).start = (input) => ({ events: start(input).events, stop: () => gone });
  await prompt("go");
  while (!kinds(entries()).includes("said")) await Bun.sleep(2);
  disk.refuse();
  while (log.trouble === null) await Bun.sleep(2);
  disk.relent();
  await Bun.sleep(50);
  expect(turns.runningIn(session)).not.toBeNull();
  expect(await prompt("beside it").catch((e) => e.status)).toBe(409);
  ended();
  while (turns.runningIn(session)) await Bun.sleep(2);
  expect(kinds(entries()).slice(-2)).toEqual(["failed", "turn_ended"]);
  expect((entries().at(-2)!.body as { error: string }).error).toContain("ended after a while");
});

test("a disk that refuses for a moment ends no turn: the agent waits with us, and nothing it said is missing", async () => {
  await using disk = refusingDisk();
  const { log } = disk;
  const { turns, session, prompt, entries } = await desk([...disk.steps, well], { log });
  await prompt("go");
  while (!kinds(entries()).includes("said")) await Bun.sleep(2);
  disk.refuse();
  while (log.trouble === null) await Bun.sleep(2);
  disk.relent();
  while (turns.runningIn(session)) await Bun.sleep(20);
  expect(kinds(entries()).slice(-4)).toEqual(["said", "said", "concluded", "turn_ended"]);
});

test("the end of a turn is known, and written later, where the disk refuses that, too", async () => {
  await using disk = refusingDisk();
  const { log } = disk;
  const { turns, session, prompt, entries } = await desk(disk.steps, { log, write_tries: 0 });
  await prompt("go");
  while (!kinds(entries()).includes("said")) await Bun.sleep(2);
  disk.refuse();
  while (turns.runningIn(session)) await Bun.sleep(2);
  expect(kinds(entries()).slice(-2)).toEqual(["failed", "turn_ended"]);
  disk.relent();
  await disk.close();
  const again = new SqliteLog(disk.path);
  expect(again.unfinished("prompted", ["turn_ended"])).toEqual([]);
  await again.close();
}, 30_000);
