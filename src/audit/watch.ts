/**
 * What requests tell the audit beside the log: what was refused, and the few acts that are no entry. It stands around the guard
 * and decides nothing; and it makes known who asks while a request is at work.
 */
import type { Context, MiddlewareHandler } from "hono";
import type { Env, Operator } from "../access/operator.ts";
import { isSafe } from "../access/same-origin.ts";
import type { AccessEvent } from "../access/told.ts";
import { fromWhere, isAsking, whileAsking } from "./asking.ts";
import type { Act } from "./left.ts";
import { Refusals } from "./refusals.ts";
import type { AuditTable } from "./table.ts";

/**
 * Acts that leave no entry in the log: the lab's faults, and a command that was stopped. `/api/confirming` is none: it says what an
 * operator looks at, a tap is still to come, and every dialog would be two rows.
 */
const NO_ENTRY = [/^\/lab\/fault$/, /\/run\/[^/]+\/stop$/];
/** Refusals that are drawn as a page of their own, or where no route was. Not each 4xx or 5xx: an action that failed was none. */
const DRAWN: ReadonlySet<number> = new Set([404, 405, 422]);

export interface AuditWatch {
  /** Before the guard. */
  readonly refusals: MiddlewareHandler<Env>;
  /** Behind the guard. */
  readonly asking: MiddlewareHandler<Env>;
  /** For what access tells. */
  readonly access: (event: AccessEvent) => void;
  /** For what was done at the server's own terminal. */
  terminal(act: Act): void;
  close(): void;
}

export function auditWatch(audit: AuditTable, whence: (c: Context) => string): AuditWatch {
  const refusals = new Refusals((fact) => audit.note(fact));
  return {
    async refusals(c, next) {
      const from = whence(c);
      await whileAsking(from, next);
      const { status } = c.res;
      const unsafe = !isSafe(c.req.method);
      const operator: Operator | undefined = c.get("operator");
      const by = { who: operator?.name ?? "nobody", how: operator?.how ?? "", peer: from };
      const what = `${c.req.method} ${pathOf(c)}`;
      // What was shown and does not count, access tells by itself; here is only who showed nothing at all.
      const stranger = status === 401 && unsafe && c.req.path !== "/login" && !c.req.header("authorization");
      if (stranger || status === 421 || status === 403 || (unsafe && (c.error !== undefined || DRAWN.has(status))))
        refusals.seen({
          ...by,
          // A flood of made-up addresses is one kind of refusal.
          what: status === 421 ? "a Host that is not ours" : what,
          target: c.req.query("target") ?? "",
          request_id: idOf(c),
          outcome: String(status),
          detail: status === 421 ? `${what} of ${c.req.header("host") ?? "no name"}` : (c.error?.message ?? ""),
        });
      else if (unsafe && status < 400 && NO_ENTRY.some((path) => path.test(c.req.path)))
        audit.note({ ...by, what, decision: "accepted", outcome: c.get("came_of") ?? "done" });
    },
    asking: (c, next) => {
      const operator: Operator | undefined = c.get("operator");
      if (operator) isAsking(operator);
      return next();
    },
    access(event) {
      const what = WORDS[event.is];
      const terminal = event.from.startsWith("terminal:");
      const by = {
        who: terminal ? event.from : (event.name ?? "nobody"),
        peer: terminal ? "" : (fromWhere() ?? event.from),
      };
      const why = terminal && event.name ? `${event.name}${event.why && `: ${event.why}`}` : event.why;
      if (!REFUSED.has(event.is))
        return audit.note({
          ...by,
          how: terminal ? "terminal" : "",
          at: event.at,
          what,
          decision: "accepted",
          detail: why,
        });
      // Whoever is named here only claims to be that.
      refusals.seen(
        {
          ...by,
          who: "nobody",
          how: "",
          what,
          target: "",
          request_id: "",
          outcome: event.is === "link_refused" ? "410" : "401",
          detail: `${event.name ? `claimed ${event.name}; ` : ""}${why}`,
        },
        event.times,
      );
    },
    terminal({ id, ...act }) {
      if (!audit.knows(id)) audit.note({ ...act, how: "terminal", decision: "accepted", request_id: id });
    },
    close: () => refusals.close(),
  };
}

const WORDS: Readonly<Record<AccessEvent["is"], string>> = {
  signed_in: "signed in",
  signed_out: "signed out",
  header_refused: "user header",
  sign_in_failed: "sign-in",
  token_refused: "token",
  link_refused: "enrolment link",
  link_made: "enrolment link made",
  enrolled: "enrolled",
  removed: "operator removed",
  revoked: "sign-in revoked",
  proved: "password shown again",
  password_changed: "password changed",
  codes_made: "recovery codes made",
  kiosk_opened: "wall board opened",
};

const REFUSED: ReadonlySet<AccessEvent["is"]> = new Set([
  "header_refused",
  "sign_in_failed",
  "token_refused",
  "link_refused",
]);

/** Without ids, which differ each time: a flood must stay one kind. */
const pathOf = (c: Context): string =>
  c.req.path
    .slice(0, 120)
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, ":id")
    .replace(/\/[A-Za-z0-9_-]{22,}/g, "/:id");

const idOf = (c: Context): string => (c.req.header("idempotency-key") ?? "").slice(0, 64);
