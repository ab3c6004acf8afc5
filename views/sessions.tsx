/** All sessions, newest first. */
import type { Session } from "../src/sessions/session.ts";
import { RequestId } from "./hx.tsx";
import { plain } from "./plain.tsx";
import { Sheet } from "./sheet.tsx";
import { Ago } from "./time.tsx";

export const SessionsPage = ({
  sessions,
  now,
  requestId,
  lab,
}: {
  sessions: readonly Session[];
  now: number;
  requestId?: string;
  lab?: boolean;
}) => (
  <Sheet title="Sessions" lab={lab}>
    <h1>Sessions</h1>
    <section aria-label="Sessions">
      <NewSession requestId={requestId} />
      {sessions.length === 0 && <p>No session yet. The console opens one.</p>}
      <ul class="list">
        {sessions.map((session) => (
          <li>
            <a href={`/sessions/${session.session_id}`}>{plain(session.title)}</a>{" "}
            {session.turn_active && <b class="tag work">working</b>}
            <small>
              <code>{session.session_id.slice(0, 8)}</code> · begun <Ago at={session.created_at} now={now} />
            </small>
            <details>
              <summary>Rename</summary>
              <form method="post" action={`/api/session/${session.session_id}/title`}>
                {requestId && <RequestId value={requestId} />}
                <input name="title" value={session.title} required maxlength={120} aria-label="Title" />
                <button type="submit" class="quiet">
                  Rename
                </button>
              </form>
            </details>
          </li>
        ))}
      </ul>
    </section>
  </Sheet>
);

export const NewSession = ({ requestId, brief }: { requestId?: string; brief?: boolean }) => (
  <form method="post" action="/api/session" id="session">
    {requestId && <RequestId value={requestId} />}
    <button type="submit" class="quiet">
      New<span class={brief ? "long" : ""}> session</span>
    </button>
  </form>
);
