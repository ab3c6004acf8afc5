import { describe, expect, test } from "bun:test";
import { CHECKS, type CheckRead } from "../../src/checks/check.ts";
import { commandFor, quoted, Sections } from "../../src/checks/sections.ts";
import { runChild } from "../../src/child.ts";

const MARK = "bg-test-mark";
const read = (key: string, command: string, limit_s = 5): CheckRead => ({ key, command, limit_s });

/** As sshd does: the login shell is given the one string. */
async function inRealShell(reads: CheckRead[], shell: string) {
  const sections = new Sections(reads, MARK);
  const { stdout, ending } = await runChild({
    argv: [shell, "-c", commandFor(reads, MARK)],
    env: { PATH: "/usr/bin:/bin" },
  });
  for (const line of stdout.split("\n")) sections.line(line);
  return { sections, readings: sections.readings("never came"), ending };
}

describe.each(["/bin/bash", "/bin/dash"])("in a real %s", (shell) => {
  test("outputs, exit codes, quotes and stderr arrive where they belong", async () => {
    const { sections, readings } = await inRealShell(
      [
        read("plain", "echo one; echo two"),
        read("quotes", `printf "%s|" 'a b' "it's" "$((1+1))"; x='q'; echo "$x"`),
        read("fails", "echo out; echo err >&2; exit 7"),
        read("empty", "true"),
      ],
      shell,
    );
    expect(sections.complete).toBe(true);
    expect(readings.map((r) => [r.key, r.output, r.exit_code])).toEqual([
      ["plain", "one\ntwo", 0],
      ["quotes", "a b|it's|2|q", 0],
      ["fails", "out\nerr", 7],
      ["empty", "", 0],
    ]);
  });

  test("one that runs too long is ended, says so, keeps what it printed, and the rest is read", async () => {
    const { readings } = await inRealShell(
      [read("slow", "echo early; sleep 60", 1), read("after", "echo here")],
      shell,
    );
    expect(readings[0]).toMatchObject({ output: "early", exit_code: null, why: "it was ended after its limit of 1 s" });
    expect(readings[1]).toMatchObject({ output: "here", exit_code: 0 });
  });

  test("one whose child can't be ended and holds the pipe costs its limit and a little; the rest is read", async () => {
    // What a process in uninterruptible sleep does to us: it stays, and keeps the pipe open.
    const { readings, sections } = await inRealShell(
      [read("held", "setsid sleep 8 & echo early", 1), read("after", "echo here")],
      shell,
    );
    expect(sections.complete).toBe(true);
    expect(readings[0]!.output).toBe("early");
    expect(readings[1]).toMatchObject({ output: "here", exit_code: 0 });
  });
});

test("text on the VM that looks like a mark is text", () => {
  const reads = [read("log", "cat log"), read("units", "list")];
  const sections = new Sections(reads, MARK);
  const sent = ["begin log", "bg-guess end log 0", "bg-guess begin units", "all fine", "bg-test-markers end log 0"];
  for (const line of [
    `${MARK} begin log`,
    ...sent,
    `${MARK} end log 0`,
    `${MARK} begin units`,
    `${MARK} end units 0`,
    `${MARK} all`,
  ])
    sections.line(line);
  expect(sections.readings("")[0]!.output).toBe(sent.join("\n"));
  expect(sections.readings("")[1]!.output).toBe("");
});

test("a link that dies leaves what was whole, what was begun, and names the rest", () => {
  const sections = new Sections([read("a", "a"), read("b", "b"), read("c", "c")], MARK);
  for (const line of [`${MARK} begin a`, "1", `${MARK} end a 0`, `${MARK} begin b`, "half"]) sections.line(line);
  expect(sections.readings("the link was lost").map((r) => [r.output, r.exit_code, r.why])).toEqual([
    ["1", 0, ""],
    ["half", null, "the link was lost"],
    ["", null, "the link was lost"],
  ]);
});

test("a flood is cut and counted", () => {
  const sections = new Sections([read("a", "a")], MARK);
  sections.line(`${MARK} begin a`);
  for (let i = 0; i < 5000; i++) sections.line("x".repeat(100));
  sections.line(`${MARK} end a 0`);
  const [a] = sections.readings("");
  expect(a!.output.length).toBeLessThan(70_000);
  expect(a!.output).toMatch(/\[\d{6} more characters were left out\]$/);
});

test("any word survives quoting in a real shell", async () => {
  const odd = ["it's", "$(id)", "`id`", "a\nb", '"', "\\", "'; rm -rf x; '", "*"];
  for (const word of odd) {
    const { stdout } = await runChild({
      argv: ["/bin/sh", "-c", `printf %s ${quoted(word)}`],
      env: { PATH: "/usr/bin:/bin" },
    });
    expect(stdout).toBe(`${word}\n`);
  }
});

test("the table holds what it promises: unique keys, sane limits, nothing that changes anything", () => {
  for (const check of Object.values(CHECKS)) {
    const keys = check.reads.map((r) => r.key);
    expect(new Set(keys).size).toBe(keys.length);
    for (const { key, command, limit_s } of check.reads) {
      expect(key).toMatch(/^[a-z_]+$/);
      expect(limit_s).toBeGreaterThan(0);
      expect(limit_s).toBeLessThanOrEqual(30);
      // Without what only matches text: patterns to search for are no commands.
      expect(command.replace(/grep( -\w+)* "[^"]*"/g, "grep")).not.toMatch(
        /\b(rm|kill|restart|stop|start|vacuum|truncate|mkfs|dd|reboot|apt|tee)\b|(?<!2)>(?!&|\/dev\/null)/,
      );
    }
  }
});
