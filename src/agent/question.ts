/**
 * A question of the agent to the operator: its card, its wait, and what the agent hears of the answer. It allows nothing: what
 * needs a yes has a card of its own. Waiting, the limit and "once" are `approval.ts`.
 */
import type { ToolAnswer } from "../sessions/agent.ts";
import { type Approvals, type Asking, type Reply, STOPPED } from "./approval.ts";
import { askedInWords } from "./approval-event.ts";
import { type Asker, placeOf } from "./permission.ts";

export interface Question {
  readonly question: string;
  readonly choices: readonly string[];
}

/** Characters. An answer is a line or a few; what is longer is a prompt. */
export const ANSWER_LONGEST = 2000;

export async function askOperator(
  approvals: Pick<Approvals, "inquire">,
  { question, choices }: Question,
  { session, target, turn, tool_id, signal }: Asker,
): Promise<ToolAnswer> {
  const input = { question, ...(choices.length > 0 ? { choices } : {}) };
  const asking: Asking & { tool: "ask" } = {
    session,
    turn,
    tool_id,
    on: target,
    tool: "ask",
    input,
    reason: "",
    target: placeOf(target),
    class: "read",
    preflight: [],
  };
  const reply = await approvals.inquire(asking, signal);
  return { ...heard(reply, askedInWords(asking)), own_words: true };
}

/** The operator's words are theirs, and no output of a machine: the agent may act on them as on a prompt. */
function heard(reply: Reply, what: string): ToolAnswer {
  switch (reply.is) {
    case "answered":
      return { text: `The operator (${reply.by}) answered: ${reply.text}`, is_error: false };
    case "lapsed":
      return {
        text: `“${what}” has no answer: ${reply.why}. Go on with what only reads, or say in your answer what you need to know, and stop there.`,
        is_error: true,
        ended: reply.why === STOPPED ? "it waited for the operator's answer; nothing was answered" : undefined,
      };
    default:
      return reply satisfies never;
  }
}
