/**
 * A thousand odd prompts: each goes to the agent's process over stdin, as one line, and arrives unchanged; its argv is the same for all.
 * The turns are real ones; the process is a recorder, since a thousand starts would take minutes. What a pipe makes of the lines
 * is seen with a real process, and a dozen prompts go all the way to one.
 */
import { afterEach, expect, test } from "bun:test";
import { promptFor, userLine } from "../../src/agent/command.ts";
import { type Child, type Line, type Spawn, startChild } from "../../src/child.ts";
import { type AgentBench, agentBench, FAKE_CLAUDE, NO_TOOLS, only } from "../support/agent-bench.ts";
import { KINDS, oddPrompts } from "../support/odd-prompts.ts";

const SEED = Number(process.env.BUN_BREAKGLASS_SEED ?? 20260622);
const PROMPTS = oddPrompts(SEED, 1000);

const benches: AgentBench[] = [];
afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.putAway();
});

/** "/clear" would be obeyed by the CLI: it gets a space in front, and nothing else is changed. */
const arrived = (prompt: string) => (/^\s*\//.test(prompt) ? ` ${prompt.trimStart()}` : prompt);
/** The id and the file of a turn are new each time, and ours. */
const steady = (argv: readonly string[]) =>
  argv.map((word) =>
    word.replace(/^(--session-id=)[0-9a-f-]{36}$/, "$1…").replace(/^(--mcp-config=)\S+\/mcp\.json$/, "$1…"),
  );

test("they are odd: options, commands of the CLI, NUL, line ends, lone surrogates, JSON, shell, very long, nearly empty", () => {
  const like = (pattern: RegExp) => PROMPTS.filter((prompt) => pattern.test(prompt)).length;
  expect(new Set(PROMPTS).size).toBe(1000);
  for (const pattern of [/^-/, /^--settings=/, /^\s*\//, /\0/, /[\n\r\u2028]/, /^\s*\{/, /[`$;|&]/])
    expect(like(pattern)).toBeGreaterThan(20);
  expect(PROMPTS.filter((prompt) => prompt.trim().length <= 1).length).toBeGreaterThan(20);
  expect(PROMPTS.filter((prompt) => !prompt.isWellFormed()).length).toBeGreaterThan(50);
  expect(PROMPTS.filter((prompt) => prompt.length > 30_000).length).toBeGreaterThan(5);
});

test(`1,000 odd prompts: argv identical, the prompt on stdin and nowhere else (seed ${SEED})`, async () => {
  const starts: { spawn: Spawn; said: string[] }[] = [];
  const recorder = (spawn: Spawn, heard: (line: Line) => void): Child => {
    const said: string[] = [];
    starts.push({ spawn, said });
    const ended = Promise.withResolvers<{ is: "exited"; code: number }>();
    return {
      pid: null,
      ended: ended.promise,
      write(text) {
        said.push(text);
        queueMicrotask(() => heard({ from: "stdout", text: RESULT }));
        return true;
      },
      closeStdin: () => ended.resolve({ is: "exited", code: 0 }),
      signal: () => {},
      stop: () => ended.promise,
    };
  };
  const bench = agentBench([process.execPath], NO_TOOLS, { startChild: recorder as typeof startChild });
  benches.push(bench);
  const turns = [...PROMPTS];
  // A few at a time, as sessions run beside each other.
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let prompt = turns.pop(); prompt !== undefined; prompt = turns.pop())
        expect(only(await bench.ask(prompt), "concluded")).toHaveLength(1);
    }),
  );
  expect(starts).toHaveLength(1000);
  const [first] = starts;
  const heard = starts.map(({ spawn, said }) => {
    expect(steady(spawn.argv)).toEqual(steady(first!.spawn.argv));
    expect(Object.keys(spawn.env)).toEqual(Object.keys(first!.spawn.env));
    expect(said).toHaveLength(1);
    return contentOf(said[0]!.replace(/\n$/, ""));
  });
  expect(heard.sort()).toEqual(PROMPTS.map(arrived).sort());
  expect(first!.spawn.argv.filter((word) => word.startsWith("--settings"))).toEqual([]);
}, 60_000);

test("through a real pipe each of them is one line, in order, and unchanged", async () => {
  const heard: string[] = [];
  const child = startChild({ argv: ["cat"], env: { PATH: process.env.PATH! }, stdin: { open: true } }, ({ text }) => {
    heard.push(contentOf(text));
  });
  for (const prompt of PROMPTS)
    child.write(userLine(promptFor({ prompt, aftermath: null }, { lost: false, recall: "", mark: "" })));
  child.closeStdin();
  expect(await child.ended).toEqual({ is: "exited", code: 0 });
  expect(heard).toEqual(PROMPTS.map(arrived));
});

test("a dozen of them all the way to a process of its own", async () => {
  const bench = agentBench([...FAKE_CLAUDE, "reports"]);
  benches.push(bench);
  const report = async (prompt: string) =>
    JSON.parse(only(await bench.ask(prompt), "said")[0]!.text) as { argv: string[]; prompt: string };
  const plain = await report("hello");
  for (const prompt of PROMPTS.slice(0, KINDS.length)) {
    const seen = await report(prompt);
    expect(steady(seen.argv)).toEqual(steady(plain.argv));
    expect(seen.prompt).toBe(arrived(prompt));
  }
});

const RESULT = JSON.stringify({
  type: "result",
  subtype: "success",
  is_error: false,
  result: "ok",
  duration_ms: 1,
  total_cost_usd: 0,
  session_id: "s",
});

function contentOf(line: string): string {
  const { type, message } = JSON.parse(line) as { type: string; message: { role: string; content: string } };
  expect([type, message.role]).toEqual(["user", "user"]);
  return message.content;
}
