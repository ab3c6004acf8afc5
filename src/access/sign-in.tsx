/**
 * Signing in with the token, for a phone with no edge in front: the page, the cookie, and the way out. The form proves
 * itself by an id bound to a cookie that came with it, since nobody is signed in yet whose id could.
 */
import { randomBytes } from "node:crypto";
import { type Context, Hono } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { z } from "zod";
import { SignInFragment, SignInPage } from "../../views/sign-in.tsx";
import type { Config } from "../config.ts";
import { answer, answerRefusal } from "../console/answer.tsx";
import { BODY_LIMIT, readBody } from "../console/body.ts";
import { Refusal, refuse } from "../refusal.ts";
import type { Delays } from "./delay.ts";
import { sameSecret } from "./digest.ts";
import { fromEdge } from "./edge.ts";
import { provenanceOf } from "./guard.ts";
import type { Env } from "./operator.ts";
import type { RequestIds } from "./request-id.ts";
import { type SessionCookies, SIGNED_IN_FOR_MS } from "./session-cookie.ts";

export interface SignInDeps {
  peer(c: Context): string;
  readonly ids: RequestIds;
  readonly cookies: SessionCookies;
  readonly delays: Delays;
}

const SignIn = z.object({
  token: z.string({ error: "give the token" }).trim().min(1, "give the token").max(4096, "too long for a token"),
  request_id: z.string().optional(),
  next: z.string().optional(),
});

export function signIn(config: Config, deps: SignInDeps) {
  const app = new Hono<Env>();
  const names = cookieNames(config, deps);

  app.get("/login", async (c): Promise<Response> => {
    const next = localPath(c.req.query("next"));
    // From a link elsewhere a Strict cookie stays away once, and the sign-in page shows; from our own page it comes along.
    const held = getCookie(c, names.of(c).operator);
    if (held !== undefined && deps.cookies.holds(held)) return c.redirect(next, 303);
    return signInPage(c, { status: 200, next, note: noteFor(config) });
  });

  app.post("/login", async (c) => {
    if (Number(c.req.header("content-length") ?? 0) > BODY_LIMIT)
      refuse(413, "that is too long for a sign-in; send the token alone");
    const said = await readBody(c, SignIn, "send the console's API_BEARER_TOKEN as {token}");
    if (!isOwnForm(c, said.request_id)) return answerRefusal(c, foreignForm());
    const next = localPath(said.next);
    if (config.access.bearer === null || !sameSecret(said.token, config.access.bearer)) {
      await deps.delays.afterAFailure();
      return signInPage(c, {
        status: 401,
        next,
        note: noteFor(config) || "That is not the token. Nothing is locked; try again.",
      });
    }
    setCookie(c, names.of(c).operator, deps.cookies.issue(), {
      ...names.of(c).options,
      maxAge: SIGNED_IN_FOR_MS / 1000,
    });
    return kept(
      c,
      await answer(c, {
        json: { status: "signed in" },
        text: () => "Signed in for 12 hours.\n",
        page: { seeOther: next },
        fragment: () => "",
        headers: { ...NEVER_KEPT, "HX-Redirect": next },
      }),
    );
  });

  app.post("/logout", async (c) => {
    const cookie = getCookie(c, names.of(c).operator);
    const for_good = cookie === undefined || deps.cookies.revoke(cookie);
    setCookie(c, names.of(c).operator, "", { ...names.of(c).options, maxAge: 0 });
    return kept(
      c,
      await answer(c, {
        json: { status: "signed out", for_good },
        text: () =>
          for_good ? "Signed out.\n" : "Signed out, until the console restarts: its disk can't be written.\n",
        page: { seeOther: "/login" },
        fragment: () => "",
        headers: { ...NEVER_KEPT, "HX-Redirect": "/login" },
      }),
    );
  });

  /** The id that a form carries is good only together with the cookie that was set with it. */
  function isOwnForm(c: Context, id: string | undefined): boolean {
    const from = provenanceOf(c, config.access.origins, false);
    if (from !== "silent") return from === "ours";
    const bound = getCookie(c, names.of(c).form);
    return id !== undefined && bound !== undefined && deps.ids.proves(id, bound, "login");
  }

  async function signInPage(c: Context, a: { status: 200 | 401; next: string; note: string }): Promise<Response> {
    const bound = formCookie(c);
    return kept(
      c,
      await answer(c, {
        status: a.status,
        json: a.status === 401 ? { detail: "unauthenticated" } : { sign_in: "POST /login", fields: ["token"] },
        text: () => `${inALine(a.note)}\n`,
        fragment: () => <SignInFragment next={a.next} />,
        page: () => <SignInPage requestId={deps.ids.make(bound, "login")} note={a.note} next={a.next} />,
        headers: NEVER_KEPT,
      }),
    );
  }

  function formCookie(c: Context): string {
    const { form, options } = names.of(c);
    const there = getCookie(c, form);
    if (there !== undefined && /^[\w-]{22}$/.test(there)) return there;
    const fresh = randomBytes(16).toString("base64url");
    setCookie(c, form, fresh, options);
    return fresh;
  }

  return {
    routes: app,
    cookie: (c: Context): string | null => getCookie(c, names.of(c).operator) ?? null,
    askToSignIn: (c: Context, note: string) =>
      signInPage(c, { status: 401, next: nextAfter(c), note: note || noteFor(config) }),
  };
}

const NEVER_KEPT = { "Cache-Control": "no-store" };

const inALine = (note: string): string =>
  `${note ? `${note} ` : ""}Not signed in: send "Authorization: Bearer <API_BEARER_TOKEN>", or open /login.`;

function noteFor(config: Config): string {
  if (config.access.open_lab) return "This is the lab on your own machine: it needs no sign-in.";
  return config.access.bearer === null
    ? "No token is set on this console (API_BEARER_TOKEN): come in through the edge in front of it."
    : "";
}

function foreignForm(): Refusal {
  return new Refusal(
    403,
    "This sign-in did not come from this console's own page, so nothing was done; open /login here, with cookies allowed, and sign in there.",
  );
}

/** Where to go after signing in: the page that was asked for, or the one that a refused form stood on. */
function nextAfter(c: Context): string {
  const url = new URL(c.req.url);
  if (c.req.method === "GET") return localPath(url.pathname + url.search);
  const page = c.req.header("referer");
  if (page === undefined || !URL.canParse(page)) return "/";
  const from = new URL(page);
  return from.host === c.req.header("host") ? localPath(from.pathname + from.search) : "/";
}

/** A path of ours and nothing else: `//elsewhere` and `/\elsewhere` are other people's addresses. */
export function localPath(path: string | undefined): string {
  if (path === undefined || path.length > 512 || !/^\/(?![/\\])[\x21-\x7e]*$/.test(path)) return "/";
  return /^\/(login|logout)\b/.test(path) ? "/" : path;
}

function cookieNames(config: Config, deps: Pick<SignInDeps, "peer">) {
  const base = { httpOnly: true, sameSite: "Strict", path: "/" } as const;
  // Cookies know no ports: two consoles on one host must not sign each other out.
  const plain = { operator: `breakglass_${config.port}`, form: `breakglass_form_${config.port}`, options: base };
  const secure = { operator: "__Host-breakglass", form: "__Host-breakglass_form", options: { ...base, secure: true } };
  return { of: (c: Context) => (isHttps(c, config, deps.peer(c)) ? secure : plain) };
}

/** By the word of a trusted edge, or because `BREAKGLASS_ORIGINS` knows this Host by https alone. */
function isHttps(c: Context, config: Config, peer: string): boolean {
  const told = c.req.header("x-forwarded-proto")?.split(",")[0]?.trim().toLowerCase();
  if (told !== undefined && fromEdge(config.access, peer, c.req.raw.headers)) return told === "https";
  const host = c.req.header("host")?.toLowerCase();
  const known = config.access.origins.filter((origin) => new URL(origin).host === host);
  return known.length > 0 && known.every((origin) => origin.startsWith("https:"));
}

/** `answer` makes its own Response; the cookies set on the context go along with it. */
function kept(c: Context, response: Response): Response {
  for (const cookie of c.res.headers.getSetCookie()) response.headers.append("Set-Cookie", cookie);
  return response;
}
