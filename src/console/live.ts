/**
 * The stream: a session's entries, replayed and then tailed, to whoever is attached. Each frame is made once and its bytes
 * are shared by all. A client that does not read is dropped at a bound (console/outlet.ts); it comes back by its last id.
 * It knows no HTML: `Draw` makes it (console/draw.tsx).
 */
import type { Entry, Log, StreamRange } from "../log/log.ts";
import { Channel, type Client, type Whisper } from "./channel.ts";
import { bytes, type Draw, type Format, firstOf, frame } from "./frame.ts";
import { Outlet } from "./outlet.ts";

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

/** Entries per frame of a replay, and about how many bytes of them: it must come through whole between two cuts of a thin link. */
const BATCH = 128;
const FIRST_BATCH = 16;
const BATCH_BYTES = 32 * 1024;
/** Beyond this many clients the stream is plain: the processor matters more than the link (PRODUCT.md). */
const GZIP_CLIENTS = 64;

export class Live {
  private readonly channels = new Map<string, Channel>();
  /** Each client's way out, and its session. */
  private readonly outlets = new Map<Outlet, string>();
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
    return this.outlets.size;
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
    const client = { format: a.format, send: (frame: Uint8Array) => outlet.send(frame) };
    const outlet = new Outlet(gzip, () => {
      this.outlets.delete(outlet);
      this.hold(a.streams, -1);
      if (gzip) this.gzipped--;
      this.leave(a, client);
    });
    this.outlets.set(outlet, a.session);
    this.hold(a.streams, 1);
    if (gzip) this.gzipped++;
    this.attended(a.streams.map((range) => range.stream));
    void this.replay(a, client, outlet);
    return new Response(outlet.body, {
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
    for (const [outlet, theirs] of [...this.outlets]) if (theirs === session) outlet.close(true);
  }

  /** Tells every client that the server goes, and ends their streams. */
  async close(): Promise<void> {
    clearInterval(this.beat);
    this.unfollow();
    const bye = bytes("event: restarting\ndata: {}\n\n");
    for (const channel of this.channels.values()) channel.send(bye);
    // The word needs a moment on its way; then the ends, which need one, too.
    await Bun.sleep(50);
    for (const outlet of [...this.outlets.keys()]) outlet.close(true);
    await Bun.sleep(50);
  }

  private async replay(a: Attach, client: Client, outlet: Outlet): Promise<void> {
    let at = a.after;
    let limit = FIRST_BATCH;
    client.send(bytes(`id: ${at}\n\n`));
    const draw = this.drawFor(a.session);
    for (;;) {
      if (!outlet.open) return;
      // Read and join without a pause between: an entry written in between would never be shown.
      const ahead = this.log.read({ streams: a.streams, after: at, limit });
      const batch = firstOf(ahead, BATCH_BYTES, draw);
      if (batch.length > 0) {
        client.send(frame(batch, a.format, draw));
        at = batch.at(-1)!.seq;
      }
      if (batch.length === ahead.length && ahead.length < limit) break;
      // What did not fit is read again rather than held; so as to read little in vain, not much more is read than has just fitted.
      limit = Math.min(BATCH, 2 * batch.length);
      // The client sets the pace of a long replay.
      await outlet.room();
    }
    client.send(bytes("event: caught-up\ndata: {}\n\n"));
    outlet.dropsAtBound();
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
