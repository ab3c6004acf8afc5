/** The console's body: the link, what is true, power, presets, transcript, composer; in the order of their importance. */
import type { Child } from "hono/jsx";
import type { Approval } from "../src/agent/approval-event.ts";
import type { KnownBefore } from "../src/power/preflight.ts";
import type { Session } from "../src/sessions/session.ts";
import type { Target } from "../src/target/target.ts";
import { Asking } from "./approval.tsx";
import { Composer, type Turn } from "./composer.tsx";
import { ConfirmDialog } from "./confirm.tsx";
import type { RequestIds } from "./hx.tsx";
import { PowerPanel, type PowerPanelProps } from "./power.tsx";
import { type Preset, Presets } from "./presets.tsx";
import { NewSession } from "./sessions.tsx";
import { StatePanel } from "./state.tsx";
import { utcWords } from "./time.tsx";
import { Transcript } from "./transcript.tsx";

export interface ConsoleProps extends PowerPanelProps {
  readonly target: Target;
  /** All there are: with more than one, the name is a switch between them. */
  readonly targets?: readonly Target[];
  readonly session: Pick<Session, "session_id" | "title">;
  readonly turn: Pick<Turn, "running" | "startedAt" | "by">;
  readonly presets: readonly Preset[];
  /** What a prompt may be asked of, the usual one first; none, where there is nothing to choose. */
  readonly models?: readonly string[];
  readonly requestIds: RequestIds;
  /** What the agents of this target wait for an answer to, in all sessions. */
  readonly approvals?: readonly Approval[];
  /** The items of the tail, oldest first: EntryItem, ActionItem, CheckItem, ApprovalItem. */
  readonly items: readonly Child[];
  /** The seq that the page was drawn at; the stream attaches after it. */
  readonly after: number;
  /** The oldest seq shown when there is more before it; null when this is all. */
  readonly earlier?: number | null;
  /** The heartbeat's period. */
  readonly heartbeat_ms: number;
  /** What is known before a tap on power. */
  readonly known?: KnownBefore;
  /** The lab's fault panel. */
  readonly faults?: Child;
  readonly now: number;
}

/** `style` is the address of the later part of it. */
export function Console(props: ConsoleProps & { style: string }) {
  const { target, session, turn, presets, requestIds, items, after, earlier, heartbeat_ms, faults, now } = props;
  const id = session.session_id;
  return (
    <body data-now={now}>
      <header>
        <Whose target={target} targets={props.targets ?? []} />
        {target.lab && <b class="tag">LAB</b>}
        <p id="link" role="status" aria-label="Link">
          not live
        </p>
        <noscript>
          <p>
            no live link: page as of {utcWords(now)} <a href={`/sessions/${id}`}>Reload</a>
          </p>
        </noscript>
        <section aria-label="Sessions">
          <a class="button quiet" href="/sessions">
            Sessions
          </a>
          <NewSession requestId={requestIds("session")} targets={[target]} brief />
        </section>
      </header>
      <main>
        <div class="left">
          <StatePanel
            state={props.state}
            now={now}
            seq={after}
            held={props.action?.state === "running"}
            known={props.known}
          />
          <PowerPanel {...props} seq={after} />
          <Presets presets={presets} sessionId={id} requestIds={requestIds} />
          {faults}
        </div>
        <div class="right">
          <Transcript sessionId={id} items={items} after={after} earlier={earlier} heartbeat_ms={heartbeat_ms} />
          <Composer
            sessionId={id}
            requestId={requestIds("prompt")}
            models={props.models}
            now={now}
            seq={after}
            {...turn}
          >
            <Asking approvals={props.approvals ?? []} session={id} seq={after} />
          </Composer>
        </div>
      </main>
      <ConfirmDialog />
      {/* Here it holds up nothing but the script, and so no dialog opens without it. */}
      <link rel="stylesheet" href={props.style} />
    </body>
  );
}

/** The name, and where there are several targets the way to the others: links, in a fold that needs no script. */
const Whose = ({ target, targets }: { target: Target; targets: readonly Target[] }) =>
  targets.length < 2 ? (
    <h1>{target.name}</h1>
  ) : (
    <details class="whose">
      <summary>
        <h1>{target.name}</h1>
      </summary>
      <nav aria-label="Targets">
        <ul>
          {targets.map((other) => (
            <li>
              <a href={`/?target=${other.id}`} aria-current={other === target ? "page" : undefined}>
                {other.name} <small>VM {other.vmid}</small>
              </a>
            </li>
          ))}
        </ul>
      </nav>
    </details>
  );
