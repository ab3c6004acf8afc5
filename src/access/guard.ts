/**
 * The door, in front of every route: is the Host ours (421), who is it (401), may they here (403), does a change come from our
 * own page (403), is the password fresh where it must be (403). Deny by default: what each address allows stands in `policy.ts`.
 * It knows no route behind it.
 */
import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import { ProofAsked } from "../../views/again.tsx";
import type { Config } from "../config.ts";
import { answer, answerRefusal } from "../console/answer.tsx";
import { Refusal } from "../refusal.ts";
import type { Cookies } from "./cookies.ts";
import type { Delays } from "./delay.ts";
import { sameSecret } from "./digest.ts";
import { edgeUser } from "./edge.ts";
import { fieldOf } from "./field.ts";
import { isOurHost } from "./host-check.ts";
import { neighbourhood } from "./network.ts";
import { BEARER_OPERATOR, EDGE_PREFIX, type Env, LAB_OPERATOR, METRICS_OPERATOR, type Operator } from "./operator.ts";
import { addressOf, type Policy, policyOf } from "./policy.ts";
import type { RequestIds } from "./request-id.ts";
import { isSafe, provenance } from "./same-origin.ts";
import type { SignIn, SignIns } from "./sign-ins.ts";
import { isProved, needsProof } from "./step-up.ts";
import type { Tell } from "./told.ts";
import { untilOver } from "./until-over.ts";

export interface GuardDeps {
  /** The address of the other end of the connection; empty when unknown, and then trusted with nothing. */
  peer(c: Context): string;
  /** The same for words; behind a trusted edge "<client> via <edge>". */
  from(c: Context): string;
  readonly ids: RequestIds;
  readonly cookies: Cookies;
  readonly sign_ins: SignIns;
  readonly delays: Delays;
  readonly now: () => number;
  readonly tell: Tell;
  /** Answers 401 in the caller's form: a browser gets the sign-in page itself, at the address it asked for. */
  askToSignIn(c: Context, note: string): Promise<Response>;
}

/** What browsers fetch by themselves, whether or not there is a route for it: a 401 would only fill the log. */
const FETCHED = new Set(["/manifest.webmanifest", "/favicon.ico", "/sw.js", "/apple-touch-icon.png"]);
const isOpen = (path: string): boolean =>
  FETCHED.has(path) || path.startsWith("/static/") || path.startsWith("/icons/");

export function guard(config: Config, deps: GuardDeps): MiddlewareHandler<Env> {
  return async (c, next) => {
    const { method, path } = c.req;
    // A probe knows neither name nor token, and learns nothing here.
    if (path === "/health" && isSafe(method)) return next();
    const host = c.req.header("host") ?? null;
    if (!isOurHost(host, config.access.origins)) return answerRefusal(c, foreignHost(host));
    // The open forms prove themselves: there is no operator yet whose request id could.
    if (policyHere(c) === "everybody" || (isSafe(method) && isOpen(path))) return next();

    const seen = identify(config, deps, c);
    const { operator, sign_in } = seen;
    if (!operator) {
      if (seen.wrong_token) {
        deps.tell({ is: "token_refused", name: null, from: deps.from(c), why: `asked for ${path}` });
        await deps.delays.afterAFailure(neighbourhood(deps.from(c)));
      }
      return deps.askToSignIn(c, seen.note);
    }
    // Before the refusals below: the audit asks whom they met.
    c.set("operator", operator);
    if (operator.how === "kiosk" && policyHere(c) !== "kiosk") return answerRefusal(c, BOARD_ONLY);
    if (!(await isFromOurPage(config, deps, c, operator))) return answerRefusal(c, foreignPage(config, host));
    if (config.access.step_up && needsProof(method, path) && !isProved(operator, deps.now())) return askForProof(c);
    await next();
    if (!sign_in) return;
    // The answer is open-ended: it must not outlive the sign-in, and reading it is nobody doing anything.
    const open = /^text\/event-stream/.test(c.res.headers.get("Content-Type") ?? "") || c.res.headers.has("X-Streamed");
    if (open) c.res = untilOver(c.res, (over) => deps.sign_ins.whenOver(sign_in.id, over));
    else deps.sign_ins.seen(sign_in);
    // Browsers keep no cookie for ever; a board that is on for years is given its own anew.
    const cookie = deps.cookies.signIn(c);
    if (sign_in.kind === "kiosk" && cookie !== null && !open && isSafe(method))
      deps.cookies.setSignIn(c, cookie, "kiosk");
  };
}

interface Seen {
  readonly operator: Operator | null;
  readonly sign_in: SignIn | null;
  readonly wrong_token: boolean;
  /** What to tell whoever set this up, when something was shown that does not count. */
  readonly note: string;
}

/** Bearer, cookie, edge, then the open lab. What does not hold is as if it were absent: an edge may send tokens of its own. */
function identify(config: Config, deps: GuardDeps, c: Context): Seen {
  const { access } = config;
  const from = deps.from(c);
  const is = (name: string, how: Operator["how"]): Seen => ({
    operator: { name, how, from },
    sign_in: null,
    wrong_token: false,
    note: "",
  });
  const edge = edgeUser(access, deps.peer(c), c.req.raw.headers);
  // Told whoever else is signed in: somebody said that they are who they are not.
  if (edge.is === "refused")
    deps.tell({ is: "header_refused", name: c.req.header(access.user_header) ?? null, from, why: edge.why });

  const token = bearerOf(c.req.header("authorization"));
  if (token !== null) {
    if (access.bearer !== null && sameSecret(token, access.bearer)) return is(BEARER_OPERATOR, "bearer");
    const reads = c.req.path === "/metrics" && isSafe(c.req.method);
    if (access.metrics_token !== null && reads && sameSecret(token, access.metrics_token))
      return is(METRICS_OPERATOR, "bearer");
  }
  const cookie = deps.cookies.signIn(c);
  const sign_in = cookie === null ? null : deps.sign_ins.find(cookie);
  if (sign_in) {
    const how = sign_in.kind === "kiosk" ? "kiosk" : "cookie";
    const operator = {
      name: sign_in.name,
      how,
      from,
      sign_in: { id: sign_in.id, proved_at: sign_in.proved_at },
    } as const;
    return { operator, sign_in, wrong_token: false, note: "" };
  }
  if (edge.is === "somebody") return is(EDGE_PREFIX + edge.name, "edge");
  if (access.open_lab) return is(LAB_OPERATOR, "lab");
  return { operator: null, sign_in: null, wrong_token: token !== null, note: edge.is === "refused" ? edge.why : "" };
}

function bearerOf(authorization: string | undefined): string | null {
  return authorization?.match(/^bearer +(\S+)$/i)?.[1] ?? null;
}

/** Of the route that would answer; where there is none, nobody is allowed what operators are not. */
function policyHere(c: Context): Policy {
  const route = matchedRoutes(c).find(({ method }) => method !== "ALL");
  return route ? policyOf(addressOf(route.method, route.path)) : "operator";
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

const BOARD_ONLY = new Refusal(
  403,
  "This device shows the wall board and nothing else; to do more on it, go to /login.",
);

export function askForProof(c: Context): Promise<Response> {
  // Sent for the card of an approval, too: there the agent asks for a verb, or for a command.
  const what = c.req.path.startsWith("/api/approval/")
    ? "A yes to what may end what runs wants"
    : "Stop, reset and cycle want";
  const sentence = `${what} your password once more; nothing was done yet.`;
  const back = c.req.header("referer");
  const page = back !== undefined && URL.canParse(back) ? new URL(back) : null;
  const next = page && page.host === c.req.header("host") ? page.pathname + page.search : "/";
  const way = `/access/again?next=${encodeURIComponent(next)}`;
  return answer(c, {
    status: 403,
    json: { detail: sentence, give_it_at: "/access/again" },
    text: () => `${sentence} Give it at /access/again.\n`,
    fragment: () => ProofAsked({ sentence, way }),
    page: () => ProofAsked({ sentence, way, page: true }),
  });
}

function foreignHost(host: string | null): Refusal {
  const name = host === null ? "no name" : `the name ${host.slice(0, 80)}`;
  return new Refusal(
    421,
    `This console was asked for by ${name}, which is not one of its own; open it by an address of its own, or add this one to BREAKGLASS_ORIGINS.`,
  );
}

/** Names the address that they came by: another of ours may be out of their reach. */
function foreignPage(config: Config, host: string | null): Refusal {
  const { origins } = config.access;
  const here = origins.find((origin) => isOurHost(host, [origin])) ?? origins[0];
  return new Refusal(
    403,
    `This did not come from a page of this console, so nothing was done; open the console at ${here} and do it there (a program: send the bearer token, or Origin: ${here}).`,
  );
}
