/** Refusals on their way to the audit: bounded, counted, and a stranger's flood does not hide what an operator was refused. */
import { expect, test } from "bun:test";
import type { AuditFact } from "../../src/audit/audit.ts";
import { type RefusalFact, Refusals } from "../../src/audit/refusals.ts";

const refusal = (more: Partial<RefusalFact> = {}): RefusalFact => ({
  who: "nobody",
  how: "",
  peer: "203.0.113.9",
  what: "token",
  target: "",
  request_id: "",
  outcome: "401",
  detail: "asked for /",
  ...more,
});

test("of 3,000 like refusals three are told, and one row says how many more there were", () => {
  const rows: AuditFact[] = [];
  const refusals = new Refusals(
    (fact) => rows.push(fact),
    () => 7,
  );
  for (let i = 0; i < 3000; i++) refusals.seen(refusal({ detail: `asked for /${i}` }));
  expect(rows.map(({ detail }) => detail)).toEqual(["asked for /0", "asked for /1", "asked for /2"]);
  refusals.close();
  expect(rows.slice(3).map(({ detail }) => detail)).toEqual([
    "2997 more like these within 1 min; the last: asked for /2999",
  ]);
  expect(rows.every(({ decision, at }) => decision === "refused" && at === 7)).toBe(true);
});

test("ten thousand strangers are told as a few, and others; an operator's own refusal is told beside them", () => {
  const rows: AuditFact[] = [];
  const refusals = new Refusals((fact) => rows.push(fact));
  for (let i = 0; i < 10_000; i++) refusals.seen(refusal({ peer: `2001:db8::${i.toString(16)}` }));
  refusals.seen(refusal({ who: "edge:viktor", how: "edge", what: "POST /api/pve/cycle", outcome: "409" }));
  refusals.close();
  expect(rows.length).toBeLessThan(70);
  expect(rows.filter(({ who }) => who === "edge:viktor").length).toBe(1);
  const counted = rows.reduce((sum, { detail }) => sum + Number(/^(\d+) more/.exec(detail)?.[1] ?? 1), 0);
  expect(counted).toBe(10_001);
});

test("one operator's flood, which another site's page may be, leaves the rows of the others and its own name", () => {
  const rows: AuditFact[] = [];
  const refusals = new Refusals((fact) => rows.push(fact));
  for (let i = 0; i < 500; i++) refusals.seen(refusal({ who: "edge:ann", how: "edge", what: `POST /${i}` }));
  refusals.seen(refusal({ who: "edge:viktor", how: "edge", what: "POST /api/pve/cycle" }));
  refusals.close();
  expect(rows.filter(({ who }) => who === "edge:viktor").map(({ what }) => what)).toEqual(["POST /api/pve/cycle"]);
  expect(rows.every(({ who }) => who.startsWith("edge:"))).toBe(true);
  expect(rows.length).toBeLessThan(30);
});

test("an edge that names operators without end gets a bounded number of rows, and strangers keep their room", () => {
  const rows: AuditFact[] = [];
  const refusals = new Refusals((fact) => rows.push(fact));
  for (let i = 0; i < 5_000; i++) refusals.seen(refusal({ who: `edge:${i}`, how: "edge" }));
  refusals.seen(refusal());
  refusals.close();
  expect(rows.length).toBeLessThan(80);
  expect(rows.filter(({ who }) => who === "nobody").length).toBe(1);
});

test("what was counted before it came here keeps its number", () => {
  const rows: AuditFact[] = [];
  const refusals = new Refusals((fact) => rows.push(fact));
  refusals.seen(refusal(), 120);
  refusals.close();
  expect(rows.map(({ detail }) => detail)).toEqual(["120 times; the last: asked for /"]);
});
