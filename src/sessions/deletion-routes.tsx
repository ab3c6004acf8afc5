/** Deleting a session: the page that asks first, and the deed. */
import { Hono } from "hono";
import { z } from "zod";
import { DeletePage } from "../../views/delete.tsx";
import type { Env } from "../access/operator.ts";
import { type RequestIds, requestIdOf } from "../access/request-id.ts";
import { answer } from "../console/answer.tsx";
import { readBody } from "../console/body.ts";
import { refuse } from "../refusal.ts";
import type { Target } from "../target/target.ts";
import type { Deletions } from "./deletion.ts";
import type { Sessions } from "./session.ts";

export interface DeletionParts {
  readonly deletions: Deletions;
  readonly sessions: Sessions;
  readonly targets: readonly Target[];
  readonly requestIds: RequestIds;
  /** BREAKGLASS_RETENTION_DAYS. */
  readonly keep_days: number | null;
}

export function deletionRoutes({ deletions, sessions, targets, requestIds, keep_days }: DeletionParts) {
  const app = new Hono<Env>();

  app.get("/sessions/:id/delete", (c) => {
    const session = sessions.find(c.req.param("id")) ?? refuse(404, "session not found");
    const weight = deletions.weightOf(session.session_id);
    return answer(c, {
      json: { ...session, ...weight },
      page: () => (
        <DeletePage
          session={session}
          weight={weight}
          keepDays={keep_days}
          requestId={requestIds.make(c.get("operator").name)}
          lab={targets[0]?.lab}
          now={Date.now()}
        />
      ),
    });
  });

  app.post("/api/session/:id/delete", async (c) => {
    const Delete = z.object({ request_id: z.string().optional() });
    const said = await readBody(c, Delete, "send nothing, or a form of this console");
    const request_id = requestIdOf(c.req.header("idempotency-key") ?? said.request_id);
    const weight = deletions.delete(c.req.param("id"), c.get("operator").name, request_id);
    return answer(c, {
      json: { deleted: true, ...weight },
      text: () => "The session is deleted.\n",
      page: { seeOther: "/sessions" },
      fragment: () => "",
      headers: { "HX-Redirect": "/sessions" },
    });
  });

  return app;
}
