/** One address: the operator's yes or no, or words, to what the agent asks. It answers once; the card comes back on every stream. */
import type { Context } from "hono";
import { Hono } from "hono";
import { z } from "zod";
import { ApprovalItem, approvalText } from "../../views/approval.tsx";
import type { Env } from "../access/operator.ts";
import { yesNeedsProof } from "../access/step-up.ts";
import { answer } from "../console/answer.tsx";
import { readBody } from "../console/body.ts";
import { refuse } from "../refusal.ts";
import { approvalRead } from "../sessions/reader.ts";
import type { Approvals } from "./approval.ts";
import { ANSWER_LONGEST } from "./question.ts";

export interface ApprovalParts {
  readonly approvals: Approvals;
  /** The answer that asks for the password once more; null where it is fresh, or not wanted. */
  readonly proof?: (c: Context<Env>) => Promise<Response> | null;
}

/** `request_id` proves our own page where a text browser sends no header that does; the approval's own id makes it once. */
const Answer = z.object({
  decision: z.enum(["allow", "deny", "answer"], { error: "allow or deny; answer, with text, to a question" }),
  text: z
    .string()
    .trim()
    .max(ANSWER_LONGEST, `an answer has at most ${ANSWER_LONGEST} characters; send the rest as a prompt`)
    .optional(),
  request_id: z.string().optional(),
});

export function approvalRoutes({ approvals, proof }: ApprovalParts) {
  const app = new Hono<Env>();
  app.post("/api/approval/:id", async (c) => {
    const id = c.req.param("id");
    const asked = approvals.find(id) ?? refuse(404, "approval not found; reload the page to see what is asked");
    const { decision, text } = await readBody(c, Answer, 'send {"decision": "allow"} or {"decision": "deny"}');
    const unproved = decision === "allow" && yesNeedsProof(asked) ? proof?.(c) : null;
    if (unproved) return unproved;
    const by = c.get("operator").name;
    const approval =
      decision === "answer"
        ? await approvals.reply(id, text || refuse(422, "the answer is empty; say something, then send"), by)
        : await approvals.answer(id, decision === "allow" ? "allowed" : "denied", by);
    return answer(c, {
      json: approvalRead(approval),
      page: { seeOther: `/sessions/${asked.session}` },
      fragment: () => <ApprovalItem approval={approval} now={Date.now()} />,
      text: () => approvalText(approval),
    });
  });
  return app;
}
