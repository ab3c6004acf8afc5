/**
 * Signing in and out where no edge does it: the page, what it takes (a name with a password or a recovery code, or the token),
 * and the way out.
 */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { SignInFragment, SignInPage } from "../../views/sign-in.tsx";
import type { Config } from "../config.ts";
import { answer, answerRefusal } from "../console/answer.tsx";
import { readBody } from "../console/body.ts";
import { refuse } from "../refusal.ts";
import { type Cookies, PLAIN_HTTP_ALLOWED, PLAIN_HTTP_REFUSED, withCookies } from "./cookies.ts";
import type { Delays } from "./delay.ts";
import { deviceOf } from "./device.ts";
import { localPath, nextAfter } from "./local-path.ts";
import { neighbourhood } from "./network.ts";
import type { Env } from "./operator.ts";
import type { OwnForms } from "./own-form.ts";
import { nameOf, type Proven, type Provers, prove, type Shown } from "./prove.ts";
import type { RequestIds } from "./request-id.ts";
import type { SignIns } from "./sign-ins.ts";
import type { Tell } from "./told.ts";

export interface SignInDeps extends Provers {
  /** The address that they come from; behind a trusted edge "<client> via <edge>". */
  from(c: Context): string;
  readonly ids: RequestIds;
  readonly cookies: Cookies;
  readonly forms: OwnForms;
  readonly sign_ins: SignIns;
  readonly delays: Delays;
  readonly tell: Tell;
}

const text = (what: string) => z.string({ error: `give the ${what}` }).max(4096, `too long for a ${what}`);
const SignInBody = z.object({
  token: text("token").trim().optional(),
  name: text("name").optional(),
  password: text("password").optional(),
  code: text("recovery code").optional(),
  request_id: z.string().optional(),
  next: z.string().optional(),
});

export function signIn(config: Config, deps: SignInDeps) {
  const app = new Hono<Env>();
  const { cookies, forms, sign_ins, delays, tell } = deps;

  app.get("/login", async (c): Promise<Response> => {
    const next = localPath(c.req.query("next"));
    const held = cookies.signIn(c);
    const here = held === null ? null : sign_ins.find(held);
    if (here?.kind === "operator") return c.redirect(next, 303);
    return signInPage(c, { status: 200, next, note: noteFor(), board: here?.name });
  });

  app.post("/login", async (c) => {
    const foreign = forms.foreign(c);
    if (foreign) return answerRefusal(c, foreign);
    const said = await readBody(c, SignInBody, "send {name, password}, {name, code} or {token}");
    const refusal = forms.refusal(c, said.request_id);
    if (refusal) return answerRefusal(c, refusal);
    const shown = shownIn(said);
    const next = localPath(said.next);
    const name = shown.is === "token" ? "token" : nameOf(shown.name);
    const whose = forms.whose(c, name);
    const proven = await prove(shown, whose, deps);
    if (!proven) {
      tell({ is: "sign_in_failed", name: `local:${name}`, from: deps.from(c), why: `by ${WAYS[shown.is]}` });
      delays.count(whose.form);
      await delays.afterAFailure(neighbourhood(deps.from(c)));
      return signInPage(c, {
        status: 401,
        next,
        note: noteFor() || WRONG[shown.is],
        name: shown.is === "token" ? "" : name,
        tried: shown.is,
      });
    }
    begin(c, proven);
    return withCookies(
      c,
      await answer(c, {
        json: { status: "signed in" },
        text: () => "Signed in: for 12 hours, and until 30 minutes pass without a tap.\n",
        page: { seeOther: next },
        fragment: () => "",
        headers: { ...NEVER_KEPT, "HX-Redirect": next },
      }),
    );
  });

  app.post("/logout", async (c) => {
    const cookie = cookies.signIn(c);
    const here = cookie === null ? null : sign_ins.find(cookie);
    const { for_good } = here ? sign_ins.end((one) => one.id === here.id) : { for_good: true };
    if (here) tell({ is: "signed_out", name: here.name, from: deps.from(c) });
    cookies.clearSignIn(c);
    return withCookies(
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

  /** A fresh cookie each time, so that one that was planted before is worth nothing; what this browser had ends. */
  function begin(c: Context, proven: Proven): { readonly id: string } {
    const before = cookies.signIn(c);
    const old = before === null ? null : sign_ins.find(before);
    if (old) sign_ins.end((one) => one.id === old.id);
    const device = deviceOf(c.req.header("user-agent"));
    const { value, sign_in } = sign_ins.begin({
      name: proven.name,
      kind: "operator",
      how: proven.how,
      came_from: deps.from(c),
      device,
    });
    cookies.setSignIn(c, value, "operator");
    if (proven.how !== "token") cookies.setDevice(c, proven.short);
    tell({ is: "signed_in", name: proven.name, from: deps.from(c), why: `by ${proven.how}, on ${device}` });
    return sign_in;
  }

  async function signInPage(
    c: Context,
    a: { status: 200 | 401; next: string; note: string; name?: string; tried?: Shown["is"]; board?: string },
  ): Promise<Response> {
    const way = cookies.way(c);
    const names = deps.operators.any;
    return withCookies(
      c,
      await answer(c, {
        status: a.status,
        json:
          a.status === 401
            ? { detail: "unauthenticated" }
            : { sign_in: "POST /login", fields: [...(names ? ["name", "password", "code"] : []), "token"] },
        text: () => `${inALine(a.note)}\n`,
        fragment: () => <SignInFragment next={a.next} />,
        page: () => (
          <SignInPage
            requestId={way === "refused" ? null : forms.id(c)}
            note={a.note}
            warning={way === "refused" ? PLAIN_HTTP_REFUSED : way === "plain" ? PLAIN_HTTP_ALLOWED : ""}
            next={a.next}
            name={a.name}
            tried={a.tried}
            boardId={a.board === undefined ? undefined : deps.ids.make(a.board)}
            names={names}
            token={deps.bearer !== null}
            lab={config.lab}
          />
        ),
        headers: NEVER_KEPT,
      }),
    );
  }

  function noteFor(): string {
    if (config.access.open_lab) return "This is the lab on your own machine: it needs no sign-in.";
    return deps.bearer === null && !deps.operators.any
      ? "Nobody signs in here yet: no operator is enrolled (bun run access enrol <name>, at the server's terminal) and no API_BEARER_TOKEN is set. Come in through the edge in front of it."
      : "";
  }

  return {
    routes: app,
    begin,
    askToSignIn: (c: Context, note: string) =>
      signInPage(c, { status: 401, next: nextAfter(c), note: note || noteFor() }),
  };
}

function shownIn(said: z.output<typeof SignInBody>): Shown {
  const { token, name, password, code } = said;
  if (token) return { is: "token", token };
  if (name && code) return { is: "code", name, code };
  if (name && password) return { is: "password", name, password };
  refuse(422, "something is missing; give your name with the password or a recovery code, or give the token");
}

export const NEVER_KEPT = { "Cache-Control": "no-store" };

const WAYS = { token: "token", password: "password", code: "recovery code" } as const;
const WRONG = {
  token: "That is not the token. Nothing is locked; try again.",
  password: "That name and that password do not belong together. Nothing is locked; try again.",
  code: "That is no recovery code of that name, or it was used before. Nothing is locked; try another.",
} as const;

const inALine = (note: string): string =>
  `${note ? `${note} ` : ""}Not signed in: send "Authorization: Bearer <API_BEARER_TOKEN>", or open /login.`;
