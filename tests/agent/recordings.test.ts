/** Every recording of the real CLI, both versions, through the translator: each must end as it did, in a sentence. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { translator } from "../../src/agent/stream-json.ts";
import type { Ending } from "../../src/outcome.ts";
import type { AgentEvent } from "../../src/sessions/agent.ts";
import { only } from "../support/agent-bench.ts";

const ROOT = join(import.meta.dir, "..", "fixtures", "claude");
interface Recorded {
  version: string;
  name: string;
  exit: number | string;
  stderr: string;
}
const RECORDED = JSON.parse(readFileSync(join(ROOT, "endings.json"), "utf8")) as Recorded[];

/** What the operator must be told, by the recording's name; the rest ended well. `null`: an interruption, no failure. */
const TROUBLE: Record<string, RegExp | null> = {
  "agent-missing": /without a result.*exit code 1.*not found/,
  "api-400-credit": /no credit left/,
  "api-400": /did not accept the request \(400\)/,
  "api-401": /refused the agent's key or token \(401\)/,
  "api-403": /forbids its use \(403\)/,
  "api-404-model": /does not know the model claude-sonnet-5\S* .*\(404\).*another model/,
  "api-429-retries2": /limit of requests is reached \(429: Number of requests exceeded\)/,
  "api-500-after-tool": /trouble of its own \(500\)/,
  "api-500-retries2": /trouble of its own \(500\)/,
  "api-529-retries2": /overloaded \(529\)/,
  "api-dns-retries2": /name could not be resolved/,
  "api-hang-timeout": /did not answer in time/,
  "api-midstream-hang": /killed \(SIGKILL\), perhaps because memory ran out/,
  "api-refused-default": /refused the connection/,
  "api-refused-retries2": /refused the connection/,
  "auth-none": /not signed in.*ANTHROPIC_API_KEY/,
  "bad-flag": /does not know an option.*--no-such-flag.*newer/,
  budget: /limit of cost \(\$0\.0001\)/,
  "max-turns": /used all the steps/,
  refusal: /declined to answer/,
  "root-refusal": /refuses to run as this user/,
  "sess-id-reuse": /still in use by another process/,
  "sess-resume-unknown": /memory of this session is gone/,
  "sig-term": /ended from outside \(exit code 143\)/,
  "sig-int": null,
  "sig-int-text": null,
  "perm-deny-interrupt": null,
  "perm-interrupt-while-asking": null,
};

function replay({ version, name, exit, stderr }: Recorded): AgentEvent[] {
  const lines = translator();
  const text = readFileSync(join(ROOT, version, `${name}.jsonl`), "utf8");
  const events = text.split("\n").flatMap((line) => lines.line(line));
  const ending: Ending = typeof exit === "number" ? { is: "exited", code: exit } : { is: "signalled", signal: exit };
  return [...events, ...lines.end(ending, stderr)];
}

test("the table speaks of every recording, and every recording is in the table", () => {
  expect(RECORDED.length).toBe(126);
  for (const version of ["2.1.197", "2.1.330"]) {
    const files = readdirSync(join(ROOT, version)).map((file) => file.replace(/\.jsonl$/, ""));
    expect(files.sort()).toEqual(
      RECORDED.filter((r) => r.version === version)
        .map((r) => r.name)
        .sort(),
    );
  }
  for (const name of Object.keys(TROUBLE)) expect(RECORDED.map((r) => r.name)).toContain(name);
});

describe.each(RECORDED)("$version/$name", (recorded) => {
  const events = replay(recorded);
  const failed = only(events, "failed");
  const concluded = only(events, "concluded");
  const trouble = TROUBLE[recorded.name];

  test("ends as it did, and says so in a sentence", () => {
    if (trouble instanceof RegExp) {
      expect(failed.map((e) => e.error)).toEqual([expect.stringMatching(trouble)]);
      // The cause and the next step: two sentences at least, none of them an exit code alone.
      expect(failed[0]!.error).toMatch(/^[A-Z].*\. .+\.$/s);
      expect(concluded.every((e) => e.is_error && e.result === "")).toBe(true);
    } else if (trouble === null) {
      expect(failed).toEqual([]);
      expect(concluded.at(-1)).toMatchObject({ is_error: true, result: "Stopped before it was done." });
    } else {
      expect(failed).toEqual([]);
      expect(concluded.length).toBeGreaterThan(0);
      expect(concluded.at(-1)).toMatchObject({ is_error: false });
    }
  });

  test("shows nothing twice and nothing that is the CLI's own business", () => {
    const said = only(events, "said").map((e) => e.text);
    const shown = JSON.stringify(events);
    expect(shown).not.toContain("ede_diagnostic");
    expect(shown).not.toContain("[Request interrupted");
    expect(shown).not.toContain("mcp__");
    for (const { error } of failed) expect(said.some((text) => text.length > 12 && error.includes(text))).toBe(false);
    if (trouble instanceof RegExp)
      expect(said.filter((text) => /^API Error|^Invalid API key|^Not logged in/.test(text))).toEqual([]);
  });

  test("gives every result a call, and every call one result at most", () => {
    const called = only(events, "called").map((e) => e.tool_id);
    const returned = only(events, "returned").map((e) => e.tool_id);
    expect(new Set(called).size).toBe(called.length);
    expect(new Set(returned).size).toBe(returned.length);
    for (const id of returned) expect(called).toContain(id);
  });

  test("its partial words are the words that follow whole", () => {
    if (!recorded.name.endsWith(".partial")) return;
    const partial = only(events, "partial").map((e) => e.text);
    expect(partial.length).toBeGreaterThan(0);
    expect(partial.join("")).toBe(
      only(events, "said")
        .map((e) => e.text)
        .join(""),
    );
  });
});

test.each(["tool-32s", "interrupt"])("a call of ours, as recorded: %s", (name) => {
  const text = readFileSync(join(ROOT, "tools", `${name}.2.1.330.io.jsonl`), "utf8").trim();
  const recorded = text.split("\n").map((line) => JSON.parse(line) as { dir: string; line: unknown });
  const lines = translator();
  const events = recorded.filter((r) => r.dir === "stdout").flatMap((r) => lines.line(JSON.stringify(r.line)));
  expect(only(events, "called")).toMatchObject([{ name: "vm_exec", input: { command: "df -h" } }]);
  const [returned] = only(events, "returned");
  if (name === "tool-32s") {
    expect(returned).toMatchObject({ is_error: false, output: "Filesystem 100%\ndf -h" });
    expect(only(events, "concluded")).toMatchObject([{ is_error: false }]);
  } else {
    expect(returned).toMatchObject({ is_error: true, output: expect.stringContaining("not known here") });
    expect(only(events, "concluded")).toMatchObject([{ is_error: true, result: "Stopped before it was done." }]);
  }
});

test("a process that dies after its answers leaves them, and says how it died", () => {
  for (const version of ["2.1.197", "2.1.330"]) {
    const events = replay(RECORDED.find((r) => r.version === version && r.name === "long-turns")!);
    // Turns in one process: six answers and two interruptions, each with its own init and result.
    expect(only(events, "concluded").filter((e) => !e.is_error).length).toBe(7);
    expect(only(events, "concluded").filter((e) => e.is_error).length).toBe(2);
    expect(only(events, "started").length).toBe(1);
    expect(events.at(-1)).toMatchObject({ is: "remarked", text: expect.stringMatching(/ended badly: Error parsing/) });
  }
});

test("retries are told as they come, with their count", () => {
  const said = (name: string) =>
    only(replay(RECORDED.find((r) => r.version === "2.1.197" && r.name === name)!), "remarked");
  expect(said("api-529-twice").map((e) => e.text)).toEqual([
    "API overloaded (529), try 1 of 10 in less than 1 s",
    "API overloaded (529), try 2 of 10 in 1 s",
  ]);
  expect(
    said("api-refused-default")
      .map((e) => e.text)
      .at(-1),
  ).toBe("API can't be reached, try 10 of 10 in 35 s");
  expect(said("api-429-retry-after").map((e) => e.text)).toEqual([
    "API limit of requests reached (429), try 1 of 10 in 2 s",
  ]);
  expect(
    said("fallback-model")
      .map((e) => e.text)
      .at(-1),
  ).toMatch(/claude-sonnet-5 did not answer; claude-haiku\S+ goes on/);
});
