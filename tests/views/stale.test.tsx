/** What is old is told as old: its age comes first, and nothing of it passes for what is true now. */
import { expect, test } from "bun:test";
import type { Action } from "../../src/power/action.ts";
import { knownBefore } from "../../src/power/preflight.ts";
import { VERBS } from "../../src/power/verb.ts";
import { type Reading, stateFrom } from "../../src/target/state.ts";
import { ActionItem } from "../../views/action.tsx";
import { confirmSentence } from "../../views/power.tsx";
import { StatePanel } from "../../views/state.tsx";
import { statusesText, statusText } from "../../views/text.ts";

const NOW = Date.UTC(2026, 10, 22, 3, 12);
const place = { host: "192.0.2.2", user: "root", port: 22 };
const target = { id: "devvm", name: "devvm", vmid: 102, vm: place, pve: place, lab: false };
const reading = (at: number, probes: string, answered = true): Reading => ({
  at,
  status: { exit_code: 0, stdout: `status: running\nprobe.at: x\nprobe.qmp: answered\nprobe.pid: agreed 1\n${probes}` },
  why_not: "",
  knock: { answered, took_ms: 90, why: answered ? "" : "timed out" },
});
const state = (age_ms: number, probes = "probe.moved: yes\nprobe.ops: 5\n", answered = true) =>
  stateFrom([reading(NOW - age_ms, probes, answered)], NOW);
const text = (s = state(0), more: object = {}) => statusText({ target, state: s, now: NOW, ...more });
const running: Action = {
  id: "request-1",
  verb: "cycle",
  target: "devvm",
  by: "ann",
  state: "running",
  outcome: null,
  exit_code: null,
  stdout: "",
  stderr: "",
  started_at: new Date(NOW - 5000).toISOString(),
  ended_at: null,
  rejected: false,
  why: "",
  guest: "",
  override: null,
};

test("/status as text leads with the age when the reading is old, and marks each old fact as of then", () => {
  expect(text(state(10_000)).split("\n").slice(0, 2)).toEqual([
    "devvm (VM 102): running",
    "Running. The guest answers ssh.",
  ]);
  const old = text(state(4 * 60_000, "probe.moved: no\nprobe.ops: 5\nprobe.agent: silent\n", false));
  const lines = old.split("\n");
  expect(lines[0]).toBe("devvm (VM 102): not heard since 4 min ago");
  expect(lines[1]).toStartWith("Last heard 4 min ago: “Frozen.");
  expect(lines.filter((line) => line.startsWith("- ")).every((line) => line.startsWith("- then: "))).toBe(true);
  expect(old).toContain("Advice then: Cycle it.");
  expect(old).not.toContain("devvm (VM 102): frozen");
  expect(new TextEncoder().encode(old).length).toBeLessThanOrEqual(1000);
  const several = statusesText([{ target, state: state(4 * 60_000), now: NOW }], NOW);
  expect(several).toContain("devvm: last heard 4 min ago, then running");
  expect(several).toContain("then: “Running. The guest answers ssh.”");
});

test("the State panel says the age before the state when that is old, and not otherwise", () => {
  const drawn = (age_ms: number) => String(<StatePanel state={state(age_ms)} now={NOW} />);
  expect(drawn(30_000)).not.toContain("Last heard");
  expect(drawn(4 * 60_000)).toMatch(
    /^<section[^>]*stale[^>]*><p class="then">Last heard <time[^>]*>4 min ago<\/time>; ask again/,
  );
});

test("while a run is at work nobody is told to do what it does already", () => {
  const frozen = state(1000, "probe.moved: no\nprobe.ops: 5\nprobe.agent: silent\n", false);
  expect(text(frozen)).toContain("Advice: Cycle it.");
  expect(text(frozen, { action: running })).not.toContain("Cycle it.");
  expect(String(<StatePanel state={frozen} now={NOW} held />)).not.toContain("Cycle it.");
});

test("a healthy VM's idle disk is no fault, and a run at the host is told in a sentence", () => {
  const idle = state(0, "probe.moved: no\nprobe.ops: 5\n");
  expect(idle.because[0]).toBe("ssh answered in 90 ms");
  expect(idle.because.join()).not.toContain("unmoved");
  expect(idle.because).toContain("disk at rest");
  const busy = state(0, "probe.run: stop req-12345678 since 2026-11-22T03:11:07Z for 192.0.2.9\n");
  expect(busy.because).toContain("stop is at work on the host since 03:11:07 UTC");
});

test("once the guest has spoken, the card does not say before that it is not proven", () => {
  const why = "VM 102 runs in a new QEMU (pid 2, was 1), QMP answers; the guest is not proven";
  const done: Action = { ...running, state: "ended", outcome: "done", exit_code: 0, why };
  expect(String(<ActionItem action={done} now={NOW} />)).toContain("the guest is not proven");
  const proved = String(
    <ActionItem action={{ ...done, guest: "ssh answered after 1 s · agent answered" }} now={NOW} />,
  );
  expect(proved).not.toContain("not proven");
  expect(proved).toContain("QMP answers");
});

test("an outcome that is not known can be asked for again, and no other", () => {
  const ended: Action = { ...running, state: "ended", outcome: "unknown", why: "no answer" };
  expect(String(<ActionItem action={ended} now={NOW} />)).toContain('action="/api/pve/actions/request-1/ask"');
  for (const action of [running, { ...ended, outcome: "done" as const }])
    expect(String(<ActionItem action={action} now={NOW} />)).not.toContain("Ask again");
});

test("what the dialog knows is on the page: each line with its verbs, the age of the evidence, and a sentence of its own", () => {
  const full =
    "probe.staged: scsihw\nprobe.pool: local-lvm 96.40% active\nprobe.task: vzdump\nprobe.snapshot: before\n";
  const evidence = { started_at: new Date(NOW - 3 * 3_600_000).toISOString() };
  const known = knownBefore(target, state(1000, full), evidence, "v2");
  const of = (verb: string) =>
    known.lines.filter((line) => (line.verbs as string[]).includes(verb)).map((line) => line.says);
  expect(of("cycle")).toEqual([
    "The guest answers. Repair in place loses less.",
    "A task is at work: vzdump.",
    "Staged: scsihw will apply.",
    "Storage is nearly full: local-lvm 96.40% active.",
    "It runs on top of the snapshot before.",
  ]);
  expect(of("reset")).toContain("Staged: scsihw; a reset does not apply it.");
  expect(of("start")[0]).toBe("It runs already; start will be refused.");
  const drawn = String(<StatePanel state={state(1000, full)} now={NOW} known={known} />);
  const rows = JSON.parse(/data-known="([^"]*)"/.exec(drawn)![1]!.replaceAll("&quot;", '"'));
  expect(rows).toContainEqual(["Staged: scsihw; a reset does not apply it.", "reset"]);
  expect(rows.at(-1)).toEqual(["Evidence was last saved", "", evidence.started_at]);
  // Nowhere else: a text browser shows what is hidden.
  expect(drawn.replace(/data-known="[^"]*"/, "")).not.toMatch(/Staged|Evidence/);
  expect(confirmSentence(VERBS.cycle, target)).toStartWith("Cycle devvm (VM 102)? Stops it hard");
});
