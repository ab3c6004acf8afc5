/**
 * Behind an enrolment link: one page that sets a password, and then shows the recovery codes, once. The link was printed at the
 * server's own terminal; opening it uses nothing up (messengers look at links), setting the password does.
 */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { CodesPage, EnrolPage } from "../../views/enrol.tsx";
import type { Config } from "../config.ts";
import { answer, answerRefusal } from "../console/answer.tsx";
import { readBody } from "../console/body.ts";
import { Refusal, refuse } from "../refusal.ts";
import { PLAIN_HTTP_ALLOWED, PLAIN_HTTP_REFUSED, withCookies } from "./cookies.ts";
import { neighbourhood } from "./network.ts";
import { type Env, isOf, LOCAL_PREFIX } from "./operator.ts";
import { hashPassword, PASSWORD_ADVICE, whyNot } from "./password.ts";
import type { Proven } from "./prove.ts";
import { NEVER_KEPT, type SignInDeps } from "./sign-in.tsx";

const Enrolment = z.object({
  password: z.string({ error: "choose a password" }).max(4096, "too long for a password"),
  again: z.string({ error: "give the password twice" }).max(4096, "too long for a password"),
  request_id: z.string().optional(),
});

const OVER = new Refusal(
  410,
  "This link is used up or too old: it is good once, and for 15 minutes. Print a fresh one at the server's terminal: bun run access enrol <name>",
);

export function enrolment(config: Config, deps: SignInDeps & { begin(c: Context, proven: Proven): void }) {
  const app = new Hono<Env>();
  const { operators, forms, cookies, delays, tell, turns, sign_ins } = deps;

  app.get("/enrol/:token", async (c) => {
    const name = operators.linkFor(c.req.param("token"));
    if (name === null) return over(c);
    return form(c, name, 200, "");
  });

  app.post("/enrol/:token", async (c) => {
    const foreign = forms.foreign(c);
    if (foreign) return answerRefusal(c, foreign);
    const said = await readBody(c, Enrolment, "send {password, again}");
    const refusal = forms.refusal(c, said.request_id);
    if (refusal) return answerRefusal(c, refusal);
    const token = c.req.param("token");
    const name = operators.linkFor(token);
    if (name === null) return over(c);
    const wrong =
      said.password === said.again ? whyNot(said.password, name) : "The two are not the same; type them again.";
    if (wrong) return form(c, name, 422, wrong);
    // Whoever holds a link was let in at the terminal: no storm of guesses may keep them waiting.
    const hash = await turns.take({ ...forms.whose(c, name), known: true }, () => hashPassword(said.password));
    const enrolled = made(() => operators.enrol(token, hash));
    if (!enrolled) return over(c);
    // An enrolled name that enrols again has lost a password or a phone.
    sign_ins.end((one) => isOf(one, LOCAL_PREFIX + name));
    tell({ is: "enrolled", name: LOCAL_PREFIX + name, from: deps.from(c) });
    deps.begin(c, { short: name, name: LOCAL_PREFIX + name, how: "enrolment" });
    return withCookies(
      c,
      await answer(c, {
        json: { name, recovery_codes: enrolled.codes },
        text: () =>
          `Enrolled as ${name}. Recovery codes, each good once; they are shown only now:\n${enrolled.codes.join("\n")}\n`,
        page: () => <CodesPage name={name} codes={enrolled.codes} fresh lab={config.lab} />,
        headers: NEVER_KEPT,
      }),
    );
  });

  async function over(c: Context): Promise<Response> {
    tell({ is: "link_refused", name: null, from: deps.from(c), why: c.req.method === "GET" ? "opened" : "posted to" });
    await delays.afterAFailure(neighbourhood(deps.from(c)));
    return answerRefusal(c, OVER, { headers: NEVER_KEPT });
  }

  async function form(c: Context, name: string, status: 200 | 422, note: string): Promise<Response> {
    const way = cookies.way(c);
    return withCookies(
      c,
      await answer(c, {
        status,
        json: note ? { detail: note } : { enrols: name, fields: ["password", "again"], asks: PASSWORD_ADVICE },
        text: () => `${note || PASSWORD_ADVICE}\n`,
        page: () => (
          <EnrolPage
            name={name}
            address={c.req.path}
            requestId={way === "refused" ? null : forms.id(c)}
            note={note}
            warning={way === "refused" ? PLAIN_HTTP_REFUSED : way === "plain" ? PLAIN_HTTP_ALLOWED : ""}
            again={operators.passwordOf(name) !== null}
            lab={config.lab}
          />
        ),
        headers: NEVER_KEPT,
      }),
    );
  }

  return app;
}

/** What can't be kept must not be said to be. */
export function made<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    console.error("access:", error);
    return refuse(503, "the disk refuses, so nothing was changed; make room on the console's disk, then send it again");
  }
}
