/** Where the operator writes, and the slot that holds Send or, during a turn, Stop. The slot goes to everybody: it has no request id. */
import type { Child } from "hono/jsx";
import { REFUSALS_TO_NOTICE, RequestId, RequestInput, TO_OWN_ID } from "./hx.tsx";
import { Plain, plain } from "./plain.tsx";
import { Clock } from "./time.tsx";

export interface Turn {
  readonly sessionId: string;
  readonly running: boolean;
  /** ms since the epoch; with `running`. */
  readonly startedAt?: number | null;
  readonly by?: string | null;
  readonly now: number;
  /** The seq it is true at: console.js drops a slot that is older than the one on the page. */
  readonly seq?: number;
}

/** `children` stand over the composer, and are read out when they change: what the agent asks. With less than two models there is no choice. */
export const Composer = ({
  requestId,
  models = [],
  children,
  ...turn
}: Turn & { requestId: string; models?: readonly string[]; children?: Child }) => (
  <form
    id="composer"
    method="post"
    action={`/api/session/${turn.sessionId}/prompt`}
    hx-post={`/api/session/${turn.sessionId}/prompt`}
    hx-sync="this:drop"
    {...TO_OWN_ID}
    {...REFUSALS_TO_NOTICE}
  >
    <div aria-live="polite">{children}</div>
    <div id="notice" aria-live="polite" />
    <RequestId id="composer-id" value={requestId} />
    <textarea
      id="prompt"
      name="prompt"
      rows={1}
      required
      aria-label="Describe the problem"
      placeholder="Describe the problem"
    />
    {models.length > 1 && <Models models={models} />}
    <TurnSlot {...turn} />
  </form>
);

/** The first is the usual one. It stays as it was chosen until the page is left. */
const Models = ({ models }: { models: readonly string[] }) => (
  <select name="model" aria-label="Model">
    {models.map((name) => (
      <option>{plain(name)}</option>
    ))}
  </select>
);

export function TurnSlot({ sessionId, running, startedAt, by, now, seq }: Turn) {
  if (!running)
    return (
      <div id="turn" data-seq={seq}>
        <button type="submit" id="turn-send">
          Send
        </button>
      </div>
    );
  const cancel = `/api/session/${sessionId}/cancel`;
  return (
    <div id="turn" class="running" data-seq={seq}>
      <p>
        working <Clock from={startedAt ?? now} now={now} />
        {by && `, asked by ${plain(by)}`}
      </p>
      {/* w3m and lynx ignore formaction: there it arrives at the prompt's address, told apart by `stop`. */}
      <button
        type="submit"
        id="turn-stop"
        name="stop"
        value="1"
        formaction={cancel}
        formnovalidate
        hx-post={cancel}
        hx-target="#notice"
        hx-sync="this:drop"
        {...REFUSALS_TO_NOTICE}
      >
        Stop
      </button>
    </div>
  );
}

/** The answer to a prompt under htmx: a fresh id for the form that asked. The bubble and the slot come on the stream. */
export const ComposerId = ({ requestId }: { requestId: string; sent?: boolean }) => <RequestInput value={requestId} />;

/** Words as they come: goes into `#partial` (innerHTML), empty when they have become an entry. */
export const PartialWords = ({ text }: { text: string }) =>
  text ? (
    <p class="partial">
      <Plain text={text} />
    </p>
  ) : null;
