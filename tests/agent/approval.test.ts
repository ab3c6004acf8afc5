/** Approvals as values and as a verb: the fold, the policy, and who gets the first word. */
import { expect, test } from "bun:test";
import { Approvals, type Asking, approvalsOf, lapseOpen, openApprovals } from "../../src/agent/approval.ts";
import { type ApprovalEntry, approvalFrom, askedInWords } from "../../src/agent/approval-event.ts";
import { classOfVerb, ruleForCommand, ruleForVerb } from "../../src/agent/policy.ts";
import { SqliteLog } from "../../src/log/sqlite.ts";
import { VERBS, type VerbName } from "../../src/power/verb.ts";
import { Refusal } from "../../src/refusal.ts";
import { readerOf } from "../../src/sessions/reader.ts";

const SESSION = "3f2a91bc-5d1e-4c7a-9b0e-2f6c1d8a7e55";
const TARGET = { id: "devvm" };
const asking = (more: Partial<Asking> = {}): Asking => ({
  session: SESSION,
  on: TARGET,
  turn: "turn-1",
  tool: "power",
  input: { verb: "cycle", reason: "its disk stands still" },
  reason: "its disk stands still",
  target: "devvm (VM 102)",
  class: "destructive",
  preflight: ["Staged: scsihw will apply."],
  ...more,
});

function desk(limit_ms = 60_000, log = new SqliteLog(":memory:")) {
  const approvals = new Approvals({ log, newId: () => crypto.randomUUID(), limit_ms });
  const entries = () => log.read({ streams: [{ stream: "target:devvm" }], after: 0, limit: 99 }) as ApprovalEntry[];
  const open = () => openApprovals(log, "target:devvm");
  const asked = async () => {
    while (open().length === 0) await Bun.sleep(2);
    return open()[0]!;
  };
  return { log, approvals, entries, asked, open };
}

const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => (error instanceof Refusal ? error : Promise.reject(error)),
  );

test("the question is on disk before anybody waits; a yes is written, with its name, before the agent hears it", async () => {
  const { approvals, entries, asked } = desk();
  const decision = approvals.ask(asking());
  const card = await asked();
  expect(card).toMatchObject({ state: "open", by: null, turn: "turn-1", target: "devvm (VM 102)" });
  expect(card.ends_at - card.asked_at).toBe(60_000);
  expect(await approvals.answer(card.approval_id, "allowed", "edge:kate")).toMatchObject({ state: "allowed" });
  expect(await decision).toEqual({ is: "allowed", approval_id: card.approval_id, by: "edge:kate" });
  expect(entries().map((e) => e.kind)).toEqual(["approval_asked", "approval_answered"]);
});

test("ten answers at once from two operators are one answer; the same word by the same operator is fine, all else is 409", async () => {
  const { approvals, entries, asked } = desk();
  const decision = approvals.ask(asking());
  const { approval_id } = await asked();
  const said = Array.from({ length: 10 }, (_, i) => ({
    by: i % 2 ? "edge:kate" : "edge:liam",
    word: i % 3 ? ("denied" as const) : ("allowed" as const),
  }));
  const answers = await Promise.all(said.map(({ word, by }) => refusal(approvals.answer(approval_id, word, by))));
  const won = await decision;
  expect(entries().filter((e) => e.kind === "approval_answered")).toHaveLength(1);
  answers.forEach((refused, i) => {
    const same = won.is === said[i]!.word && "by" in won && won.by === said[i]!.by;
    expect(refused === null).toBe(same);
    if (refused) {
      expect(refused.status).toBe(409);
      expect(refused.message).toMatch(/was (allowed|denied) by edge:(kate|liam) at \d\d:\d\d:\d\d UTC/);
    }
  });
});

test("silence is a no, and nothing can be allowed afterwards", async () => {
  const { approvals, asked, entries } = desk(30);
  const decision = approvals.ask(asking());
  const { approval_id } = await asked();
  expect(await decision).toMatchObject({ is: "lapsed", why: "nobody answered within 0 s" });
  const refused = await refusal(approvals.answer(approval_id, "allowed", "lab"));
  expect(refused?.status).toBe(409);
  expect(refused?.message).toContain("lapsed");
  expect(entries().map((e) => e.kind)).toEqual(["approval_asked", "approval_lapsed"]);
});

test("a stopped turn lapses what it asked, also when it was stopped before it could ask", async () => {
  const { approvals, asked, entries } = desk();
  const turn = new AbortController();
  const decision = approvals.ask(asking(), turn.signal);
  await asked();
  turn.abort();
  expect(await decision).toMatchObject({ is: "lapsed" });
  expect(await approvals.ask(asking(), turn.signal)).toMatchObject({ is: "lapsed" });
  expect(entries()).toHaveLength(2);
});

test("a yes and a lapse at the same moment: the log decides, and both sides hear the same", async () => {
  for (let n = 0; n < 30; n++) {
    const { approvals, asked } = desk();
    const turn = new AbortController();
    const decision = approvals.ask(asking(), turn.signal);
    const { approval_id } = await asked();
    const answered = refusal(approvals.answer(approval_id, "allowed", "lab"));
    turn.abort();
    expect((await decision).is === "allowed").toBe((await answered) === null);
  }
});

test("what was open when the server stopped stands as lapsed, once, and a tap that comes before that lapses it, too", async () => {
  const { log, approvals, asked, entries, open } = desk();
  void approvals.ask(asking());
  const { approval_id } = await asked();
  const after = new Approvals({ log, newId: () => crypto.randomUUID(), limit_ms: 60_000 });
  expect((await refusal(after.answer(approval_id, "allowed", "lab")))?.status).toBe(409);
  expect(after.find(approval_id)).toMatchObject({ state: "lapsed" });
  expect(await lapseOpen(log)).toBe(0);
  void after.ask(asking());
  await asked();
  expect(await lapseOpen(log)).toBe(1);
  expect(await lapseOpen(log)).toBe(0);
  expect(open()).toEqual([]);
  expect(entries().map((e) => e.kind)).toEqual([
    "approval_asked",
    "approval_lapsed",
    "approval_asked",
    "approval_lapsed",
  ]);
});

test("an id that nobody was asked under is 404", async () => {
  expect((await refusal(desk().approvals.answer("nothing-like-it", "allowed", "lab")))?.status).toBe(404);
});

test("a log that can't be written asks nothing, and nothing runs", async () => {
  const { log, approvals } = desk();
  await log.close();
  await expect(approvals.ask(asking())).rejects.toThrow("the log can't be written");
});

test("programs read a change a time, also from the middle of the stream", async () => {
  const { log, approvals, asked, entries } = desk();
  void approvals.ask(asking());
  const { approval_id } = await asked();
  await approvals.answer(approval_id, "denied", "lab");
  const [first, second] = entries();
  const earlier = (e: { stream: string; about: string | null; seq: number }) =>
    log.about(e.stream, e.about ?? "").filter((o) => o.seq < e.seq);
  const whole = readerOf(earlier);
  const card = { kind: "approval", approval_id, tool: "power", input: asking().input, session: SESSION };
  const one = { ...card, state: "open", by: null };
  expect(whole(first!)).toEqual({ ...one, id: first!.seq });
  expect(whole(second!)).toEqual({ ...one, state: "denied", by: "lab", id: second!.seq });
  expect(readerOf(earlier)(second!)).toEqual({ ...one, state: "denied", by: "lab", id: second!.seq });
});

test("the first word counts whatever follows", () => {
  const entry = (kind: string, body: unknown, seq: number) =>
    ({ seq, at: seq, stream: `session:${SESSION}`, about: "p1", kind, body }) as ApprovalEntry;
  const { on: _, session: __, ...body } = asking();
  const folded = approvalFrom([
    entry("approval_asked", { ...body, limit_ms: 1000 }, 1),
    entry("approval_lapsed", { why: "late" }, 2),
    entry("approval_answered", { decision: "allowed", by: "lab" }, 3),
  ]);
  expect(folded).toMatchObject({ state: "lapsed", why: "late", by: null, settled_at: 2 });
  expect(askedInWords({ tool: "vm_run", input: { command: "df\n-h" } })).toBe("vm_run df -h");
  // As an earlier version wrote it: in the session's own stream, which says whose it is.
  expect(folded?.session).toBe(SESSION);
});

const question = (more: Partial<Asking> = {}) =>
  ({ ...asking(more), tool: "ask", input: { question: "Which one?", choices: ["a", "b"] } }) as const;

test("a question is answered once, in words, and by no yes; a yes by no words", async () => {
  const { log, approvals, entries, asked } = desk();
  const reply = approvals.inquire(question());
  const { approval_id } = await asked();
  for (const word of ["allowed", "denied"] as const)
    expect((await refusal(approvals.answer(approval_id, word, "lab")))?.status).toBe(422);
  const [won, lost] = await Promise.all([
    approvals.reply(approval_id, "the second", "edge:kate"),
    refusal(approvals.reply(approval_id, "the first", "edge:liam")),
  ]);
  expect(won).toMatchObject({ state: "answered", text: "the second", by: "edge:kate" });
  expect(lost?.status).toBe(409);
  expect(await reply).toEqual({ is: "answered", text: "the second", by: "edge:kate" });
  expect(await refusal(approvals.reply(approval_id, "the second", "edge:kate"))).toBeNull();
  // Other words by the same operator are another answer.
  expect((await refusal(approvals.reply(approval_id, "the first", "edge:kate")))?.status).toBe(409);
  const read = readerOf(() => []);
  expect(entries().map((e) => read(e))).toMatchObject([
    { kind: "question", approval_id, question: "Which one?", choices: ["a", "b"], state: "open", text: null },
    { kind: "question", approval_id, state: "answered", text: "the second", by: "edge:kate", session: SESSION },
  ]);
  const decision = approvals.ask(asking());
  const yes = await asked();
  expect((await refusal(approvals.reply(yes.approval_id, "yes", "lab")))?.status).toBe(422);
  await approvals.answer(yes.approval_id, "denied", "lab");
  expect((await decision).is).toBe("denied");
  expect(approvalsOf(log, TARGET, "turn-1").map((a) => a.state)).toEqual(["denied", "answered"]);
});

test("after three silences in a row nobody is asked any more in that turn; an answer between them counts", async () => {
  const { approvals, asked, entries } = desk(150);
  const silent = async (turn: string) => (await approvals.ask(asking({ turn }))).is;
  expect(await silent("t")).toBe("lapsed");
  for (let denied = false; !denied; ) {
    const decision = approvals.ask(asking({ turn: "t" }));
    await refusal(approvals.answer((await asked()).approval_id, "denied", "lab"));
    denied = (await decision).is === "denied";
  }
  for (let n = 0; n < 3; n++) await silent("t");
  const before = entries().length;
  const refused = await approvals.inquire(question({ turn: "t" }));
  expect(refused).toMatchObject({ is: "lapsed", why: "nobody answered the last 3 times in this turn" });
  expect(entries()).toHaveLength(before);
  // Another turn asks as ever.
  expect(await silent("u")).toBe("lapsed");
  expect(entries()).toHaveLength(before + 2);
});

test("a turn is known to wait exactly while it does", async () => {
  const { approvals, asked } = desk();
  expect(approvals.waits("turn-1")).toBe(false);
  const decision = approvals.ask(asking());
  const { approval_id } = await asked();
  expect([approvals.waits("turn-1"), approvals.waits("turn-2")]).toEqual([true, false]);
  await approvals.answer(approval_id, "allowed", "lab");
  await decision;
  expect(approvals.waits("turn-1")).toBe(false);
});

const known = { name: "devvm", lock: null, held: null };
const rule = (power: "ask" | "autonomous" | "never", verb: VerbName, more = {}) =>
  ruleForVerb(power, VERBS[verb], { ...known, ...more }).is;

test("reading verbs run under every setting; mutating ones are asked for, run, or refused by it", () => {
  for (const power of ["ask", "autonomous", "never"] as const)
    for (const verb of ["status", "forensics"] as const)
      expect(rule(power, verb, { lock: "backup", held: "cycle is running" })).toBe("run");
  for (const verb of ["start", "stop", "reset", "cycle"] as const) {
    expect(rule("ask", verb)).toBe("ask");
    expect(rule("autonomous", verb)).toBe("run");
    expect(rule("never", verb)).toBe("refuse");
  }
});

test("a lock is never the agent's to override, and a held target is no question, even where it may act alone", () => {
  for (const power of ["ask", "autonomous", "never"] as const) {
    expect(rule(power, "cycle", { lock: "backup" })).toBe("refuse");
    expect(rule(power, "cycle", { held: "reset is running on devvm" })).toBe("refuse");
  }
  expect(ruleForVerb("autonomous", VERBS.cycle, { ...known, lock: "backup" })).toMatchObject({
    why: expect.stringContaining("typing its name"),
  });
});

test("a command that only reads runs; everything else is asked for unless the agent may act alone", () => {
  for (const power of ["ask", "never"] as const) {
    expect(ruleForCommand(power, "read").is).toBe("run");
    for (const kind of ["change", "destructive", "unknown"] as const)
      expect(ruleForCommand(power, kind).is).toBe("ask");
  }
  for (const kind of ["read", "change", "destructive", "unknown"] as const)
    expect(ruleForCommand("autonomous", kind).is).toBe("run");
  expect(["status", "start", "cycle"].map((v) => classOfVerb(VERBS[v as VerbName]))).toEqual([
    "read",
    "change",
    "destructive",
  ]);
});
