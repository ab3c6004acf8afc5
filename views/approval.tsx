/**
 * An approval: the card in the transcript with what exactly would run, and the line on the first screen that leads to it. An
 * open card has Allow and Deny, once on the page; a lapsed one says why, and asks the agent to ask again. A question of the
 * agent's is one, too, and drawn in `question.tsx`.
 */
import { type Approval, askedInWords } from "../src/agent/approval-event.ts";
import { REFUSALS_TO_NOTICE, RequestId, TO_OWN_ID } from "./hx.tsx";
import { exact, plain } from "./plain.tsx";
import { QuestionItem } from "./question.tsx";
import { Ago, Left } from "./time.tsx";

export interface ApprovalItemProps {
  readonly approval: Approval;
  readonly now: number;
  /** On a page drawn for one operator; the stream's cards go to everybody and carry none. */
  readonly requestId?: string;
}

/** Beyond this the card says how long it is, since not all of it is in view; characters. */
const IN_VIEW = 160;

/** Of a command; a verb's own line says what it does. */
const CLASSES: Readonly<Record<Approval["class"], string>> = {
  read: "only reads",
  change: "changes the VM",
  destructive: "can destroy",
  unknown: "effect unknown",
};

export function ApprovalItem(props: ApprovalItemProps) {
  if (props.approval.tool === "ask") return <QuestionItem {...props} again={<AskAgain {...props} />} />;
  const { approval, now, requestId } = props;
  const open = approval.state === "open";
  return (
    <li id={`p-${approval.approval_id}`} class={open ? "card is-work asks" : "card"}>
      <div class="asked" tabindex={open ? 0 : undefined}>
        <p>
          <Verdict approval={approval} now={now} />
        </p>
        {approval.tool === "vm_run" && <Command text={whatOf(approval)} />}
        {approval.reason && <p>Why, it says: {plain(approval.reason)}</p>}
        {open ? (
          <Known approval={approval} />
        ) : (
          approval.preflight.length > 0 && (
            <details>
              <summary>what was known</summary>
              <Known approval={approval} />
            </details>
          )
        )}
      </div>
      {open && <Answers approval={approval} requestId={requestId} />}
      {approval.state === "lapsed" && <AskAgain approval={approval} requestId={requestId} />}
    </li>
  );
}

function Verdict({ approval, now }: { approval: Approval; now: number }) {
  const { tool, by, settled_at, ends_at, target } = approval;
  const when = settled_at !== null && <Ago at={settled_at} now={now} />;
  const subject = (
    <>
      <b class="verb">{tool === "power" ? `power ${whatOf(approval)}` : tool}</b> on {plain(target)}
      {tool === "vm_run" && (
        <>
          {" "}
          <b class="tag">{CLASSES[approval.class]}</b>
        </>
      )}
    </>
  );
  switch (approval.state) {
    case "open":
      return (
        <>
          <b class="tag work">the agent asks</b> {subject} <Left until={ends_at} now={now} />
        </>
      );
    case "allowed":
      return (
        <>
          <b class="tag">allowed</b> {subject}
          <small>
            by {plain(by ?? "")}, {when}
            {tool === "power" && (
              <>
                {" · "}
                <a href={`/api/pve/actions/${approval.approval_id}`}>its run</a>
              </>
            )}
          </small>
        </>
      );
    case "denied":
      return (
        <>
          <b class="tag">denied</b> {subject}
          <small>
            by {plain(by ?? "")}, {when}; nothing ran
          </small>
        </>
      );
    case "lapsed":
      return (
        <>
          <b class="tag">lapsed</b> {subject}
          <small>
            {plain(approval.why)}, {when}; nothing ran
          </small>
        </>
      );
    case "answered":
      return null;
    default:
      return approval.state satisfies never;
  }
}

const whatOf = ({ tool, input }: Approval): string => String((tool === "power" ? input.verb : input.command) ?? "");

/** To the letter: what can't be seen is made visible, and what does not fit says that there is more. */
function Command({ text }: { text: string }) {
  const lines = text.split("\n").length;
  return (
    <>
      {(text.length > IN_VIEW || lines > 3) && (
        <small>
          {lines > 1 ? `${lines} lines, ` : ""}
          {text.length} characters; scroll to read all of it
        </small>
      )}
      <pre class="what" tabindex={0}>
        {text.startsWith("\n") ? "\n" : ""}
        {exact(text)}
      </pre>
    </>
  );
}

const Known = ({ approval }: { approval: Approval }) => (
  <ul>
    {approval.preflight.map((line) => (
      <li>{plain(line)}</li>
    ))}
  </ul>
);

function Answers({ approval: { approval_id, tool }, requestId }: { approval: Approval; requestId?: string }) {
  const address = `/api/approval/${approval_id}`;
  return (
    <form
      class="answers"
      method="post"
      action={address}
      hx-post={address}
      hx-target={`#p-${approval_id}`}
      hx-swap="outerHTML"
      hx-sync="this:drop"
      {...REFUSALS_TO_NOTICE}
    >
      {requestId && <RequestId value={requestId} />}
      <button type="submit" name="decision" value="allow" class={tool === "power" ? "act" : "quiet"}>
        Allow
      </button>
      <button type="submit" name="decision" value="deny" class="quiet">
        Deny
      </button>
    </form>
  );
}

/** A prompt like any other. Its id is made of the card's: two taps, or two phones, are one prompt. */
function AskAgain({ approval, requestId }: Omit<ApprovalItemProps, "now">) {
  const address = `/api/session/${approval.session}/prompt`;
  return (
    <form method="post" action={address} hx-post={address} hx-sync="this:drop" {...TO_OWN_ID} {...REFUSALS_TO_NOTICE}>
      <RequestId value={requestId ?? `again-${approval.approval_id}`} />
      <input type="hidden" name="prompt" value={askAgainPrompt(approval)} />
      <button type="submit" class="quiet">
        Ask again
      </button>
    </form>
  );
}

export const askAgainPrompt = (approval: Approval): string =>
  approval.tool === "ask"
    ? `Nobody answered your question “${askedInWords(approval)}” (${approval.why}). Look at how things stand now, and ask again if it still matters.`
    : `The approval for “${askedInWords(approval)}” on ${approval.target} lapsed (${approval.why}); nothing ran. Look at how things stand now, and ask again if it is still right.`;

export interface AskingProps {
  /** The open ones of the target, oldest first. */
  readonly approvals: readonly Approval[];
  /** The page's own: its cards are on this page, and come first. */
  readonly session: string;
  /** The seq it is true at: console.js drops a line that is older than the one on the page. */
  readonly seq?: number;
}

/** One line over the composer, always there and mostly empty, so that nothing moves. Pushed to everybody by the stream. */
export function Asking({ approvals, session, seq }: AskingProps) {
  const own = approvals.find((approval) => approval.session === session);
  const first = own ?? approvals[0];
  return (
    <p id="asking" data-seq={seq}>
      {first && (
        <a href={`${own ? "" : `/sessions/${first.session}`}#p-${first.approval_id}`}>
          The agent asks{own ? "" : " in another session"}: {plain(askedInWords(first))}
          {approvals.length > 1 && ` (and ${approvals.length - 1} more)`}
        </a>
      )}
    </p>
  );
}

/** For a terminal. */
export const approvalText = ({ state, by, why, text, target, ...asked }: Approval): string =>
  `${plain(askedInWords(asked))} on ${plain(target)}: ${state}${by ? ` by ${plain(by)}` : ""}${why && `, ${plain(why)}`}${text === null ? "" : `: ${plain(text)}`}\n`;
