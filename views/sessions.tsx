/** All sessions, newest first. */
import type { Session } from "../src/sessions/session.ts";
import type { Target } from "../src/target/target.ts";
import { RequestId } from "./hx.tsx";
import { plain } from "./plain.tsx";
import { Sheet } from "./sheet.tsx";
import { Ago } from "./time.tsx";

/** How many are listed (sessions/session.ts). */
export const LISTED = 100;
export const OLDER_SESSIONS = "These are the 100 begun last. Older ones open by their address, and stay in the log.";

export const SessionsPage = ({
  sessions,
  now,
  requestId,
  targets,
}: {
  sessions: readonly Session[];
  now: number;
  requestId?: string;
  readonly targets: readonly Target[];
}) => (
  <Sheet title="Sessions" lab={targets[0]?.lab}>
    <h1>Sessions</h1>
    <section aria-label="Sessions">
      <NewSession requestId={requestId} targets={targets} />
      {sessions.length === 0 && <p>No session yet. The console opens one.</p>}
      {sessions.length >= LISTED && <p class="soft">{OLDER_SESSIONS}</p>}
      <ul class="list">
        {sessions.map((session) => (
          <li>
            <a href={`/sessions/${session.session_id}`}>{plain(session.title)}</a>{" "}
            {session.turn_active && <b class="tag work">working</b>}
            <small>
              {targets.length > 1 && `${nameOf(session.target, targets)} · `}
              <code>{session.session_id.slice(0, 8)}</code> · begun <Ago at={session.created_at} now={now} />
            </small>
            <details>
              <summary>Rename or delete</summary>
              <form method="post" action={`/api/session/${session.session_id}/title`}>
                {requestId && <RequestId value={requestId} />}
                <input name="title" value={session.title} required maxlength={120} aria-label="Title" />
                <button type="submit" class="quiet">
                  Rename
                </button>
              </form>
              <a href={`/sessions/${session.session_id}/delete`}>Delete it…</a>
            </details>
          </li>
        ))}
      </ul>
      <p>
        <a href="/audit">Audit: who did what</a> · <a href="/access">Who is signed in</a>
      </p>
    </section>
  </Sheet>
);

/** On the console for its own target; on the list of all sessions one button for each. */
export const NewSession = ({
  requestId,
  brief,
  targets,
}: {
  requestId?: string;
  brief?: boolean;
  targets: readonly Pick<Target, "id" | "name">[];
}) => (
  <form method="post" action="/api/session" id="session">
    {requestId && <RequestId value={requestId} />}
    {targets.map((target) => (
      <button type="submit" class="quiet" name="target" value={target.id}>
        New<span class={brief ? "long" : ""}> session</span>
        {targets.length > 1 && ` on ${target.name}`}
      </button>
    ))}
  </form>
);

/** A target that is not in the settings any more goes by its id. */
const nameOf = (id: string, targets: readonly Target[]) => targets.find((t) => t.id === id)?.name ?? id;
