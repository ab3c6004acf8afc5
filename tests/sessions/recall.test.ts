/** The transcript in brief, for an agent that forgot it. */
import { expect, test } from "bun:test";
import type { Entry } from "../../src/log/log.ts";
import { recallOf } from "../../src/sessions/transcript.ts";

const entries = (...all: readonly (readonly [string, object])[]): Entry[] =>
  all.map(([kind, body], i) => ({ seq: i + 1, at: 0, stream: "session:s", kind, about: "t", body }));
const asked = (text: string) => ["prompted", { text, by: "edge:ann", model: null }] as const;
const said = (text: string) => ["said", { text }] as const;

test("who said what, what was called, and what came of it, in order", () => {
  const told = recallOf(
    entries(
      ["opened", { target: "devvm", by: "lab" }],
      asked("the disk is full"),
      ["agent_started", { session_id: "c", agent: "claude" }],
      ["called", { name: "vm_run", input: { command: "df -h" }, tool_id: "1" }],
      ["returned", { name: "vm_run", tool_id: "1", output: "/ 100%\n", is_error: false, left_out: 0, duration_ms: 1 }],
      said("It is."),
      ["check_ended", { name: "disk", findings: [{ level: "bad", says: "/ is full.", next: "" }], readings: [] }],
      ["cancelled", { by: "edge:bob", ended: "the agent's process" }],
    ),
  );
  expect(told.split("\n")).toEqual([
    "Operator edge:ann: the disk is full",
    'You called vm_run {"command":"df -h"}',
    "It answered: / 100%",
    "You: It is.",
    "Check disk: bad: / is full.",
    "edge:bob stopped the turn: the agent's process",
  ]);
});

test("nothing was asked: there is nothing to recall", () => {
  expect(recallOf([])).toBe("");
  expect(recallOf(entries(["opened", { target: "devvm", by: "lab" }]))).toBe("");
});

test("it is bounded: the first prompt stays, the end stays, and what lies between is counted", () => {
  const long = entries(asked("FIRST"), ...Array.from({ length: 500 }, (_, i) => said(`${i} ${"x".repeat(400)}`)));
  const told = recallOf(long, 5000);
  expect(told.length).toBeLessThan(5100);
  expect(told).toStartWith("Operator edge:ann: FIRST\n[");
  const left_out = Number(/\[(\d+) entries are left out here\]/.exec(told)?.[1]);
  expect(left_out + told.match(/^You: /gm)!.length).toBe(500);
  expect(told).toContain("You: 499 ");
});

test("one giant output is told by its head and tail", () => {
  const output = `HEAD${"y".repeat(1_000_000)}TAIL`;
  const told = recallOf(entries(asked("a"), ["returned", { name: "", output, is_error: true }]));
  expect(told).toMatch(/It answered with an error: HEADy+ \[…\] y+TAIL$/);
  expect(told.length).toBeLessThan(1000);
});
