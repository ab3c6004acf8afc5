/** Entries as notices: which ones, in which words, and what never leaves the house. */
import { expect, test } from "bun:test";
import type { Entry } from "../../src/log/log.ts";
import { isNotable, noticeOf, noticeOfAccess } from "../../src/notify/notice.ts";

const CANARY = "canary-4711";
let seq = 0;
const entry = (stream: string, kind: string, about: string, body: object): Entry => ({
  seq: ++seq,
  at: Date.parse("2026-11-22T03:00:00Z"),
  stream,
  kind,
  about,
  body,
});
const asking = (tool: string, input: object) =>
  entry("target:devvm", "approval_asked", "p1", {
    session: "s1",
    turn: "t1",
    tool,
    input,
    reason: CANARY,
    target: "devvm (VM 102)",
    class: "changes",
    preflight: [CANARY],
    limit_ms: 600_000,
  });

test.each([
  ["power", { verb: "cycle" }, "It asks to run cycle on devvm (VM 102)."],
  ["vm_run", { command: `echo ${CANARY}` }, "It asks to run a command on devvm (VM 102)."],
  ["ask", { question: CANARY }, "It has a question about devvm (VM 102)."],
])("somebody is waited for: %s", (tool, input, words) => {
  const asked = asking(tool, input);
  expect(isNotable(asked)).toBe(true);
  expect(noticeOf(asked, [asked])).toEqual({
    kind: "waiting",
    title: "Breakglass: the agent waits for you",
    text: `${words} Until 03:10 UTC; silence is a no.`,
    path: "/sessions/s1#p-p1",
    urgent: true,
    stream: "target:devvm",
  });
});

test.each([
  [[], "It is done. Asked by edge:ann."],
  [
    [["failed", { error: CANARY }]],
    "It broke off; the page says why, and the prompt can be sent again. Asked by edge:ann.",
  ],
  [[["concluded", { is_error: true, result: CANARY }]], /^It broke off/],
  [
    [
      ["failed", { error: CANARY }],
      ["cancelled", { by: "edge:bob", ended: CANARY }],
    ],
    /^It was stopped by edge:bob\./,
  ],
] as const)("a turn ended: %j", (between, words) => {
  const on = "session:s1";
  const end = entry(on, "turn_ended", "t1", { after_ms: 5 });
  const turn = [
    entry(on, "prompted", "t1", { text: CANARY, by: "edge:ann", model: null }),
    ...between.map(([kind, body]) => entry(on, kind, "t1", body)),
    end,
  ];
  const notice = noticeOf(end, turn)!;
  expect(notice).toMatchObject({ kind: "turn_ended", path: "/sessions/s1", urgent: false });
  expect(notice.text).toMatch(words);
  expect(JSON.stringify(notice)).not.toContain(CANARY);
});

const action = (verb: string, kind: string, body: object): [Entry, Entry[]] => {
  const asked = entry("target:devvm", "requested", "id-12345", { verb, by: "edge:ann", session: null, override: null });
  if (kind === "requested") return [asked, [asked]];
  const last = entry("target:devvm", kind, "id-12345", body);
  return [last, [asked, entry("target:devvm", "printed", "id-12345", { from: "stdout", text: CANARY }), last]];
};

test.each([
  ["requested", {}, "Breakglass: cycle on devvm", "edge:ann asked for cycle on devvm. It begins now."],
  [
    "finished",
    { outcome: "done", why: CANARY },
    "Breakglass: cycle on devvm: done",
    "cycle on devvm is done. Asked for by edge:ann.",
  ],
  ["finished", { outcome: "failed", why: CANARY }, "Breakglass: cycle on devvm: failed", /failed\. Asked/],
  [
    "finished",
    { outcome: "failed", rejected: true },
    "Breakglass: cycle on devvm: refused",
    /refused by the host; nothing ran/,
  ],
  ["lost", { why: CANARY }, "Breakglass: cycle on devvm: unknown", /is not known yet/],
  ["overdue", { after_ms: 1 }, "Breakglass: cycle on devvm: unknown", /is not known yet/],
  ["learned", { outcome: "done", why: CANARY }, "Breakglass: cycle on devvm: done", /is done/],
])("a verb, %s %j", (kind, body, title, words) => {
  const notice = noticeOf(...action("cycle", kind, body))!;
  expect(notice).toMatchObject({ title, path: "/api/pve/actions/id-12345", urgent: true });
  expect(notice.text).toMatch(words);
  expect(JSON.stringify(notice)).not.toContain(CANARY);
});

test("a verb that only reads, and everything else, is nobody's news", () => {
  for (const kind of ["requested", "finished"])
    expect(noticeOf(...action("status", kind, { outcome: "done" }))).toBeNull();
  for (const kind of ["said", "returned", "prompted", "remarked", "printed", "observed"])
    expect(isNotable(entry("session:s1", kind, "t1", {}))).toBe(false);
});

test("whoever comes in past the edge, and who may: told; the rest is the audit's", () => {
  expect(noticeOfAccess({ is: "signed_in", name: "ann", from: "203.0.113.9" })).toMatchObject({
    title: "Breakglass: a sign-in",
    text: "ann signed in at the console itself, from 203.0.113.9.",
    path: "/audit",
  });
  expect(noticeOfAccess({ is: "revoked", name: "ann", from: "terminal:root" })).not.toBeNull();
  expect(noticeOfAccess({ is: "header_refused", name: "x", from: "203.0.113.9" })).toBeNull();
});
