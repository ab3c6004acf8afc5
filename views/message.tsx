/**
 * One entry of a session, or of its target, as one item of the transcript: used by the page, the answer and the stream alike. What belongs
 * together (prose, a call and its result) joins by standing next to each other; that is the stylesheet's work.
 */
import type { SessionEntry } from "../src/sessions/event.ts";
import type { TargetEntry } from "../src/target/event.ts";
import { END_WORDS, printInWords } from "../src/target/host-key.ts";
import { REFUSALS_TO_NOTICE, RequestId, TO_OWN_ID } from "./hx.tsx";
import { Excerpt, Plain, plain } from "./plain.tsx";
import { type Markdown, Prose } from "./prose.tsx";
import { Ago, durationWords } from "./time.tsx";

export interface EntryItemProps {
  readonly entry: SessionEntry | TargetEntry;
  readonly now: number;
  /** For what the agent says. */
  readonly markdown: Markdown;
  /** Where an entry's whole output is to be had. With it, outputs over 2 kB are shown by head and tail. */
  readonly whole?: (seq: number) => string;
  /** Where the output of a call is to be had that was too long for its entry. */
  readonly kept?: (tool_id: string) => string;
  /** With it, a turn that failed can be sent again; the request id is the page's, the stream has none. */
  readonly again?: { readonly requestId?: string };
}

export function EntryItem({ entry, now, markdown, whole, kept, again }: EntryItemProps) {
  const id = `e${entry.seq}`;
  switch (entry.kind) {
    case "opened":
    case "titled":
    case "agent_started":
    case "turn_ended":
      return null;
    case "prompted":
      return (
        <li id={id} class="user">
          <small>
            {plain(entry.body.by)}, <Ago at={entry.at} now={now} />
            {entry.body.model && ` · ${plain(entry.body.model)}`}
          </small>
          <p>
            <Plain text={entry.body.text} />
          </p>
        </li>
      );
    case "said":
      return (
        <li id={id} class="said">
          <Prose text={entry.body.text} markdown={markdown} />
        </li>
      );
    case "called":
      return <Called id={id} name={entry.body.name} input={entry.body.input} />;
    case "returned":
      return <Returned id={id} whole={whole?.(entry.seq)} file={kept?.(entry.body.tool_id)} {...entry.body} />;
    case "remarked":
      return (
        <li id={id} class="aside">
          <Plain text={entry.body.text} />
        </li>
      );
    case "concluded":
      return (
        <li id={id} class="aside">
          {plain(figuresInWords(entry.body))}
        </li>
      );
    case "failed":
      return (
        <li id={id} class="broke">
          <b class="tag strong">failed</b> <Plain text={entry.body.error} />
          {again && entry.about && <TryAgain stream={entry.stream} turn={entry.about} {...again} />}
        </li>
      );
    case "cancelled":
      return (
        <li id={id} class="broke">
          <b class="tag">stopped</b> by {plain(entry.body.by)}
          {entry.body.ended && `: ${plain(entry.body.ended)}`}
        </li>
      );
    case "observed":
      return (
        <li id={id} class="aside">
          {plain(entry.body.says)} <Ago at={entry.at} now={now} />
        </li>
      );
    case "contacted":
      return (
        <li id={id} class="card is-work">
          <b class="tag work">first contact</b> with {plain(entry.body.host)}: its {plain(entry.body.type)} key was
          accepted. Compare it at that machine: <code>{plain(entry.body.fingerprint)}</code>
        </li>
      );
    case "key_changed":
      return (
        <li id={id} class="card is-work">
          <b class="tag work">another host key</b> {END_WORDS[entry.body.end]} shows{" "}
          <code>{plain(printInWords(entry.body.offered))}</code>; pinned is{" "}
          <code>{plain(printInWords(entry.body.old))}</code>. Nothing is sent to it.{" "}
          <a href={`/host-key?target=${entry.stream.replace(/^target:/, "")}`}>Compare the two</a>
        </li>
      );
    case "key_accepted":
      return (
        <li id={id} class="card is-good">
          <b class="tag good">host key accepted</b> {plain(entry.body.by)} pinned{" "}
          <code>{plain(printInWords(entry.body.new))}</code> for {END_WORDS[entry.body.end]}, in the place of{" "}
          <code>{plain(printInWords(entry.body.old))}</code>. <Ago at={entry.at} now={now} />
        </li>
      );
    default:
      return entry satisfies never;
  }
}

/** "finished · 18 s · 3 calls · 12.3k tokens · $0.04" */
function figuresInWords({ is_error, result, duration_ms, cost_usd, calls, tokens }: Concluded): string {
  return [
    is_error ? `ended with an error${result && `: ${result}`}` : "finished",
    durationWords(duration_ms),
    calls ? `${calls} ${calls === 1 ? "call" : "calls"}` : "",
    tokens ? `${tokens < 1000 ? tokens : `${(tokens / 1000).toFixed(1)}k`} tokens` : "",
    cost_usd ? (cost_usd < 0.005 ? "under $0.01" : `$${cost_usd.toFixed(2)}`) : "",
  ]
    .filter((part) => part !== "")
    .join(" · ");
}
type Concluded = Extract<SessionEntry, { kind: "concluded" }>["body"];

/**
 * The same words once more, by the turn that had them: two taps are one prompt. The stylesheet hides it once something newer
 * was asked. It is not called "Send again": a voice, or a test, that looks for Send must find the composer's alone.
 */
function TryAgain({ stream, turn, requestId }: { stream: string; turn: string; requestId?: string }) {
  const address = `/api/session/${stream.replace(/^session:/, "")}/prompt`;
  return (
    <form method="post" action={address} hx-post={address} hx-sync="this:drop" {...TO_OWN_ID} {...REFUSALS_TO_NOTICE}>
      <RequestId value={requestId ?? `again-${turn}`} />
      <input type="hidden" name="again" value={turn} />
      <button type="submit" class="quiet">
        Try again
      </button>
    </form>
  );
}

/** What machines say is not read out as it comes, in an incident there is no end of it; what goes wrong is, and whatever people and the agent say. */
const QUIET = "off";

const Called = ({ id, name, input }: { id: string; name: string; input: unknown }) => {
  const { what, why } = inWords(input);
  return (
    <li id={id} class="call" aria-live={QUIET}>
      <b>{plain(name.replace(/^mcp__breakglass__/, ""))}</b> <code>{plain(what)}</code>
      {why && <small>{plain(why)}</small>}
    </li>
  );
};

/** A short result stands open; a long one folds, with its size in view. */
const SHORT_LINES = 4;

function Returned({
  id,
  output,
  is_error,
  left_out,
  duration_ms,
  whole,
  file,
  kept,
}: { id: string; whole?: string; file?: string } & Extract<SessionEntry, { kind: "returned" }>["body"]) {
  const lines = output.replace(/\s+$/, "").split("\n").length;
  const quiet = is_error ? undefined : QUIET;
  const verdict = (
    <>
      <b class={is_error ? "tag strong" : "ok"}>{is_error ? "failed" : "done"}</b> {durationWords(duration_ms)}
    </>
  );
  if (!output.trim())
    return (
      <li id={id} class="ret" aria-live={quiet}>
        {verdict} (no output)
      </li>
    );
  const shown = (
    <>
      <Excerpt text={output} whole={whole} />
      {left_out > 0 && <small>{bytes(left_out)} between head and tail are not shown</small>}
      {file && kept !== undefined && (
        <p class="cut">
          <a href={file}>All of it, {bytes(kept)}</a>
        </p>
      )}
    </>
  );
  if (lines <= SHORT_LINES && left_out === 0)
    return (
      <li id={id} class="ret" aria-live={quiet}>
        {verdict}
        {shown}
      </li>
    );
  return (
    <li id={id} class="ret" aria-live={quiet}>
      <details>
        <summary>
          {verdict} · {lines} lines
        </summary>
        {shown}
      </details>
    </li>
  );
}

/** The command, or whatever else the tool was asked, on one line; and the reason the agent gave. */
function inWords(input: unknown): { what: string; why: string } {
  if (typeof input === "string") return { what: input, why: "" };
  if (typeof input !== "object" || input === null) return { what: "", why: "" };
  const { reason, ...rest } = input as Record<string, unknown>;
  const main = ["command", "verb", "name", "question"].find((key) => typeof rest[key] === "string");
  const what = main ? String(rest[main]) : Object.keys(rest).length > 0 ? JSON.stringify(rest) : "";
  return { what, why: typeof reason === "string" ? reason : "" };
}

export function bytes(count: number): string {
  if (count < 1000) return `${count} bytes`;
  return count < 1e6 ? `${(count / 1000).toFixed(0)} kB` : `${(count / 1e6).toFixed(1)} MB`;
}
