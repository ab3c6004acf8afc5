/** The console itself: the page, the sessions, the transcript without JavaScript, the status. What a page shows is `page.tsx`'s. */
import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { z } from "zod";
import { EntryPage, type EntryPageProps } from "../../views/entry.tsx";
import { SessionsPage } from "../../views/sessions.tsx";
import { StatusPage } from "../../views/status.tsx";
import { sessionsText, statusesText, statusText } from "../../views/text.ts";
import { EarlierItems } from "../../views/transcript.tsx";
import type { Env } from "../access/operator.ts";
import { isApproval } from "../agent/approval-event.ts";
import { CHECKS } from "../checks/check.ts";
import { refuse } from "../refusal.ts";
import { sessionStream } from "../sessions/event.ts";
import { type Target, targetNamed } from "../target/target.ts";
import { answer } from "./answer.tsx";
import { isCheck } from "./draw.tsx";
import { positionOf } from "./live.ts";
import { markdown } from "./markdown.ts";
import { type ConsoleParts, sessionPage, tailOf } from "./page.tsx";
import { tailDocument } from "./tail.tsx";

export function consoleRoutes(parts: ConsoleParts) {
  const { log, sessions, targets, power } = parts;
  const app = new Hono<Env>();
  const targetOf = (id: string | undefined) => targetNamed(targets, id);

  app.get("/", async (c) => {
    const asked = c.req.query("target");
    const by = c.get("operator").name;
    // Without a target: wherever something happened last, on a target that is still one.
    const on = asked ? [targetOf(asked)] : targets;
    const ids = on.map((t) => t.id);
    const session = sessions.latest(ids) ?? sessions.find(await sessions.open(ids[0]!, by))!;
    return answer(c, { page: () => sessionPage(parts, session, by), json: session });
  });

  app.get("/sessions", (c) => {
    const before = positionOf(null, c.req.query("before"), log.head) || undefined;
    const { sessions: all, older: from } = sessions.list(before);
    const older = from === null ? null : `/sessions?before=${from}`;
    const now = Date.now();
    return answer(c, {
      json: { sessions: all, older },
      page: () => (
        <SessionsPage
          sessions={all}
          older={older}
          first={before === undefined}
          now={now}
          requestId={parts.requestIds.make(c.get("operator").name)}
          targets={targets}
        />
      ),
      text: () => sessionsText(all, targets.length > 1, older),
    });
  });

  app.get("/sessions/:id", (c) => {
    const session = sessions.find(c.req.param("id")) ?? refuse(404, "session not found");
    const before = Number(c.req.query("before"));
    const by = c.get("operator").name;
    const older = Number.isSafeInteger(before) && before > 0 ? before : null;
    return answer(c, {
      json: session,
      page: () => sessionPage(parts, session, by, older),
      fragment:
        older === null
          ? undefined
          : () => {
              const shown = tailOf(parts, session, older - 1, parts.requestIds.forPage(by));
              return <EarlierItems sessionId={session.session_id} before={shown.earlier} items={shown.items} />;
            },
    });
  });

  const NO_ENTRY = "there is no such entry in this session; go back to it and reload";
  const entryAddress = zValidator(
    "param",
    z.object({ id: z.string(), seq: z.coerce.number().int().positive() }),
    (r) => {
      if (!r.success) refuse(404, NO_ENTRY);
    },
  );
  app.get("/sessions/:id/entries/:seq", entryAddress, (c) => {
    const { id, seq } = c.req.valid("param");
    const session = sessions.find(id) ?? refuse(404, "session not found");
    const streams = [{ stream: sessionStream(session.session_id) }];
    const entry = log.read({ streams, after: seq - 1, upto: seq, limit: 1 })[0] ?? refuse(404, NO_ENTRY);
    // An approval is one card in its session, and no output.
    if (isApproval(entry))
      return answer(c, { json: entry, page: { seeOther: `/sessions/${session.session_id}#p-${entry.about}` } });
    const title = isCheck(entry) ? CHECKS[entry.body.name]?.title : undefined;
    return answer(c, {
      json: entry,
      page: () => (
        <EntryPage
          entry={entry as EntryPageProps["entry"]}
          sessionId={session.session_id}
          title={title}
          lab={targets[0].lab}
          now={Date.now()}
          markdown={markdown}
        />
      ),
    });
  });

  app.get("/sessions/:id/tail", (c) => {
    const session = c.req.param("id");
    const streams = sessions.streamsOf(session) ?? refuse(404, "session not found");
    const after = positionOf(null, c.req.query("after"), log.head);
    return new Response(tailDocument(log, { session, streams, after }), {
      headers: { "Content-Type": "text/html; charset=utf-8", "X-Accel-Buffering": "no", "X-Streamed": "1" },
    });
  });

  app.get("/status", (c) => {
    const asked = c.req.query("target");
    const target = targetOf(asked);
    const now = Date.now();
    const seenOf = (target: Target) => {
      parts.attended(target);
      const holder = power.holder(target);
      return {
        target,
        state: parts.stateOf(target),
        action: holder && power.find(target, holder.action),
        last: power.lastChange(target),
        now,
      };
    };
    const seen = seenOf(target);
    const { state } = seen;
    const holder = power.holder(target);
    const others = targets.filter((t) => t !== target);
    const all = !asked && others.length > 0 ? targets.map((t) => (t === target ? seen : seenOf(t))) : null;
    return answer(c, {
      json: {
        targets: targets.map((t) => t.id),
        target: target.id,
        name: target.name,
        vmid: target.vmid,
        lab: target.lab,
        state,
        host: parts.pve.kindOf(target),
        running: holder,
      },
      page: () => <StatusPage {...seen} others={others} />,
      text: () => (all ? statusesText(all, now) : statusText(seen)),
    });
  });

  return app;
}
