/**
 * A question of the agent's to the operator: a card like an approval's, with the answers to tap and a line for any other. Its
 * words stand to the letter and apart, so that nobody takes them for the console's; no tap on it allows anything.
 */
import type { Child } from "hono/jsx";
import { type Approval, choicesOf } from "../src/agent/approval-event.ts";
import { REFUSALS_TO_NOTICE, RequestId } from "./hx.tsx";
import { exact, plain } from "./plain.tsx";
import { Ago, Left } from "./time.tsx";

export interface QuestionItemProps {
  readonly approval: Approval;
  readonly now: number;
  readonly requestId?: string;
  /** Where it lapsed: the way to have it asked again. */
  readonly again: Child;
}

export function QuestionItem({ approval, now, requestId, again }: QuestionItemProps) {
  const { approval_id, state, by, text, why, target, ends_at, settled_at, input } = approval;
  const open = state === "open";
  const when = settled_at !== null && <Ago at={settled_at} now={now} />;
  return (
    <li id={`p-${approval_id}`} class={open ? "card is-work asks" : "card"}>
      <div class="asked" tabindex={open ? 0 : undefined}>
        {open ? (
          <p>
            <b class="tag work">the agent asks</b> <Left until={ends_at} now={now} />
          </p>
        ) : (
          <p>
            <b class="tag">{state === "lapsed" ? "no answer" : "answered"}</b> to the agent's question about{" "}
            {plain(target)}
            <small>
              {state === "lapsed" ? (
                <>
                  {plain(why)}, {when}
                </>
              ) : (
                <>
                  by {plain(by ?? "")}, {when}
                </>
              )}
            </small>
          </p>
        )}
        <p class="said">{exact(String(input.question ?? ""))}</p>
        {open && <small>Its words, not the console's. An answer allows nothing. Never a password or a key.</small>}
        {text !== null && <p>{plain(text)}</p>}
      </div>
      {open && <Answers approval={approval} requestId={requestId} />}
      {state === "lapsed" && again}
    </li>
  );
}

/** Two forms: Enter in the line must never send the first of the choices. */
function Answers({ approval, requestId }: { approval: Approval; requestId?: string }) {
  const address = `/api/approval/${approval.approval_id}`;
  const choices = choicesOf(approval);
  const form = {
    method: "post" as const,
    action: address,
    "hx-post": address,
    "hx-target": `#p-${approval.approval_id}`,
    "hx-swap": "outerHTML",
    "hx-sync": "this:drop",
    ...REFUSALS_TO_NOTICE,
  };
  const said = (
    <>
      {requestId && <RequestId value={requestId} />}
      <input type="hidden" name="decision" value="answer" />
    </>
  );
  return (
    <>
      {choices.length > 0 && (
        <form class="answers" {...form}>
          {said}
          {choices.map((choice) => (
            <button type="submit" name="text" value={choice} class="quiet">
              “{exact(choice)}”
            </button>
          ))}
        </form>
      )}
      <form class="answers" {...form}>
        {said}
        <input
          name="text"
          required
          maxlength={2000}
          aria-label="Your answer"
          placeholder="Your answer"
          autocomplete="off"
        />
        <button type="submit" class="quiet">
          Answer
        </button>
      </form>
    </>
  );
}
