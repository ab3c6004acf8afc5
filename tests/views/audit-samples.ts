/** An audit as values, for the gallery and the view tests: chained for real, whole and broken. */
import { type AuditFact, type AuditRow, BEGINNING, chained, type Head } from "../../src/audit/audit.ts";
import { NOTHING } from "../../src/audit/facts.ts";
import type { AuditShown } from "../../views/audit.tsx";
import { NOW, target } from "./samples.tsx";

const NONE: AuditFact = { ...NOTHING, at: NOW - 90_000, who: "console" };
const OPERATOR = { who: "edge:operator", how: "edge", peer: "203.0.113.7 via 10.0.10.1", target: "devvm" };
const FACTS: readonly Partial<AuditFact>[] = [
  { what: "audit begun", decision: "accepted", detail: "chain 3f2a91bc-5d1e-4c7a-9b0e-2f6c1d8a7e55, after entry 0" },
  { ...OPERATOR, what: "cycle", decision: "accepted", request_id: "x1234567", entry: 41 },
  {
    ...OPERATOR,
    what: "cycle",
    outcome: "done",
    request_id: "x1234567",
    detail: "exit code 0: VM 102 runs; its QEMU process is new (pid 4021, was 1312)",
    entry: 57,
  },
  {
    who: "nobody",
    peer: "203.0.113.66",
    what: "user header",
    decision: "refused",
    outcome: "401",
    detail: "2,947 more like these within 1 min; the last: claimed admin; it is not in BREAKGLASS_TRUSTED_PROXIES.",
  },
  {
    who: "agent:3f2a91bc",
    how: "agent",
    target: "devvm",
    what: "approval",
    decision: "asked",
    detail: "vm_run systemctl restart nginx, on devvm (VM 102), as breakglass",
    request_id: "a7e55d1e",
    entry: 61,
  },
  { ...OPERATOR, what: "approval", decision: "denied", request_id: "a7e55d1e", entry: 63 },
];

const rows: AuditRow[] = [];
for (const fact of FACTS) rows.push(chained(rows.at(-1) ?? BEGINNING, { ...NONE, ...fact }));
const head: Head = rows.at(-1)!;
const shown: AuditShown = {
  rows: [...rows].reverse(),
  standing: {
    head,
    checked: { is: "whole", head },
    checked_at: NOW - 2000,
    whole_at: null,
    pending: 0,
    trouble: "",
  },
  before: 1,
  asked: { who: "operator" },
  targets: [target, { ...target, id: "db", name: "the database" }],
  now: NOW,
};

export const audit = {
  whole: shown,
  broken: {
    ...shown,
    standing: {
      ...shown.standing,
      head: rows[4]!,
      checked: { is: "broken", n: 3, why: "row 3 was changed: its hash is not that of what it says." },
      pending: 1,
      trouble: "database or disk is full",
    },
  },
} satisfies Record<string, AuditShown>;
