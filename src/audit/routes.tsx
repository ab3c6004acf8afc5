/** One address: the audit, to be read, filtered, checked and taken away. Whoever reads it changes nothing; taking it away is a row. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { AuditFragment, AuditPage, auditText } from "../../views/audit.tsx";
import type { Env } from "../access/operator.ts";
import { answer } from "../console/answer.tsx";
import { refuse } from "../refusal.ts";
import { anchorOf } from "./audit.ts";
import { SLICE } from "./check.ts";
import type { Filter } from "./filter.ts";
import type { Standing } from "./look.ts";
import type { AuditTable } from "./table.ts";

export interface AuditParts {
  readonly audit: AuditTable;
  readonly targets: readonly { readonly id: string; readonly name: string; readonly lab: boolean }[];
  /** Called before a look: what was done at the terminal comes in. */
  readonly takeActs: () => Promise<void>;
}

/** Rows of one page. */
const PAGE = 50;
const MOST = 1000;

const words = z.string().trim().max(200, "at most 200 characters").optional();
const Asked = z.object({
  target: words,
  who: words,
  since: words,
  until: words,
  before: z.coerce.number({ error: "a row's number" }).int("a row's number").positive("a row's number").optional(),
  limit: z.coerce.number().int().min(1).max(MOST, `at most ${MOST} rows at once`).default(PAGE),
  check: words,
  format: z.enum(["jsonl", ""], { error: "jsonl, or nothing" }).optional(),
});

export function auditRoutes({ audit, targets, takeActs }: AuditParts) {
  const app = new Hono<Env>();

  app.get("/audit", async (c) => {
    await takeActs();
    await audit.ready();
    const asked = askedFor(c);
    const filter = filterOf(asked);
    if (asked.format === "jsonl") return exported(c, audit, filter);
    if (asked.check === "whole") await audit.checkAll();
    const standing = audit.standing();
    const rows = audit.rows(filter, asked.before ?? Number.MAX_SAFE_INTEGER, asked.limit);
    const before = rows.length === asked.limit ? rows.at(-1)!.n : null;
    const shown = { rows, standing, before, asked, targets, now: Date.now() };
    return answer(c, {
      json: { rows, chain: chainOf(standing), before },
      fragment: () => <AuditFragment {...shown} />,
      page: () => <AuditPage {...shown} />,
      text: () => auditText(shown),
      headers: { "Cache-Control": "no-store" },
    });
  });

  return app;
}

function askedFor(c: Context): z.output<typeof Asked> {
  const given = Object.fromEntries(Object.entries(c.req.query()).filter(([, value]) => value.trim() !== ""));
  const read = Asked.safeParse(given);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  refuse(422, `${issue?.path.join(".")}: ${issue?.message ?? "not understood"}; ask for /audit without it`);
}

function filterOf({ target, who, since, until }: z.output<typeof Asked>): Filter {
  return { target, who, since: momentOf("since", since, false), until: momentOf("until", until, true) };
}

/** A day or a moment, UTC; a day as the end of a span is its last millisecond. */
function momentOf(name: string, text: string | undefined, end: boolean): number | undefined {
  if (text === undefined) return undefined;
  const found = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)Z?)?$/.exec(text);
  const at = found ? Date.parse(`${found[1]}T${found[2] ?? "00:00"}Z`) : Number.NaN;
  if (Number.isNaN(at)) refuse(422, `${name} is a day or a moment (UTC), 2026-11-22 or 2026-11-22 03:10; ask again`);
  return end && found?.[2] === undefined ? at + 86_400_000 - 1 : at;
}

function chainOf({ head, checked, checked_at, whole_at, pending, trouble }: Standing) {
  return {
    head: anchorOf(head),
    is: checked.is,
    checked_to: checked.is === "whole" ? checked.head.n : checked.n - 1,
    why: checked.is === "broken" ? checked.why : "",
    checked_at: new Date(checked_at).toISOString(),
    whole_checked_at: whole_at === null ? null : new Date(whole_at).toISOString(),
    pending,
    trouble,
  };
}

/** JSON lines, oldest first, as they stand in the table: with the hashes, so that whoever has them can verify them. */
function exported(c: Context<Env>, audit: AuditTable, filter: Filter): Response {
  const operator = c.get("operator");
  const last = audit.standing().head.n;
  const given = Object.entries(filter).filter(([, value]) => value !== undefined);
  audit.note({
    who: operator.name,
    how: operator.how,
    peer: operator.from,
    what: "audit exported",
    decision: "accepted",
    detail: `up to row ${last}${given.length > 0 ? `, of them ${JSON.stringify(Object.fromEntries(given))}` : ""}`,
  });
  let n = 0;
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const rows = audit.rowsFrom(filter, n, SLICE).filter((row) => row.n <= last);
      n = rows.at(-1)?.n ?? n;
      if (rows.length > 0) controller.enqueue(encoder.encode(rows.map((row) => `${JSON.stringify(row)}\n`).join("")));
      if (rows.length < SLICE) controller.close();
    },
  });
  return new Response(body, {
    headers: {
      "Content-Type": "application/jsonl; charset=utf-8",
      "Content-Disposition": 'attachment; filename="audit.jsonl"',
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
      "X-Streamed": "1",
    },
  });
}
