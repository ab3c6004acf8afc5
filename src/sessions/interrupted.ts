/** At the start: turns that ran when the server stopped are marked, once, and end. */
import type { Log } from "../log/log.ts";

/** Resolves with how many turns that were. */
export async function endInterrupted(log: Log): Promise<number> {
  const cut = log.unfinished("prompted", ["turn_ended"]);
  for (const { stream, about } of cut)
    await log.appendAll([
      {
        stream,
        kind: "failed",
        about,
        body: {
          error: "The server stopped while this turn ran; it was interrupted. The next prompt goes on from here.",
        },
        durable: true,
        rescue: true,
      },
      { stream, kind: "turn_ended", about, body: { after_ms: null }, durable: true, rescue: true },
    ]);
  return cut.length;
}
