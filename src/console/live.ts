/**
 * The stream: a session's entries, replayed and then tailed, to whoever is attached. Each frame is made once and its bytes
 * are shared by all. A client that does not read is dropped at a bound; it comes back by its last id. It knows no HTML:
 * `Draw` makes it (console/draw.tsx).
 */
import { constants, createGzip } from "node:zlib";
import type { Entry, Log, StreamRange } from "../log/log.ts";
import { Channel, type Client, type Whisper } from "./channel.ts";
import { bytes, type Draw, type Format, frame } from "./frame.ts";

export type { Draw, Format };

export interface Attach {
  readonly session: string;
  readonly streams: readonly StreamRange[];
  /** Entries after this seq. */
  readonly after: number;
  readonly format: Format;
  readonly gzip: boolean;
  /** `Save-Data: on`: fewer frames, each later. */
  readonly thin?: boolean;
}

/** What an attached client may leave unread before it is dropped, bytes. */
const BOUND = 256 * 1024;
/** Entries per frame of a replay. */
const BATCH = 250;
/** Beyond this many clients the stream is plain: the processor matters more than the link (PRODUCT.md). */
const GZIP_CLIENTS = 64;

export class Live {
  private readonly channels = new Map<string, Channel>();
  /** Each client's way out, and its session. */
  private readonly closers = new Map<(cleanly?: boolean) => void, string>();
  /** Clients per stream. */
  private readonly holding = new Map<string, number>();
  private gzipped = 0;
  private readonly unfollow: () => void;
  private readonly beat: ReturnType<typeof setInterval>;

  constructor(
    private readonly log: Log,
    private readonly drawFor: (session: string) => Draw,
    keepalive_ms: number,
    /** Called when a client attaches, with the streams that its page holds. */
    private readonly attended: (streams: readonly string[]) => void = () => {},
  ) {
    this.unfollow = log.follow((entries) => this.tell(entries));
    this.beat = setInterval(() => {
      const beat = bytes("event: hb\ndata: {}\n\n");
      for (const channel of this.channels.values()) for (const client of channel.clients) client.send(beat);
    }, keepalive_ms);
  }

  get clients(): number {
    return this.closers.size;
  }

  /** How many clients' pages hold this stream, also while they are still catching up. */
  attachedTo(stream: string): number {
    return this.holding.get(stream) ?? 0;
  }

  /** What is no entry (partial words, a state, an age) to everybody whose page holds this stream. */
  whisper(stream: string, whisper: Whisper): void {
    for (const channel of this.channels.values()) channel.whisper(stream, whisper);
  }

  attach(a: Attach): Response {
    const gzip = a.gzip && this.gzipped < GZIP_CLIENTS;
    let close = (_cleanly?: boolean) => {};
    let pulled = () => {};
    const live = this;
    const body = new ReadableStream<Uint8Array>(
      {
        start(controller) {
          const zip = gzip ? zipped((chunk) => push(chunk)) : null;
          let open = true;
          const push = (chunk: Uint8Array) => {
            if (!open) return;
            controller.enqueue(chunk);
            if ((controller.desiredSize ?? 0) < 0 && client.dropping) close();
          };
          const client = {
            format: a.format,
            dropping: false,
            send: (frame: Uint8Array) => (zip ? zip.write(frame) : push(frame)),
          };
          const finish = () => {
            open = false;
            zip?.destroy();
            try {
              controller.close();
            } catch {
              // cancelled by the client
            }
          };
          let closing = false;
          close = (cleanly = false) => {
            if (closing) return;
            closing = true;
            live.closers.delete(close);
            live.hold(a.streams, -1);
            if (gzip) live.gzipped--;
            live.leave(a, client);
            // A gzip stream has an end of its own; without it the reader sees an error where we said goodbye.
            if (zip && cleanly) zip.once("end", finish).end();
            else finish();
            pulled();
          };
          live.closers.set(close, a.session);
          live.hold(a.streams, 1);
          if (gzip) live.gzipped++;
          live.attended(a.streams.map((range) => range.stream));
          void live.replay(
            a,
            client,
            () => open,
            () => (controller.desiredSize ?? 0) > 0,
            (go) => {
              pulled = go;
            },
          );
        },
        pull: () => pulled(),
        cancel: () => close(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: BOUND }),
    );
    return new Response(body, {
      headers: {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-cache",
        "X-Accel-Buffering": "no",
        Vary: "Accept-Encoding",
        ...(gzip ? { "Content-Encoding": "gzip" } : {}),
      },
    });
  }

  /** Ends the streams of a session that is not there any more: who asks again is told so. */
  dismiss(session: string): void {
    for (const [close, theirs] of [...this.closers]) if (theirs === session) close(true);
  }

  /** Tells every client that the server goes, and ends their streams. */
  async close(): Promise<void> {
    clearInterval(this.beat);
    this.unfollow();
    const bye = bytes("event: restarting\ndata: {}\n\n");
    for (const channel of this.channels.values()) channel.send(bye);
    // The word needs a moment on its way; then the ends, which need one, too.
    await Bun.sleep(50);
    for (const close of [...this.closers.keys()]) close(true);
    await Bun.sleep(50);
  }

  private async replay(
    a: Attach,
    client: Client & { dropping: boolean },
    open: () => boolean,
    room: () => boolean,
    whenRoom: (go: () => void) => void,
  ): Promise<void> {
    let at = a.after;
    client.send(bytes(`id: ${at}\n\n`));
    const draw = this.drawFor(a.session);
    for (;;) {
      if (!open()) return;
      // Read and join without a pause between: an entry written in between would never be shown.
      const batch = this.log.read({ streams: a.streams, after: at, limit: BATCH });
      if (batch.length > 0) {
        client.send(frame(batch, a.format, draw));
        at = batch.at(-1)!.seq;
      }
      if (batch.length < BATCH) break;
      // The client sets the pace of a long replay.
      await (room() ? new Promise((go) => setImmediate(go)) : new Promise<void>((go) => whenRoom(go)));
    }
    client.send(bytes("event: caught-up\ndata: {}\n\n"));
    client.dropping = true;
    this.join(a, client);
  }

  /** In the same tick as the read before it. */
  private join(a: Attach, client: Client): void {
    const channel = this.channels.get(keyOf(a)) ?? new Channel(a.streams, !!a.thin, this.drawFor(a.session));
    this.channels.set(keyOf(a), channel);
    // What is still gathered was read in the replay: the others get it now, and this one not twice.
    channel.flush();
    channel.clients.add(client);
  }

  private tell(entries: readonly Entry[]): void {
    for (const channel of this.channels.values()) channel.tell(entries);
  }

  private hold(streams: readonly StreamRange[], clients: 1 | -1): void {
    for (const { stream } of streams) {
      const now = this.attachedTo(stream) + clients;
      if (now > 0) this.holding.set(stream, now);
      else this.holding.delete(stream);
    }
  }

  private leave(a: Attach, client: Client): void {
    const channel = this.channels.get(keyOf(a));
    if (!channel) return;
    channel.clients.delete(client);
    if (channel.clients.size > 0) return;
    channel.flush();
    this.channels.delete(keyOf(a));
  }
}

const keyOf = ({ session, thin }: Attach): string => (thin ? `${session} thin` : session);

/**
 * The window is the whole 32 KiB: an incident comes back to the same commands and logs, and what is further back than the
 * window is paid for again (63 bytes an entry with 8 KiB, 39 with 32; 96 KiB more a client). A partial flush ends each
 * frame with 10 bits instead of 5 bytes; every inflate reads it.
 */
function zipped(out: (chunk: Uint8Array) => void) {
  const gzip = createGzip({ level: 6, memLevel: 6, flush: constants.Z_PARTIAL_FLUSH });
  gzip.on("data", (chunk: Uint8Array) => out(chunk));
  gzip.on("error", () => {});
  return gzip;
}

/**
 * Where a client stands: `Last-Event-ID` and `?after=`, each a whole number from 0 to the newest seq or as if absent; of
 * two valid ones the larger. 0 replays everything.
 */
export function positionOf(
  lastEventId: string | null | undefined,
  after: string | null | undefined,
  head: number,
): number {
  return Math.max(0, ...[lastEventId, after].map((text) => valid(text, head)));
}

function valid(text: string | null | undefined, head: number): number {
  if (!text || !/^\d{1,16}$/.test(text)) return 0;
  const n = Number(text);
  return n <= head ? n : 0;
}
