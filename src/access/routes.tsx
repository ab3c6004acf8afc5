/**
 * `/access`: who is signed in where, and what a person may do about it: end sign-ins, open the wall board on this device, change
 * the password, make new recovery codes. Every operator sees and ends all of them: each is root anyhow.
 */
import { randomBytes } from "node:crypto";
import { type Context, Hono } from "hono";
import { z } from "zod";
import { AccessPage } from "../../views/access.tsx";
import { CodesPage } from "../../views/enrol.tsx";
import type { Config } from "../config.ts";
import { answer } from "../console/answer.tsx";
import { readBody } from "../console/body.ts";
import { refuse } from "../refusal.ts";
import type { Answered } from "./answered.ts";
import { PLAIN_HTTP_REFUSED, withCookies } from "./cookies.ts";
import { deviceOf } from "./device.ts";
import { seal } from "./digest.ts";
import { made } from "./enrol.tsx";
import { neighbourhood } from "./network.ts";
import { type Env, isOf, KIOSK_PREFIX, LOCAL_PREFIX, type Operator, SIGNED_IN_OPERATOR } from "./operator.ts";
import { hashPassword, isPassword, whyNot } from "./password.ts";
import { requestIdOf } from "./request-id.ts";
import { NEVER_KEPT, type SignInDeps } from "./sign-in.tsx";
import type { SignIn } from "./sign-ins.ts";
import { isProved } from "./step-up.ts";

export interface AccessRoutesDeps extends SignInDeps {
  readonly now: () => number;
  readonly answered: Answered;
  /** Whether this console has a wall board. */
  hasBoard(): boolean;
}

const Revoke = z.object({
  sign_in: z.string().max(64).optional(),
  all: z.enum(["mine", "everybody"], "all is mine or everybody").optional(),
  request_id: z.string().optional(),
});
const Password = z.object({
  password: z.string({ error: "choose a password" }).max(4096, "too long for a password"),
  again: z.string({ error: "give the password twice" }).max(4096, "too long for a password"),
  request_id: z.string().optional(),
});

const Plain = z.object({ request_id: z.string().optional() });

export function accessRoutes(config: Config, deps: AccessRoutesDeps) {
  const app = new Hono<Env>();
  const { sign_ins, operators, cookies, ids, tell, turns, answered } = deps;
  // Not the one that is kept: who reads the files must not be able to make a board's cookie.
  const board_key = randomBytes(32);

  app.get("/access", (c) => accessPage(c, 200, ""));

  app.post("/access/revoke", async (c) => {
    const said = await readBody(c, Revoke, "send {sign_in: <id>} or {all: 'mine' | 'everybody'}");
    const me = c.get("operator");
    if (!said.sign_in && !said.all) refuse(422, "say which: a sign-in of the list, or all of them");
    const { all, sign_in } = said;
    const { ended, for_good } = answered.once(me.name, givenId(c, said), `revoke ${all ?? sign_in}`, () => {
      const over = sign_ins.end((one) => (all ? all === "everybody" || isOf(one, me.name) : one.id === sign_in));
      if (sign_in && over.ended.length === 0) refuse(404, "that sign-in has ended already; reload /access");
      for (const one of over.ended)
        tell({ is: "revoked", name: one.name, from: deps.from(c), why: `by ${me.name}: ${one.kind} on ${one.device}` });
      return { ended: over.ended.length, for_good: over.for_good };
    });
    // Of who asks now, and no part of the answer: the same form after a new sign-in must not throw that away.
    const gone = me.sign_in !== null && !sign_ins.list().some((one) => one.id === me.sign_in?.id);
    if (gone) cookies.clearSignIn(c);
    return withCookies(
      c,
      await answer(c, {
        json: { ended, for_good },
        text: () => `${ended} ended.\n`,
        page: { seeOther: gone ? "/login" : "/access" },
        headers: NEVER_KEPT,
      }),
    );
  });

  app.post("/access/kiosk", async (c) => {
    if (!deps.hasBoard()) refuse(404, "this console has no wall board");
    if (cookies.way(c) === "refused") refuse(403, PLAIN_HTTP_REFUSED);
    const me = c.get("operator");
    const id = givenId(c, await readBody(c, Plain, "send nothing, or a form of this console"));
    // Of the request: the same one again gets the same cookie, which stands nowhere.
    const value = id === undefined ? undefined : seal(board_key, [me.name, id]);
    const opened = answered.once(me.name, id, "open a wall board", () => {
      const device = deviceOf(c.req.header("user-agent"));
      const name = KIOSK_PREFIX + me.name;
      const board = sign_ins.begin({ name, kind: "kiosk", how: "wall board", came_from: deps.from(c), device }, value);
      // The tablet stays on the wall without its operator: what they could do here goes with them.
      if (me.sign_in) sign_ins.end((one) => one.id === me.sign_in!.id);
      tell({ is: "kiosk_opened", name: me.name, from: deps.from(c), why: `on ${device}` });
      cookies.setSignIn(c, board.value, "kiosk");
      return { board: board.sign_in.id };
    });
    if (value !== undefined) {
      if (sign_ins.find(value)?.id !== opened.board)
        refuse(
          409,
          "this request opened a wall board before, and its cookie can't be given again; open another from /access",
        );
      cookies.setSignIn(c, value, "kiosk");
    }
    return withCookies(
      c,
      await answer(c, { json: { board: "/kiosk" }, page: { seeOther: "/kiosk" }, headers: NEVER_KEPT }),
    );
  });

  app.post("/access/password", async (c) => {
    const said = await readBody(c, Password, "send {password, again}");
    const { me, name } = enrolledAndProved(c);
    const wrong =
      said.password === said.again ? whyNot(said.password, name) : "The two are not the same; type them again.";
    if (wrong) return accessPage(c, 422, wrong);
    const whose = { known: true, form: `sign-in ${me.sign_in!.id}`, peer: neighbourhood(deps.from(c)) };
    const hash = await turns.take(whose, () => hashPassword(said.password));
    let first = false;
    // Once: a form that is posted again months later must not bring back a password that was changed since.
    answered.once(me.name, givenId(c, said), "change the password", () => {
      made(() => operators.setPassword(name, hash));
      // Whoever knew the old one is out.
      sign_ins.end((one) => isOf(one, me.name) && one.id !== me.sign_in!.id);
      tell({ is: "password_changed", name: me.name, from: deps.from(c) });
      first = true;
      return null;
    });
    if (!first && !(await turns.take(whose, () => isPassword(said.password, operators.passwordOf(name)))))
      refuse(422, "this form changed the password before, and nothing was changed now; open /access anew for another");
    return answer(c, { json: { status: "changed" }, text: () => "Changed.\n", page: { seeOther: "/access" } });
  });

  app.post("/access/codes", async (c) => {
    const said = await readBody(c, Plain, "send nothing, or a form of this console");
    const { me, name } = enrolledAndProved(c);
    const request_id = givenId(c, said) ?? crypto.randomUUID();
    const codes =
      made(() => operators.makeCodes(name, request_id)) ??
      refuse(409, "the codes were made already with this request, and are shown only once; for others go to /access");
    tell({ is: "codes_made", name: me.name, from: deps.from(c) });
    return answer(c, {
      json: { recovery_codes: codes },
      text: () => `${codes.join("\n")}\n`,
      page: () => <CodesPage name={name} codes={codes} lab={config.lab} />,
      headers: NEVER_KEPT,
    });
  });

  function accessPage(c: Context<Env>, status: 200 | 422, note: string) {
    const me = c.get("operator");
    const all = sign_ins.list();
    const mine = enrolledNameOf(me);
    return answer(c, {
      status,
      json: note
        ? { detail: note }
        : { operator: me.name, sign_ins: all.map((one) => inPublic(one, me)), operators: operators.list() },
      text: () => all.map((one) => `${one.id}  ${one.name}  ${one.device}  ${one.came_from}\n`).join(""),
      page: () => (
        <AccessPage
          me={me}
          signIns={all}
          operators={operators.list()}
          codesLeft={mine === null ? null : (operators.list().find((one) => one.name === mine)?.codes_left ?? null)}
          proved={isProved(me, deps.now())}
          requestId={() => ids.make(me.name)}
          board={deps.hasBoard() && cookies.way(c) !== "refused"}
          note={note}
          lab={config.lab}
          now={Date.now()}
        />
      ),
      headers: NEVER_KEPT,
    });
  }

  function enrolledAndProved(c: Context<Env>): { me: Operator; name: string } {
    const me = c.get("operator");
    const name =
      enrolledNameOf(me) ?? refuse(422, `${me.name} has no password here; enrol first, at the server's terminal`);
    if (!isProved(me, deps.now())) refuse(403, "give your password once more at /access/again, then do this");
    return { me, name };
  }

  function enrolledNameOf(me: Operator): string | null {
    if (me.how !== "cookie" || me.name === SIGNED_IN_OPERATOR || !me.name.startsWith(LOCAL_PREFIX)) return null;
    const name = me.name.slice(LOCAL_PREFIX.length);
    return operators.passwordOf(name) === null ? null : name;
  }

  return app;
}

/** Undefined where none was given: then each time is a new request. Malformed: Refusal 422. */
const givenId = (c: Context, said: { readonly request_id?: string }): string | undefined => {
  const given = c.req.header("idempotency-key") ?? said.request_id;
  return given ? requestIdOf(given) : undefined;
};

const inPublic = (one: SignIn, me: Operator) => ({
  id: one.id,
  name: one.name,
  kind: one.kind,
  how: one.how,
  begun_at: new Date(one.begun_at).toISOString(),
  seen_at: new Date(one.seen_at).toISOString(),
  from: one.came_from,
  device: one.device,
  this_one: one.id === me.sign_in?.id,
});
