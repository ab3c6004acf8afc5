/**
 * The door, in front of every route: is the Host ours (421), who is it (401), does a change come from our own page (403).
 * Deny by default: only the addresses listed here are open. It knows no route behind it.
 */
import type { Context, MiddlewareHandler } from "hono";
import type { Config } from "../config.ts";
import { answerRefusal } from "../console/answer.tsx";
import { Refusal } from "../refusal.ts";
import type { Delays } from "./delay.ts";
import { sameSecret } from "./digest.ts";
import { edgeUser } from "./edge.ts";
import { fieldOf } from "./field.ts";
import { isOurHost } from "./host-check.ts";
import {
  BEARER_OPERATOR,
  EDGE_PREFIX,
  type Env,
  LAB_OPERATOR,
  METRICS_OPERATOR,
  type Operator,
  SIGNED_IN_OPERATOR,
} from "./operator.ts";
import type { RequestIds } from "./request-id.ts";
import { isSafe, provenance } from "./same-origin.ts";
import type { SessionCookies } from "./session-cookie.ts";

export interface GuardDeps {
  /** The address of the other end of the connection; empty when unknown, and then trusted with nothing. */
  peer(c: Context): string;
  readonly ids: RequestIds;
  readonly cookies: SessionCookies;
  readonly delays: Delays;
  /** The cookie that this request carries, under the name that fits its scheme. */
  cookie(c: Context): string | null;
  /** Answers 401 in the caller's form: a browser gets the sign-in page itself, at the address it asked for. */
  askToSignIn(c: Context, note: string): Promise<Response>;
}

const OPEN = new Set(["/login", "/manifest.webmanifest", "/favicon.ico", "/sw.js", "/apple-touch-icon.png"]);
const isOpen = (path: string): boolean => OPEN.has(path) || path.startsWith("/static/") || path.startsWith("/icons/");

export function guard(config: Config, deps: GuardDeps): MiddlewareHandler<Env> {
  return async (c, next) => {
    const { method, path } = c.req;
    // A probe knows neither name nor token, and learns nothing here.
    if (path === "/health" && isSafe(method)) return next();
    const host = c.req.header("host") ?? null;
    if (!isOurHost(host, config.access.origins)) return answerRefusal(c, foreignHost(host));
    // `/login` proves its own form: there is no operator yet whose request id could.
    if (isOpen(path) && (isSafe(method) || path === "/login")) return next();

    const seen = identify(config, deps, c);
    if (!seen.operator) {
      if (seen.wrong_token) await deps.delays.afterAFailure();
      return deps.askToSignIn(c, seen.note);
    }
    if (!(await isFromOurPage(config, deps, c, seen.operator))) return answerRefusal(c, foreignPage(config));
    c.set("operator", seen.operator);
    return next();
  };
}

interface Seen {
  readonly operator: Operator | null;
  readonly wrong_token: boolean;
  /** What to tell whoever set this up, when something was shown that does not count. */
  readonly note: string;
}

/** Bearer, cookie, edge, then the open lab. What does not hold is as if it were absent: an edge may send tokens of its own. */
function identify(config: Config, deps: GuardDeps, c: Context): Seen {
  const { access } = config;
  const from = deps.peer(c);
  const is = (name: string, how: Operator["how"]): Seen => ({
    operator: { name, how, from },
    wrong_token: false,
    note: "",
  });

  const token = bearerOf(c.req.header("authorization"));
  if (token !== null) {
    if (access.bearer !== null && sameSecret(token, access.bearer)) return is(BEARER_OPERATOR, "bearer");
    const reads = c.req.path === "/metrics" && isSafe(c.req.method);
    if (access.metrics_token !== null && reads && sameSecret(token, access.metrics_token))
      return is(METRICS_OPERATOR, "bearer");
  }
  const cookie = deps.cookie(c);
  if (cookie !== null && deps.cookies.holds(cookie)) return is(SIGNED_IN_OPERATOR, "cookie");
  const edge = edgeUser(access, from, c.req.raw.headers);
  if (edge.is === "somebody") return is(EDGE_PREFIX + edge.name, "edge");
  if (access.open_lab) return is(LAB_OPERATOR, "lab");
  return { operator: null, wrong_token: token !== null, note: edge.is === "refused" ? edge.why : "" };
}

function bearerOf(authorization: string | undefined): string | null {
  return authorization?.match(/^bearer +(\S+)$/i)?.[1] ?? null;
}

async function isFromOurPage(config: Config, deps: GuardDeps, c: Context, operator: Operator): Promise<boolean> {
  const from = provenanceOf(c, config.access.origins, operator.how === "bearer");
  if (from !== "silent") return from === "ours";
  const id = await fieldOf(c.req.raw, "request_id");
  return id !== null && deps.ids.proves(id, operator.name);
}

export function provenanceOf(c: Context, ours: readonly string[], bearer: boolean) {
  return provenance({
    method: c.req.method,
    sec_fetch_site: c.req.header("sec-fetch-site") ?? null,
    origin: c.req.header("origin") ?? null,
    ours,
    bearer,
  });
}

function foreignHost(host: string | null): Refusal {
  const name = host === null ? "no name" : `the name ${host.slice(0, 80)}`;
  return new Refusal(
    421,
    `This console was asked for by ${name}, which is not one of its own; open it by an address of its own, or add this one to BREAKGLASS_ORIGINS.`,
  );
}

function foreignPage(config: Config): Refusal {
  return new Refusal(
    403,
    `This did not come from a page of this console, so nothing was done; open the console at ${config.access.origins[0]} and do it there (a program: send the bearer token, or Origin: ${config.access.origins[0]}).`,
  );
}
