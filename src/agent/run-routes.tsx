/** Two addresses of a command: stop it while it runs, and its whole output afterwards. */
import { Hono } from "hono";
import { RefusalFragment } from "../../views/refusal.tsx";
import type { Env } from "../access/operator.ts";
import { answer } from "../console/answer.tsx";
import { refuse } from "../refusal.ts";
import type { Sessions } from "../sessions/session.ts";
import type { Outputs } from "./outputs.ts";
import type { VmRuns } from "./vm-run.ts";

export interface RunParts {
  readonly runs: VmRuns;
  readonly outputs: Outputs;
  readonly sessions: Sessions;
}

export function runRoutes({ runs, outputs, sessions }: RunParts) {
  const app = new Hono<Env>();

  app.post("/api/session/:id/run/:tool_id/stop", (c) => {
    const session = c.req.param("id");
    if (!sessions.find(session)) refuse(404, "session not found");
    const stopped = runs.stop(session, c.req.param("tool_id"), c.get("operator").name);
    c.set("came_of", stopped ? "stopped" : "nothing ran any more");
    return answer(c, {
      json: { stopped },
      page: { seeOther: `/sessions/${session}` },
      fragment: () => (stopped ? "" : <RefusalFragment sentence="That command does not run any more." />),
    });
  });

  app.get("/sessions/:id/outputs/:tool_id", (c) => {
    const { id, tool_id } = c.req.param();
    if (!sessions.find(id)) refuse(404, "session not found");
    const kept =
      outputs.find(id, tool_id) ??
      refuse(404, "this output is not kept any more (the newest 200 are); its head and tail are in the transcript");
    return new Response(Bun.file(kept.path).stream(), {
      headers: {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": String(kept.bytes),
        "Content-Disposition": `attachment; filename="output-${tool_id}.txt"`,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
      },
    });
  });

  return app;
}
