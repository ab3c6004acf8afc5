/** One entry with the whole of its output, as a page of its own: where "All of it" leads. */
import type { CheckEntry } from "../src/checks/event.ts";
import type { SessionEntry } from "../src/sessions/event.ts";
import type { TargetEntry } from "../src/target/event.ts";
import { CheckItem } from "./check.tsx";
import { EntryItem } from "./message.tsx";
import type { Markdown } from "./prose.tsx";
import { Sheet } from "./sheet.tsx";

export interface EntryPageProps {
  readonly entry: SessionEntry | TargetEntry | CheckEntry;
  readonly sessionId: string;
  /** A check's preset name. */
  readonly title?: string;
  readonly now: number;
  readonly markdown: Markdown;
  readonly lab?: boolean;
}

export const EntryPage = ({ entry, sessionId, title, now, markdown, lab }: EntryPageProps) => (
  <Sheet title={`Entry ${entry.seq}`} lab={lab}>
    <h1>Entry {entry.seq}</h1>
    <ol class="whole">
      {entry.kind === "check_started" || entry.kind === "check_ended" ? (
        <CheckItem entry={entry} title={title} now={now} />
      ) : (
        <EntryItem entry={entry} now={now} markdown={markdown} />
      )}
    </ol>
    <p>
      <a href={`/sessions/${sessionId}`}>Back to the session</a>
    </p>
  </Sheet>
);
