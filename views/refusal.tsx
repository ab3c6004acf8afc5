/** A refusal as a fragment and as a page of its own: what was refused, what to do next. */
import { plain } from "./plain.tsx";
import { Sheet } from "./sheet.tsx";

/** Lands in `#notice`, which is a live region already. */
export const RefusalFragment = ({ sentence }: { sentence: string }) => <p class="refused">{plain(sentence)}</p>;

export const RefusalPage = ({ status, sentence, lab }: { status: number; sentence: string; lab?: boolean }) => (
  <Sheet title={String(status)} lab={lab}>
    <h1 class="soft">{status}</h1>
    <p class="lead" role="alert">
      {plain(sentence)}
    </p>
    {status === 404 && (
      <form method="post" action="/api/session">
        <button type="submit" class="quiet">
          New session
        </button>
      </form>
    )}
  </Sheet>
);
