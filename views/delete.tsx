/** Asked before a session is deleted: what goes, and what stays. */
import type { Session } from "../src/sessions/session.ts";
import { RequestId } from "./hx.tsx";
import { plain } from "./plain.tsx";
import { Sheet } from "./sheet.tsx";
import { Ago } from "./time.tsx";

export interface DeletePageProps {
  readonly session: Session;
  readonly weight: { readonly entries: number; readonly files: number; readonly bytes: number };
  readonly keepDays: number | null;
  readonly requestId: string;
  readonly lab?: boolean;
  readonly now: number;
}

export const DeletePage = ({ session, weight, keepDays, requestId, lab, now }: DeletePageProps) => (
  <Sheet title="Delete this session?" lab={lab}>
    <h1>Delete this session?</h1>
    <p class="lead">
      {plain(session.title)}, begun <Ago at={session.created_at} now={now} />
    </p>
    <p>
      Its transcript goes for good: {weight.entries} entries
      {weight.files > 0 && ` and ${weight.files} ${weight.files === 1 ? "file" : "files"}`}, {kilobytes(weight.bytes)}{" "}
      in all, with the agent's memory of it. The actions on {plain(session.target)} and their evidence stay, and the
      audit says who deleted it.
      {keepDays !== null &&
        ` Without a hand it would go when nothing has been written in it for ${keepDays} ${keepDays === 1 ? "day" : "days"}.`}
    </p>
    {session.turn_active && <p class="refused">A turn is running in it: stop that first.</p>}
    <form method="post" action={`/api/session/${session.session_id}/delete`} class="do">
      <RequestId value={requestId} />
      <a href={`/sessions/${session.session_id}`}>Keep it</a>{" "}
      <button type="submit" disabled={session.turn_active}>
        Delete the session
      </button>
    </form>
  </Sheet>
);

const kilobytes = (bytes: number): string => `${Math.max(1, Math.round(bytes / 1000)).toLocaleString("en")} kB`;
