/** One address: run a check, as entries of a session. Programs wait for the findings, pages see them on the stream. */
import { Hono } from "hono";
import { z } from "zod";
import { Renewal } from "../../views/hx.tsx";
import { checkText } from "../../views/text.ts";
import type { Env } from "../access/operator.ts";
import { type RequestIds, requestIdOf } from "../access/request-id.ts";
import { answer, formOf } from "../console/answer.tsx";
import { readBody } from "../console/body.ts";
import { refuse } from "../refusal.ts";
import type { Sessions } from "../sessions/session.ts";
import type { Target } from "../target/target.ts";
import type { Checks } from "./in-session.ts";

export interface CheckParts {
  readonly checks: Checks;
  readonly sessions: Sessions;
  readonly targets: readonly Target[];
  readonly requestIds: RequestIds;
}

const Ask = z.object({ session: z.string({ error: "name the session" }), request_id: z.string().optional() });

export function checkRoutes({ checks, sessions, targets, requestIds }: CheckParts) {
  const app = new Hono<Env>();
  app.post("/api/check/:name", async (c) => {
    const said = await readBody(c, Ask, "send {session}");
    const session = sessions.find(said.session) ?? refuse(404, "session not found");
    const target =
      targets.find((t) => t.id === session.target) ??
      refuse(404, `its target '${session.target}' is not in the settings any more`);
    const by = c.get("operator").name;
    const request_id = requestIdOf(c.req.header("idempotency-key") ?? said.request_id);
    const id = await checks.start({ name: c.req.param("name"), session: session.session_id, target, by, request_id });
    const form = formOf(c.req.raw);
    if (form === "fragment")
      return answer(c, {
        fragment: () => <Renewal source={c.req.header("hx-source")} requestId={requestIds.make(by)} />,
      });
    if (form === "page") return answer(c, { page: { seeOther: `/sessions/${session.session_id}` } });
    const run = await checks.ended(session.session_id, id);
    return answer(c, { json: run, text: () => checkText(run) });
  });
  return app;
}
