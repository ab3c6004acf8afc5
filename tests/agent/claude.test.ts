/** The agent's process in all its odd endings, with an executable in the place of the CLI. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { sweepOrphans } from "../../src/agent/claude.ts";
import { MARKER } from "../../src/agent/environment.ts";
import { toolServer } from "../../src/agent/tools.ts";
import { startChild } from "../../src/child.ts";
import { type AgentBench, agentBench, FAKE_CLAUDE, NO_TOOLS, only } from "../support/agent-bench.ts";

setDefaultTimeout(30_000);

const QUICK = { after_result: 300, interrupt: 200, signal: 150 };
let bench: AgentBench | null = null;
const start = (manner: string, more: Parameters<typeof agentBench>[2] = {}) => {
  bench = agentBench([...FAKE_CLAUDE, manner], NO_TOOLS, { patience: QUICK, ...more });
  return bench;
};
afterEach(async () => {
  expect((await bench?.left()) ?? []).toEqual([]);
  await bench?.putAway();
  bench = null;
});

test("a turn: started, said, concluded; its folder is gone afterwards", async () => {
  const b = start("answers");
  const events = await b.ask("what is wrong?");
  expect(events.map((e) => e.is)).toEqual(["started", "said", "concluded"]);
  expect(only(events, "said")[0]!.text).toBe("You said: what is wrong?");
  expect(readdirSync(join(b.dir, "run"))).toEqual([]);
});

interface Report {
  argv: string[];
  env: Record<string, string>;
  cwd: string;
  prompt: string;
  mcp: string;
  oom_score_adj: string;
}
const report = async (b: AgentBench, prompt: string) =>
  JSON.parse(only(await b.ask(prompt), "said")[0]!.text) as Report;

test("argv is the same whatever the prompt; the prompt and the token are not in it", async () => {
  const b = start("reports");
  const steady = (argv: readonly string[]) =>
    argv.map((word) => word.replace(/^(--(?:session-id|mcp-config)=).*/, "$1…"));
  const plain = await report(b, "hello");
  const odd = [
    '--settings={"permissions":{"allow":["*"]}}',
    "-p",
    "--",
    "/clear",
    "$(id) `id` ; id",
    "a\nb\r\n\tc",
    "x".repeat(60_000),
    "\u202Eevil\u0007",
    "@/etc/passwd",
  ];
  for (const prompt of odd) {
    const seen = await report(b, prompt);
    expect(steady(seen.argv)).toEqual(steady(plain.argv));
    expect(seen.prompt.trimStart()).toBe(prompt.trimStart());
  }
  const token = /Bearer ([\w-]+)/.exec(plain.mcp)![1]!;
  expect(token.length).toBeGreaterThan(40);
  expect(JSON.stringify([plain.argv, plain.env])).not.toContain(token);
  expect(plain.argv).toContain("--tools=");
  expect(plain.argv.some((word) => /dangerously|bypass/i.test(word))).toBe(false);
});

test("the child sees the allow-list, its own folder and its marker, nothing else", async () => {
  const b = start("reports", {
    env: { PATH: process.env.PATH, API_BEARER_TOKEN: "canary", SSH_AUTH_SOCK: "canary", ANTHROPIC_API_KEY: "key" },
  });
  const { env, cwd } = await report(b, "x");
  expect(JSON.stringify(env)).not.toContain("canary");
  expect(env.ANTHROPIC_API_KEY).toBe("key");
  expect(env[MARKER]).toStartWith(`${b.mark}.`);
  expect(cwd).toEndWith(join("sessions", "s1"));
});

test("folders named relative to the server's are the same ones for the child", async () => {
  const dir = mkdtempSync(join(tmpdir(), "breakglass-relative-"));
  try {
    const here = relative(process.cwd(), dir);
    const more = { sessions_dir: join(here, "s"), config_dir: join(here, "c"), run_dir: join(here, "r") };
    const { env, mcp } = await report(start("reports", more), "x");
    expect(env.CLAUDE_CONFIG_DIR).toBe(join(dir, "c"));
    expect(mcp).toContain("Bearer ");
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("no program: a sentence, at once, with the way out", async () => {
  bench = agentBench(["no-such-claude"]);
  expect(await bench.ask("x")).toEqual([
    {
      is: "failed",
      error: expect.stringMatching(
        /not found \(no-such-claude is not on PATH\)\. Install it.*Power and the checks work/,
      ),
    },
  ]);
});

test("no room for its folders: a sentence", async () => {
  const b = start("answers");
  writeFileSync(join(b.dir, "sessions"), "a file in the way");
  expect(await b.ask("x")).toEqual([
    { is: "failed", error: expect.stringMatching(/folder .*sessions.* can't be made/) },
  ]);
});

test("a model's name that reads as an option is refused, and nothing starts", async () => {
  const b = start("answers");
  expect(await b.ask("x", { model: "--settings={}" })).toEqual([
    { is: "failed", error: expect.stringMatching(/not a model's name/) },
  ]);
});

test.each([
  ["exits-at-once", /does not know an option that Breakglass needs/],
  ["half-a-line", /without a result, in the middle of a line/],
  ["is-killed", /killed \(SIGKILL\)/],
  ["other-tools", /not the console's \(Bash\) and was stopped/],
  ["no-server", /could not reach the console's tools \(failed\)/],
])("%s: one sentence, and nothing is left", async (manner, why) => {
  const events = await start(manner).ask("x");
  expect(only(events, "failed")).toEqual([{ is: "failed", error: expect.stringMatching(why) }]);
});

test("a process that stays after its answer is ended, and that is said", async () => {
  const events = await start("never-exits").ask("x");
  expect(events.map((e) => e.is)).toEqual(["started", "said", "concluded", "remarked"]);
  expect(only(events, "remarked")[0]!.text).toMatch(/did not end after its answer/);
});

test("5 MB of stderr hold nothing up", async () => {
  const events = await start("floods-stderr").ask("x");
  expect(events.map((e) => e.is)).toEqual(["started", "said", "concluded"]);
});

test("a line of 5 MB arrives whole", async () => {
  const events = await start("long-line").ask("x");
  expect(only(events, "said")[0]!.text.length).toBe(5 * 1024 * 1024);
});

test("silence ends the turn in a sentence", async () => {
  const events = await start("is-silent", { idle: { silence: 400 } }).ask("x");
  expect(events.at(-1)).toEqual({ is: "failed", error: expect.stringMatching(/said nothing for 0 s and was ended/) });
});

test.each([
  ["is-mute", { begin: 300 }, /did not begin within 0 s and was ended.*Send it again\. Power and the checks/],
  ["only-pings", { progress: 500 }, /signs of life for 1 s, but no progress, and was ended\. Send it again/],
])("%s: it is ended, in a sentence", async (manner, idle, why) => {
  const events = await start(manner, { idle }).ask("x");
  expect(only(events, "failed")).toEqual([{ is: "failed", error: expect.stringMatching(why) }]);
});

test("the limit of cost is the CLI's to keep: it is told, and what it says of it is a sentence", async () => {
  const events = await start("spends", { budget_usd: 2.5 }).ask("x");
  expect(only(events, "failed")[0]!.error).toMatch(/reached its limit of cost \(\$2\.5\) and was stopped there/);
  expect(only(events, "concluded")).toMatchObject([{ is_error: true, result: "", cost_usd: 2.61 }]);
});

test("the limit of steps, too", async () => {
  const events = await start("goes-on").ask("x");
  expect(only(events, "failed")[0]!.error).toMatch(/all the steps that one prompt may take.*send “go on”/);
});

test("where memory is short, the agent is the first to go", async () => {
  const { oom_score_adj } = await report(start("reports"), "x");
  expect(oom_score_adj.trim()).toBe("500");
});

test("while a tool call of ours is under way, silence is no reason", async () => {
  const busy = toolServer(NO_TOOLS);
  let calls = 1;
  const b = start("is-silent", { idle: { silence: 300 }, tools: { ...busy, open: busy.open, running: () => calls } });
  const turn = b.begin("x");
  const events: string[] = [];
  const reading = (async () => {
    for await (const event of turn.events) events.push(event.is);
  })();
  await Bun.sleep(1200);
  expect(events).toEqual(["started", "said"]);
  calls = 0;
  await reading;
  expect(events).toEqual(["started", "said", "failed"]);
  await busy.stop();
});

test("one that resists everything is killed with what it started elsewhere; stop says so, twice the same", async () => {
  const b = start("resists");
  const turn = b.begin("x");
  const events: string[] = [];
  for await (const event of turn.events) {
    events.push(event.is);
    if (event.is !== "said") continue;
    expect((await b.left()).length).toBeGreaterThanOrEqual(2); // the process and its sleeper, else this proves nothing
    const words = turn.stop();
    expect(turn.stop()).toBe(words);
    expect(await words).toBe("the agent's process (SIGKILL), 1 process that it had left behind");
    expect(await b.left()).toEqual([]);
  }
  expect(events).toEqual(["started", "said"]);
});

test("one that no signal ends, as a hung disk makes them: the turn ends without it, in a sentence", async () => {
  // To the console it looks so: the process goes on, whatever it is sent.
  const unkillable: typeof startChild = (...given) => ({
    ...startChild(...given),
    ended: new Promise(() => {}),
    signal: () => {},
  });
  const silent = await start("is-silent", { startChild: unkillable, idle: { silence: 300 } }).ask("x");
  expect(silent.map((e) => e.is)).toEqual(["started", "said", "remarked", "failed"]);
  expect(only(silent, "remarked")[0]!.text).toMatch(
    /^The agent's process \(\d+\) does not go away, not even by SIGKILL/,
  );
  await bench?.putAway();
  const b = start("is-silent", { startChild: unkillable });
  const turn = b.begin("x");
  for await (const event of turn.events)
    if (event.is === "said") expect(await turn.stop()).toMatch(/^the agent's process \(which does not go away\)/);
});

test("stopped before it began: nothing runs, nothing is said", async () => {
  const b = start("answers");
  const turn = b.begin("x");
  const words = turn.stop();
  expect(await Array.fromAsync(turn.events)).toEqual([]);
  expect(await words).toBe("nothing was running any more");
});

test("whoever stops listening stops the turn", async () => {
  const b = start("is-silent");
  const turn = b.begin("x");
  for await (const event of turn.events) if (event.is === "said") break;
  expect(await turn.stop()).toMatch(/^the agent's process \(/);
  expect(await b.left()).toEqual([]);
});

test("stopped after its end", async () => {
  const turn = start("answers").begin("x");
  await Array.fromAsync(turn.events);
  expect(await turn.stop()).toBe("nothing was running any more");
});

const EARLIER = "0b7d2f6e-8f1c-4a53-9d0f-0c2a3b4c5d6e";

test("a conversation whose file is there is resumed", async () => {
  const b = start("reports");
  mkdirSync(join(b.dir, "claude", "projects", "-x"), { recursive: true });
  writeFileSync(join(b.dir, "claude", "projects", "-x", `${EARLIER}.jsonl`), "{}\n");
  const [said] = only(await b.ask("go on", { resumes: EARLIER }), "said");
  expect((JSON.parse(said!.text) as Report).argv.at(-1)).toBe(`--resume=${EARLIER}`);
});

test("one whose file is gone begins anew, and both the operator and the model are told", async () => {
  const events = await start("answers").ask("go on", { resumes: EARLIER });
  expect(only(events, "remarked")[0]!.text).toMatch(/memory of this session was lost/);
  expect(only(events, "started")[0]!.session_id).not.toBe(EARLIER);
  expect(only(events, "said")[0]!.text).toMatch(/From the console, not from the operator: Your memory .* was lost/);
});

test("it is given the transcript in brief, and the operator is told so", async () => {
  const recall = () => "Operator lab: the disk is full";
  const events = await start("answers").ask("go on", { resumes: EARLIER, recall });
  expect(only(events, "remarked")[0]!.text).toMatch(/was lost; it begins anew and was given the transcript in brief/);
  expect(only(events, "said")[0]!.text).toMatch(
    /<output \S+>\nOperator lab: the disk is full\n<\/output .*\n\ngo on$/s,
  );
});

test("an agent that never had a conversation here is given it, too; nothing was lost, and nothing is said of that", async () => {
  const events = await start("answers").ask("go on", { recall: () => "Operator lab: the disk is full" });
  expect(only(events, "remarked")).toEqual([]);
  expect(only(events, "said")[0]!.text).toContain("Operator lab: the disk is full");
});

test("one that remembers is not told it again", async () => {
  const b = start("answers");
  mkdirSync(join(b.dir, "claude", "projects", "-x"), { recursive: true });
  writeFileSync(join(b.dir, "claude", "projects", "-x", `${EARLIER}.jsonl`), "{}\n");
  const events = await b.ask("go on", { resumes: EARLIER, recall: () => "never" });
  expect(only(events, "said")[0]!.text).toBe("You said: go on");
});

test.each([
  ["forgot", EARLIER, /^anew: .*go on$/s],
  ["in-use", null, /^resumed$/],
])("%s: it is tried once the other way round, without a word of failure", async (manner, resumes, said) => {
  const b = start(manner);
  if (resumes) {
    mkdirSync(join(b.dir, "claude", "projects", "-x"), { recursive: true });
    writeFileSync(join(b.dir, "claude", "projects", "-x", `${resumes}.jsonl`), "{}\n");
  }
  const events = await b.ask("go on", { resumes });
  expect(only(events, "failed")).toEqual([]);
  expect(only(events, "said")[0]!.text).toMatch(said);
  expect(only(events, "concluded").length).toBe(1);
});

test("the aftermath of the last turn stands before the prompt", async () => {
  const [said] = only(await start("answers").ask("go on", { aftermath: "vm_run was cut." }), "said");
  expect(said!.text).toBe("You said: [From the console, not from the operator: vm_run was cut.]\n\ngo on");
});

test("at the start, what an earlier server left is ended; another server's is not", async () => {
  const b = start("answers");
  const sleeper = (marker: string) =>
    Bun.spawn(["sleep", "600"], {
      env: { PATH: process.env.PATH!, [MARKER]: marker },
      detached: true,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
  const orphans = [sleeper(`${b.mark}.t1.`), sleeper(`${b.mark}.t2.`)];
  const stranger = sleeper("another-server.t1.");
  try {
    mkdirSync(join(b.dir, "run", "old"), { recursive: true });
    while ((await b.left()).length < 2) await Bun.sleep(5);
    expect(await sweepOrphans({ mark: b.mark, run_dir: join(b.dir, "run") })).toBe(2);
    await Promise.all(orphans.map((orphan) => orphan.exited));
    expect(stranger.exitCode).toBe(null);
    expect(existsSync(join(b.dir, "run"))).toBe(false);
  } finally {
    stranger.kill();
    await stranger.exited;
  }
});
