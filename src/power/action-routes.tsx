/** The addresses of what ran: the list, one action with its evidence, and asking the host again how it ended. They start nothing. */
import type { Context } from "hono";
import { Hono } from "hono";
import { ActionPage, ActionsPage } from "../../views/action.tsx";
import { actionText } from "../../views/text.ts";
import type { Env } from "../access/operator.ts";
import type { RequestIds } from "../access/request-id.ts";
import { answer } from "../console/answer.tsx";
import { refuse } from "../refusal.ts";
import { type Target, targetNamed } from "../target/target.ts";
import type { Action } from "./action.ts";
import type { Power } from "./carry-out.ts";
import { sectionsOf } from "./evidence.ts";

export interface ActionParts {
  readonly power: Power;
  readonly targets: readonly Target[];
  readonly requestIds: RequestIds;
}

export function actionRoutes({ power, targets, requestIds }: ActionParts) {
  const app = new Hono<Env>();
  const targetOf = (id: string | undefined) => targetNamed(targets, id);
  const found = (c: Context): { target: Target; action: Action } => {
    const id = c.req.param("id") ?? "";
    for (const target of targets) {
      const action = power.find(target, id);
      if (action) return { target, action };
    }
    refuse(404, "action not found; GET /api/pve/actions lists what ran");
  };
  const page = (action: Action, by: string) => (
    <ActionPage lab={targets[0]!.lab} action={action} requestId={requestIds.make(by)} now={Date.now()} />
  );

  app.get("/api/pve/actions", (c) => {
    const target = c.req.query("target");
    const actions = power.list(target ? [targetOf(target)] : targets, 50);
    return answer(c, {
      json: { actions },
      page: () => <ActionsPage lab={targets[0]!.lab} target={target || undefined} actions={actions} now={Date.now()} />,
      text: () => actions.map((a) => actionText(a)).join("\n"),
    });
  });

  app.get("/api/pve/actions/:id", (c) => {
    const { action } = found(c);
    return answer(c, {
      json: action,
      page: () => page(action, c.get("operator").name),
      text: () => actionText(action),
    });
  });

  app.get("/api/pve/actions/:id/forensics", (c) => {
    const { action, target } = found(c);
    if (c.req.query("download"))
      return new Response(action.stdout, {
        headers: {
          "Content-Type": "text/plain; charset=utf-8",
          "Content-Disposition": `attachment; filename="${action.verb}-${target.id}-${action.started_at.replace(/[:.]/g, "")}.txt"`,
        },
      });
    return answer(c, {
      json: {
        id: action.id,
        verb: action.verb,
        target: target.id,
        started_at: action.started_at,
        sections: sectionsOf(action.stdout),
        evidence: action.stdout,
      },
      text: () => action.stdout,
      page: () => page(action, c.get("operator").name),
    });
  });

  app.post("/api/pve/actions/:id/ask", async (c) => {
    const { target } = found(c);
    const action = await power.askAgain(target, c.req.param("id"), c.get("operator").name);
    return answer(c, {
      json: action,
      text: () => actionText(action),
      page: { seeOther: `/api/pve/actions/${action.id}` },
      fragment: () => "",
    });
  });

  return app;
}
