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
import { digest } from "./digest.ts";
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

/** Two taps on "Set the password" are further apart than this on no link that one can work with. */
const SECOND_TAP_MS = 60_000;

interface Shown {
  readonly name: string;
  readonly codes: readonly string[];
  /** Which sign-in the newest of these answers began. */
  sign_in: string | null;
}

const OVER = new Refusal(
  410,
  "This link is used up or too old: it is good once, and for 15 minutes. Print a fresh one at the server's terminal: bun run access enrol <name>",
);

export function enrolment(
  config: Config,
  deps: SignInDeps & { begin(c: Context, proven: Proven): { readonly id: string } },
) {
  const app = new Hono<Env>();
  const { operators, forms, cookies, delays, tell, turns, sign_ins } = deps;
  /** Codes that were just shown, for the second of two taps: what the first one showed, nobody saw. In memory alone. */
  const just_shown = new Map<string, Shown>();

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
    const tap = said.request_id ? digest(JSON.stringify([token, said.request_id, said.password])).toString("hex") : "";
    const name = operators.linkFor(token);
    if (name === null) return just_shown.has(tap) ? show(c, just_shown.get(tap)!) : over(c);
    const wrong =
      said.password === said.again ? whyNot(said.password, name) : "The two are not the same; type them again.";
    if (wrong) return form(c, name, 422, wrong);
    // Whoever holds a link was let in at the terminal: no storm of guesses may keep them waiting.
    const hash = await turns.take({ ...forms.whose(c, name), known: true }, () => hashPassword(said.password));
    const enrolled = made(() => operators.enrol(token, hash));
    if (!enrolled) return just_shown.has(tap) ? show(c, just_shown.get(tap)!) : over(c);
    // An enrolled name that enrols again has lost a password or a phone.
    sign_ins.end((one) => isOf(one, LOCAL_PREFIX + name));
    tell({ is: "enrolled", name: LOCAL_PREFIX + name, from: deps.from(c) });
    const shown: Shown = { name, codes: enrolled.codes, sign_in: null };
    if (tap) {
      just_shown.set(tap, shown);
      setTimeout(() => just_shown.delete(tap), SECOND_TAP_MS).unref?.();
    }
    return show(c, shown);
  });

  async function show(c: Context, shown: Shown): Promise<Response> {
    const { name, codes } = shown;
    // The cookie of the first tap went with the answer that nobody saw.
    if (shown.sign_in !== null) sign_ins.end((one) => one.id === shown.sign_in);
    shown.sign_in = deps.begin(c, { short: name, name: LOCAL_PREFIX + name, how: "enrolment" }).id;
    return withCookies(
      c,
      await answer(c, {
        json: { name, recovery_codes: codes },
        text: () =>
          `Enrolled as ${name}. Recovery codes, each good once; they are shown only now:\n${codes.join("\n")}\n`,
        page: () => <CodesPage name={name} codes={codes} fresh lab={config.lab} />,
        headers: NEVER_KEPT,
      }),
    );
  }

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
