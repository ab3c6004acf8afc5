/** `/access/again`: the password once more, for what wants it fresh. Who has none here is sent on. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { AgainPage } from "../../views/again.tsx";
import type { Config } from "../config.ts";
import { answer } from "../console/answer.tsx";
import { readBody } from "../console/body.ts";
import { localPath } from "./local-path.ts";
import { neighbourhood } from "./network.ts";
import { type Env, LOCAL_PREFIX, type Operator, SIGNED_IN_OPERATOR } from "./operator.ts";
import { prove, type Shown } from "./prove.ts";
import { NEVER_KEPT, type SignInDeps } from "./sign-in.tsx";

const Again = z.object({
  password: z.string({ error: "give the password" }).min(1, "give the password").max(4096, "too long for a password"),
  request_id: z.string().optional(),
  next: z.string().optional(),
});
export function againRoutes(config: Config, deps: SignInDeps) {
  const app = new Hono<Env>();
  const { sign_ins, ids, tell, delays } = deps;

  app.get("/access/again", (c) => againPage(c, 200, localPath(c.req.query("next")), ""));

  app.post("/access/again", async (c) => {
    const said = await readBody(c, Again, "send {password}");
    const me = c.get("operator");
    const next = localPath(said.next);
    if (!me.sign_in) return answer(c, { json: { status: "not needed" }, page: { seeOther: next } });
    const peer = neighbourhood(deps.from(c));
    const whose = { known: true, form: `sign-in ${me.sign_in.id}`, peer };
    const proven = await prove(shownBy(me, said.password), whose, deps);
    if (!proven) {
      tell({ is: "sign_in_failed", name: me.name, from: deps.from(c), why: "password asked for again" });
      delays.count(whose.form);
      await delays.afterAFailure(peer);
      return againPage(c, 403, next, "That is not it. You are still signed in; try again.");
    }
    sign_ins.proved(me.sign_in.id);
    tell({ is: "proved", name: me.name, from: deps.from(c) });
    return answer(c, {
      json: { status: "proved" },
      text: () => "Good for five minutes.\n",
      page: { seeOther: next },
      headers: { ...NEVER_KEPT, "HX-Redirect": next },
    });
  });

  function againPage(c: Context<Env>, status: 200 | 403, next: string, note: string) {
    const me = c.get("operator");
    return answer(c, {
      status,
      json: note ? { detail: note } : { fields: ["password"] },
      text: () => `${note || "POST {password} here."}\n`,
      page: () => (
        <AgainPage
          name={me.name}
          token={me.name === SIGNED_IN_OPERATOR}
          needed={me.sign_in !== undefined}
          requestId={ids.make(me.name)}
          next={next}
          note={note}
          lab={config.lab}
        />
      ),
      headers: NEVER_KEPT,
    });
  }

  return app;
}

const shownBy = (me: Operator, given: string): Shown =>
  me.name === SIGNED_IN_OPERATOR
    ? { is: "token", token: given.trim() }
    : { is: "password", name: me.name.slice(LOCAL_PREFIX.length), password: given };
