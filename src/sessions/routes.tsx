/** The addresses of a session: make, attach, prompt, stop, rename. Each route says who asks, what, does it, draws it. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { ComposerId } from "../../views/composer.tsx";
import { RefusalFragment } from "../../views/refusal.tsx";
import type { Env } from "../access/operator.ts";
import { type RequestIds, requestIdOf } from "../access/request-id.ts";
import { CHECK_NAMES, CHECKS } from "../checks/check.ts";
import { answer } from "../console/answer.tsx";
import { readBody } from "../console/body.ts";
import { type Live, positionOf } from "../console/live.ts";
import type { Log } from "../log/log.ts";
import { refuse } from "../refusal.ts";
import { type Target, targetNamed } from "../target/target.ts";
import type { Sessions } from "./session.ts";
import { PROMPT_LIMIT, type Turns } from "./turn.ts";

export interface SessionParts {
  readonly log: Log;
  readonly live: Live;
  readonly sessions: Sessions;
  readonly turns: Turns;
  readonly requestIds: RequestIds;
  readonly targets: readonly Target[];
  /** What a prompt may name; the first is what it gets otherwise. */
  readonly models: readonly string[];
}

const Prompt = z.object({
  prompt: z.string({ error: "a prompt is text" }).optional(),
  /** A preset by its name: the page need not carry the words of all of them over a thin link. */
  preset: z.enum(CHECK_NAMES, { error: `a preset is one of ${CHECK_NAMES.join(", ")}` }).optional(),
  /** w3m and lynx ignore `formaction`: there Stop arrives here. */
  stop: z.string().optional(),
  model: z.string({ error: "a model is a name" }).nullish(),
  /** The id of an earlier turn: its prompt once more, to the letter. */
  again: z.string({ error: "the id of a turn" }).optional(),
  request_id: z.string().optional(),
});

export function sessionRoutes(parts: SessionParts) {
  const { sessions, turns, live, log } = parts;
  const app = new Hono<Env>();

  const cancel = async (c: Context<Env>, session: string) => {
    const cancelled = await turns.cancelTurn(session, c.get("operator").name);
    return answer(c, {
      json: { cancelled },
      page: { seeOther: `/sessions/${session}` },
      fragment: () => (cancelled ? "" : <RefusalFragment sentence="No turn was running any more." />),
    });
  };

  const started = (c: Context<Env>, session: string) =>
    answer(c, {
      json: { status: "started" },
      page: { seeOther: `/sessions/${session}` },
      fragment: () => <ComposerId requestId={parts.requestIds.make(c.get("operator").name)} sent />,
    });

  app.post("/api/session", async (c) => {
    const said = await readBody(
      c,
      z.object({ target: z.string().optional(), request_id: z.string().optional() }),
      "leave target out for the first one",
    );
    const on = targetNamed(parts.targets, said.target);
    const request_id = requestIdOf(c.req.header("idempotency-key") ?? said.request_id);
    const session_id = await sessions.open(on.id, c.get("operator").name, request_id);
    const at = `/sessions/${session_id}`;
    return answer(c, {
      json: { session_id },
      page: { seeOther: at },
      fragment: () => "",
      headers: { "HX-Redirect": at },
    });
  });

  app.get("/api/session/:id/stream", (c) => {
    const id = c.req.param("id");
    const streams = sessions.streamsOf(id) ?? refuse(404, "session not found");
    return live.attach({
      session: id,
      streams,
      after: positionOf(c.req.header("last-event-id"), c.req.query("after"), log.head),
      format: c.req.query("format") === "json" ? "json" : "html",
      gzip: /\bgzip\b/.test(c.req.header("accept-encoding") ?? ""),
      thin: c.req.header("save-data")?.toLowerCase() === "on",
    });
  });

  app.post("/api/session/:id/prompt", async (c) => {
    const session = c.req.param("id");
    if (!sessions.find(session)) refuse(404, "session not found");
    const said = await readBody(c, Prompt, "send {prompt} with what you want to know");
    if (said.stop) return cancel(c, session);
    const request_id = requestIdOf(c.req.header("idempotency-key") ?? said.request_id);
    const by = c.get("operator").name;
    if (said.again) {
      const first = await turns.promptOf(session, said.again);
      if (!first) refuse(422, "that prompt is not in this session; write it, then send");
      // Made of the turn that failed: two taps, or two phones, are one prompt.
      await turns.startTurn({ session, text: first.text, model: first.model, by, request_id: `again-${said.again}` });
      return started(c, session);
    }
    const text = (said.preset ? CHECKS[said.preset].prompt : (said.prompt ?? "")).replace(/\r\n/g, "\n");
    if (text.trim() === "") refuse(422, "the prompt is empty; say what is wrong, then send");
    const weight = Buffer.byteLength(text);
    if (weight > PROMPT_LIMIT)
      refuse(413, `the prompt has ${weight} bytes, and ${PROMPT_LIMIT} is the most; send less`);
    await turns.startTurn({ session, text, by, model: chosen(parts.models, said.model), request_id });
    return started(c, session);
  });

  app.post("/api/session/:id/cancel", (c) => cancel(c, c.req.param("id")));

  app.post("/api/session/:id/title", async (c) => {
    const session = c.req.param("id");
    if (!sessions.find(session)) refuse(404, "session not found");
    const Title = z.object({
      title: z.string().trim().min(1, "a title needs a word").max(120, "120 characters at most"),
      request_id: z.string().optional(),
    });
    const said = await readBody(c, Title, "send {title}");
    const request_id = requestIdOf(c.req.header("idempotency-key") ?? said.request_id);
    await sessions.rename(session, said.title.replace(/\s+/g, " "), c.get("operator").name, request_id);
    return answer(c, { json: sessions.find(session), page: { seeOther: "/sessions" }, fragment: () => "" });
  });

  return app;
}

/** The model that a prompt names, null for the usual one. Throws Refusal 422 with the list. */
function chosen(models: readonly string[], name: string | null | undefined): string | null {
  if (!name || name === models[0]) return null;
  if (models.includes(name)) return name;
  const shown = name.length > 60 ? `${name.slice(0, 60)}…` : name;
  refuse(422, `there is no model '${shown}' here; choose one of ${models.join(", ")}, or leave it out`);
}
