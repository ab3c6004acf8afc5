/** All sessions, newest first. */
import type { Session } from "../src/sessions/session.ts";
import type { Target } from "../src/target/target.ts";
import { RequestId } from "./hx.tsx";
import { plain } from "./plain.tsx";
import { Sheet } from "./sheet.tsx";
import { Ago } from "./time.tsx";

export const SessionsPage = ({
  sessions,
  older,
  first,
  now,
  requestId,
  targets,
}: {
  sessions: readonly Session[];
  /** The address of those that were begun before these, and whether these are the newest. */
  older: string | null;
  first: boolean;
  now: number;
  requestId?: string;
  readonly targets: readonly Target[];
}) => (
  <Sheet title="Sessions" lab={targets[0]?.lab}>
    <h1>Sessions</h1>
    <section aria-label="Sessions">
      <NewSession requestId={requestId} targets={targets} />
      {sessions.length === 0 && (
        <p>{first ? "No session yet. The console opens one." : "No session was begun before these."}</p>
      )}
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
      {(older !== null || !first) && (
        <p class="home">
          {older !== null && <a href={older}>Begun before these</a>}
          {older !== null && !first && " · "}
          {!first && <a href="/sessions">The newest</a>}
        </p>
      )}
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
