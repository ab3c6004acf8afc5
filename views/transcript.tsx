/** The transcript's frame: the list that the stream appends to, what came before it, and the words that are not an entry yet. */
import type { Child } from "hono/jsx";

export interface TranscriptProps {
  readonly sessionId: string;
  readonly items: readonly Child[];
  readonly after: number;
  readonly earlier?: number | null;
  readonly heartbeat_ms: number;
}

export const Transcript = ({ sessionId, items, after, earlier, heartbeat_ms }: TranscriptProps) => (
  <div role="log" aria-label="Transcript" aria-relevant="additions" id="log" tabindex={0}>
    <div class="flow">
      <ol
        id="transcript"
        data-hb={heartbeat_ms}
        hx-trigger="load, every 3s"
        hx-sync="this:drop"
        hx-swap="beforeend"
        {...{
          "hx-sse:connect": `/api/session/${sessionId}/stream?after=${after}`,
          "hx-status:4xx": "swap:none",
          "hx-status:5xx": "swap:none",
        }}
      >
        <Earlier sessionId={sessionId} before={earlier ?? null} />
        {items}
      </ol>
      <div id="partial" aria-live="off" />
      <div id="live-run" aria-live="off" />
      {/* The stylesheet takes it away when the first item comes; a text browser has none. */}
      {items.length === 0 && (
        <p class="empty">
          The agent is standing by. Say what you see: “ssh hangs”, “the disk is full”, “it is slow since noon”.
        </p>
      )}
      <noscript>
        <iframe src={`/sessions/${sessionId}/tail?after=${after}`} title="New in the transcript" />
      </noscript>
    </div>
  </div>
);

/** Replaced as a whole by the answer: an Earlier of its own, if there is more still, then the items. */
export const Earlier = ({ sessionId, before }: { sessionId: string; before: number | null }) =>
  before === null ? null : (
    <li id="earlier">
      <form
        method="get"
        action={`/sessions/${sessionId}`}
        hx-get={`/sessions/${sessionId}`}
        hx-target="#earlier"
        hx-swap="outerHTML"
        hx-sync="this:drop"
        {...{ "hx-status:4xx": "target:#notice swap:innerHTML", "hx-status:5xx": "target:#notice swap:innerHTML" }}
      >
        <input type="hidden" name="before" value={String(before)} />
        <button type="submit" class="quiet">
          Earlier
        </button>
      </form>
    </li>
  );

/** The answer to Earlier under htmx. */
export const EarlierItems = (props: { sessionId: string; before: number | null; items: readonly Child[] }) => (
  <>
    <Earlier sessionId={props.sessionId} before={props.before} />
    {props.items}
  </>
);
