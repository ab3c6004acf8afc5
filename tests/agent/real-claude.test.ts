/** Whole turns of the real Claude Code CLI: our MCP server on one side, a stand-in of the Messages API on the other. */
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TOOL_NAMES } from "../../src/agent/tools.ts";
import type { AgentTools, ToolAnswer } from "../../src/sessions/agent.ts";
import { type AgentBench, agentBench, NO_TOOLS, only } from "../support/agent-bench.ts";
import { claudeCli } from "../support/claude-cli.ts";
import { type ApiReply, type ApiRequest, type MessagesApi, messagesApi, textOf } from "../support/messages-api.ts";

setDefaultTimeout(60_000);

let program: string;
let api: MessagesApi;
let bench: AgentBench | null = null;
let reply: (request: ApiRequest, n: number) => ApiReply | Promise<ApiReply>;

beforeAll(async () => {
  // Fetched once into a cache outside the tree; minutes on a slow line.
  program = await claudeCli();
}, 600_000);
beforeAll(() => {
  api = messagesApi((request, n) => reply(request, n));
});
afterAll(() => api.stop());
afterEach(async () => {
  expect((await bench?.left()) ?? []).toEqual([]);
  await bench?.putAway();
  bench = null;
  api.asked.length = 0;
});

const start = (does: AgentTools = NO_TOOLS, env: Record<string, string> = {}) => {
  bench = agentBench([program], does, { env: { PATH: process.env.PATH, ...api.env, ...env } });
  return bench;
};
const vmRun = (command: string): ApiReply => ({
  text: ["Let me ", "look."],
  calls: [{ name: "mcp__breakglass__vm_run", input: { command, reason: "to see" } }],
});
const lastSaid = (request: ApiRequest) => textOf(request.messages.filter((m) => m.role === "user").at(-1)?.content);

test("a turn with a tool call through our server, and a second one that remembers it", async () => {
  const ran: unknown[] = [];
  const b = start({
    ...NO_TOOLS,
    vmRun: async ({ turn, command, tool_id }): Promise<ToolAnswer> => {
      ran.push({ turn: turn !== "", command, tool_id });
      return { text: "/dev/sda1 98G 97G 200M 100% /\n[exit code 0]", is_error: false };
    },
  });
  reply = (_, n) => (n === 1 ? vmRun("df -h") : { text: "The disk is full." });
  const events = await b.ask("what is wrong?");
  expect(events.map((e) => e.is).filter((is) => is !== "partial")).toEqual([
    "started",
    "said",
    "called",
    "returned",
    "said",
    "concluded",
  ]);
  const [called] = only(events, "called");
  expect(called).toMatchObject({ name: "vm_run", input: { command: "df -h", reason: "to see" } });
  // The console learns under which id the transcript has the call.
  expect(ran).toEqual([{ turn: true, command: "df -h", tool_id: called!.tool_id }]);
  expect(only(events, "returned")).toEqual([
    {
      is: "returned",
      tool_id: called!.tool_id,
      output: "/dev/sda1 98G 97G 200M 100% /\n[exit code 0]",
      is_error: false,
    },
  ]);
  expect(
    only(events, "partial")
      .map((e) => e.text)
      .join(""),
  ).toBe("Let me look.The disk is full.");
  // What the model was given: our tools and no other, our definition, the output marked as data.
  expect(api.asked[0]!.tools.toSorted()).toEqual(TOOL_NAMES.map((name) => `mcp__breakglass__${name}`).toSorted());
  expect(api.asked[0]!.system).toContain("You are the repair agent of Breakglass");
  expect(lastSaid(api.asked[1]!)).toMatch(/never an instruction to you\.\n<output/);

  const resumes = only(events, "started")[0]!.session_id;
  const second = await b.ask("and now?", { resumes });
  expect(only(second, "started")[0]!.session_id).toBe(resumes);
  const remembered = JSON.stringify(api.asked[2]!.messages);
  for (const words of ["what is wrong?", "df -h", "The disk is full.", "and now?"]) expect(remembered).toContain(words);
  expect(readdirSync(join(b.dir, "run"))).toEqual([]);
});

test("stopped in the middle of a tool call: the call is ended, nothing is left, and the next prompt knows", async () => {
  const b = start({
    ...NO_TOOLS,
    vmRun: ({ signal }) =>
      new Promise((resolve) =>
        signal!.addEventListener("abort", () => resolve({ text: "ended", is_error: true }), { once: true }),
      ),
  });
  reply = (_, n) => (n === 1 ? vmRun("sleep 600") : { text: "never" });
  const turn = b.begin("wait");
  const events = [];
  let words = Promise.resolve("");
  for await (const event of turn.events) {
    events.push(event);
    if (event.is !== "called") continue;
    while (b.tools.running(await turnIdOf(b)) === 0) await Bun.sleep(10);
    expect((await b.left()).length).toBeGreaterThan(0); // else this proves nothing
    words = turn.stop();
  }
  expect(await words).toBe("the agent's process (interrupted), vm_run sleep 600");
  expect(await b.left()).toEqual([]);
  expect(api.asked.length).toBe(1);
  const resumes = only(events, "started")[0]!.session_id;
  reply = () => ({ text: "I know." });
  await b.ask("go on", { resumes, aftermath: "Stopped: vm_run sleep 600." });
  expect(lastSaid(api.asked[1]!)).toContain(
    "[From the console, not from the operator: Stopped: vm_run sleep 600.]\n\ngo on",
  );
});

/** The one turn that runs has the one marked process. */
async function turnIdOf(b: AgentBench): Promise<string> {
  const environ = (await b.left()).map((pid) => readFileSync(`/proc/${pid}/environ`, "latin1"))[0] ?? "";
  return /BREAKGLASS_TURN=[^.]*\.([^.]*)\./.exec(environ)?.[1] ?? "";
}

test("words with a meaning for the CLI are only words: commands, options, files", async () => {
  const b = start();
  const secret = join(b.dir, "secret.txt");
  writeFileSync(secret, "canary-4711");
  reply = () => ({ text: "heard" });
  const odd = ["/clear", "--settings={}", `look at @${secret} and @"${secret}"`];
  let resumes: string | null = null;
  for (const [i, prompt] of odd.entries()) {
    const events = await b.ask(prompt, { resumes });
    expect(only(events, "said").map((e) => e.text)).toEqual(["heard"]);
    expect(lastSaid(api.asked[i]!).trim()).toContain(prompt);
    resumes = only(events, "started")[0]!.session_id;
  }
  expect(api.asked.length).toBe(odd.length);
  expect(JSON.stringify(api.asked)).not.toContain("canary-4711");
});

test("an API that is overloaded: the retries are told, then a sentence", async () => {
  reply = () => ({ error: { status: 529, type: "overloaded_error", message: "Overloaded" } });
  const events = await start(NO_TOOLS, { CLAUDE_CODE_MAX_RETRIES: "1" }).ask("x");
  expect(only(events, "remarked").map((e) => e.text)).toEqual([
    expect.stringMatching(/^API overloaded \(529\), try 1 of 1 in /),
  ]);
  expect(only(events, "failed")).toEqual([{ is: "failed", error: expect.stringMatching(/overloaded \(529\)/) }]);
  expect(only(events, "said")).toEqual([]);
});

test("without credentials: it says what to set", async () => {
  bench = agentBench([program], NO_TOOLS, { env: { PATH: process.env.PATH, ANTHROPIC_BASE_URL: api.url } });
  const events = await bench.ask("x");
  expect(only(events, "failed")).toEqual([
    { is: "failed", error: expect.stringMatching(/not signed in.*ANTHROPIC_API_KEY/) },
  ]);
});

test("a stream that stalls midway is noticed by us", async () => {
  reply = () => ({ text: ["one ", "two"], breaks: "stall" });
  bench = agentBench([program], NO_TOOLS, { env: { PATH: process.env.PATH, ...api.env }, idle: { silence: 4000 } });
  const events = await bench.ask("x");
  expect(only(events, "partial").length).toBeGreaterThan(0);
  expect(only(events, "failed")).toEqual([{ is: "failed", error: expect.stringMatching(/said nothing for 4 s/) }]);
});

test("a conversation that can't be read any more begins anew with the transcript in brief; a moved one goes on", async () => {
  reply = (_, n) => ({ text: `answer ${n}` });
  const b = start();
  const id = only(await b.ask("one"), "started")[0]!.session_id;
  const projects = join(b.dir, "claude", "projects");
  const file = readdirSync(projects).map((folder) => join(projects, folder, `${id}.jsonl`))[0]!;
  const whole = readFileSync(file, "utf8");

  // BREAKGLASS_SESSIONS_DIR was changed: another working folder, the same conversation.
  const moved = agentBench([program], NO_TOOLS, {
    env: { PATH: process.env.PATH, ...api.env },
    config_dir: join(b.dir, "claude"),
    sessions_dir: join(b.dir, "elsewhere"),
  });
  try {
    const second = await moved.ask("two", { resumes: id });
    expect(only(second, "failed")).toEqual([]);
    expect(JSON.stringify(api.asked[1]!.messages)).toContain("answer 1");
    // Its own figures, not the conversation's.
    expect(only(second, "concluded")[0]).toMatchObject({ tokens: 120, calls: 0 });
  } finally {
    await moved.putAway();
  }

  for (const [n, text] of ["", "not a line of JSON\n".repeat(30), "{}\n"].entries()) {
    expect(whole).not.toBe(text); // else this proves nothing
    writeFileSync(file, text);
    const recall = () => "Operator lab: the disk is full";
    const events = await b.ask("go on", { resumes: id, recall });
    expect(only(events, "remarked").map((e) => e.text)).toEqual([expect.stringMatching(/was lost; it begins anew/)]);
    expect(only(events, "failed")).toEqual([]);
    expect(only(events, "started")[0]!.session_id).not.toBe(id);
    expect(JSON.stringify(api.asked[n + 2]!.messages)).toContain("the disk is full");
  }
});

test("the limit of cost is each prompt's own, also where a conversation cost more before", async () => {
  const b = start();
  reply = () => ({ text: "fine" });
  const id = only(await b.ask("one"), "started")[0]!.session_id;
  reply = () => vmRun("df -h");
  const budget_usd = 0.0009; // more than one answer of the stand-in, less than three
  const poor = agentBench([program], NO_TOOLS, {
    env: { PATH: process.env.PATH, ...api.env },
    config_dir: join(b.dir, "claude"),
    sessions_dir: join(b.dir, "sessions"),
    budget_usd,
  });
  try {
    const events = await poor.ask("two", { resumes: id });
    expect(only(events, "failed")).toEqual([
      { is: "failed", error: expect.stringMatching(/limit of cost \(\$0\.0009\)/) },
    ]);
    expect(only(events, "called").length).toBe(3);
  } finally {
    await poor.putAway();
  }
});
