/**
 * The transcript for a browser without JavaScript: a document that grows while it is read, and ends cleanly so that the
 * browser asks again. The reader sets the pace: nothing is drawn before there is room for it, so one that does not read
 * holds a few kilobytes, whatever is written meanwhile. It knows neither pages nor sessions.
 */
import { TailFoot, TailHead, TailMissing } from "../../views/tail.tsx";
import type { Entry, Log, StreamRange } from "../log/log.ts";
import { Drawn, type Item, isElsewhere, itemsOf, text } from "./draw.tsx";

export interface TailOf {
  readonly session: string;
  readonly streams: readonly StreamRange[];
  /** The seq that the page around it was drawn at. */
  readonly after: number;
}

/** It ends after this. */
const FRAME_MS = 25_000;
/** What was written since the page is shown by its newest part: the frame comes again every half minute, over a thin link. */
const NEWEST = 60;
/** Entries drawn at a time, and what may wait for the reader, bytes. */
const BATCH = 20;
const ROOM = 16 * 1024;

export function tailDocument(log: Log, { session, streams, after }: TailOf, frame_ms = FRAME_MS) {
  const encoder = new TextEncoder();
  const newest = log.tail({ streams, limit: NEWEST });
  const from = newest.length === NEWEST ? Math.max(after, newest[0]!.seq - 1) : after;
  const missing = from > after && log.read({ streams, after, upto: from, limit: 1 }).length > 0;
  let at = from;
  let begun = false;
  let over = false;
  let wake = () => {};
  const end = () => {
    over = true;
    clearTimeout(late);
    unfollow();
    wake();
  };
  const unfollow = log.follow(() => wake());
  const late = setTimeout(end, frame_ms);
  const next = (): string | null => {
    if (!begun) {
      begun = true;
      return TailHead() + (missing ? TailMissing({ session }) : "");
    }
    const batch = log.read({ streams, after: at, limit: BATCH });
    at = batch.at(-1)?.seq ?? at;
    return batch.length === 0 ? null : drawn(batch, log, session);
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (!over) {
          const html = next();
          if (html) return controller.enqueue(encoder.encode(html));
          // In the same tick as the read that found nothing.
          if (html === null)
            await new Promise<void>((go) => {
              wake = go;
            });
        }
        try {
          controller.enqueue(encoder.encode(TailFoot({ now: Date.now() })));
          controller.close();
        } catch {
          // the reader has gone
        }
      },
      cancel: end,
    },
    new ByteLengthQueuingStrategy({ highWaterMark: ROOM }),
  );
}

const drawn = (entries: readonly Entry[], log: Log, session: string): string =>
  itemsOf(entries, log)
    .filter((item) => isNewOrOver(item) && !isElsewhere(item, session))
    .map((item) => text(<Drawn item={item} now={Date.now()} />))
    .join("");

/** A document can only grow: what began is shown once more when it is over, and not in between. */
function isNewOrOver(item: Item): boolean {
  if (item.is === "entry" || item.fresh) return true;
  switch (item.is) {
    case "action":
      return item.action.state === "ended";
    case "check":
      return item.entry.kind === "check_ended";
    case "approval":
      return item.approval.state !== "open";
    default:
      return item satisfies never;
  }
}
