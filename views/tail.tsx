/**
 * The transcript's tail for a browser without JavaScript, inside a frame: a document that a route streams in three parts,
 * TailHead, then items as they come, then TailFoot after 20 to 30 s. It reloads itself after a clean end only; every time
 * it starts again after the seq that the page around it was drawn at.
 */
import { Meta } from "./sheet.tsx";
import { utcWords } from "./time.tsx";

const LIST = '<ol id="transcript">';

/** A string, because it is half a document. */
export const TailHead = ({ refresh_s = 1 }: { refresh_s?: number } = {}): string =>
  `<!doctype html><html lang="en"><head>${(
    (
      <>
        <Meta title="Transcript" />
        <meta http-equiv="refresh" content={String(refresh_s)} />
        <base target="_top" />
      </>
    )
  ).toString()}</head><body class="tail"><main><h1 class="vh">New in the transcript</h1><p class="aside">new since the page was drawn:</p>${LIST}`;

/** What was written since the page was drawn and does not stand here. */
export const TailMissing = ({ session }: { session: string }): string =>
  (
    <li class="aside">
      more has come since than is shown here: <a href={`/sessions/${session}`}>reload the page</a>
    </li>
  ).toString() as string;

export const TailFoot = ({ now }: { now: number }): string =>
  `</ol>${(<p class="aside">as of {utcWords(now)}</p>).toString()}</main></body></html>`;
