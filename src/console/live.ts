/**
 * The stream: a session's entries, replayed and then tailed, to whoever is attached. Each frame is made once and its bytes
 * are shared by all. A client that does not read is dropped at a bound; it comes back by its last id. It knows no HTML:
 * `Draw` makes it (console/draw.tsx).
 */
import { constants, createGzip } from "node:zlib";
import type { Entry, Log, StreamRange } from "../log/log.ts";

export type Format = "html" | "json";

export interface Attach {
  readonly session: string;
  readonly streams: readonly StreamRange[];
  /** Entries after this seq. */
  readonly after: number;
  readonly format: Format;
  readonly gzip: boolean;
}

/** Makes the data of frames. One per attached session and format; it may remember what it has drawn. */
export interface Draw {
  /** A batch of entries as one HTML event's data, "" when they draw nothing. */
  html(entries: readonly Entry[]): string;
  /** One entry as JSON, null when it is none for readers. */
  json(entry: Entry): string | null;
}

/** What an attached client may leave unread before it is dropped, bytes. */
const BOUND = 256 * 1024;
/** Entries per frame of a replay. */
const BATCH = 250;
/** Beyond this many clients the stream is plain: the processor matters more than the link (PRODUCT.md). */
const GZIP_CLIENTS = 64;

const encoder = new TextEncoder();

interface Client {
  readonly format: Format;
  send(frame: Uint8Array): void;
}

interface Channel {
  readonly session: string;
  readonly streams: readonly StreamRange[];
  readonly draw: Draw;
  readonly clients: Set<Client>;
}

export class Live {
  private readonly channels = new Map<string, Channel>();
  private readonly closers = new Set<() => void>();
  private gzipped = 0;
  private readonly unfollow: () => void;
  private readonly beat: ReturnType<typeof setInterval>;

  constructor(
    private readonly log: Log,
    private readonly drawFor: (session: string) => Draw,
    keepalive_ms: number,
    /** Called when the first client attaches and when the last has gone. */
    private readonly attended: (clients: number) => void = () => {},
  ) {
    this.unfollow = log.follow((entries) => this.tell(entries));
    this.beat = setInterval(() => {
      const frame = bytes("event: hb\ndata: {}\n\n");
      for (const channel of this.channels.values()) for (const client of channel.clients) client.send(frame);
    }, keepalive_ms);
  }

  get clients(): number {
    return this.closers.size;
  }

  /** HTML without an id (partial words, a state, an age) to everybody attached to the session, or to all. */
  whisper(session: string | null, html: string): void {
    const frame = bytes(event(null, html));
    for (const channel of this.channels.values())
      if (session === null || channel.session === session)
        for (const client of channel.clients) if (client.format === "html") client.send(frame);
  }

  attach(a: Attach): Response {
    const gzip = a.gzip && this.gzipped < GZIP_CLIENTS;
    let close = () => {};
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
          close = () => {
            if (!open) return;
            open = false;
            live.closers.delete(close);
            if (gzip) live.gzipped--;
            live.leave(a.session, client);
            zip?.destroy();
            try {
              controller.close();
            } catch {
              // cancelled by the client
            }
            pulled();
            live.attended(live.clients);
          };
          live.closers.add(close);
          if (gzip) live.gzipped++;
          live.attended(live.clients);
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

  /** Tells every client that the server goes, and ends their streams. */
  close(): void {
    clearInterval(this.beat);
    this.unfollow();
    const bye = bytes("event: restarting\ndata: {}\n\n");
    for (const channel of this.channels.values()) for (const client of channel.clients) client.send(bye);
    setTimeout(() => {
      for (const close of [...this.closers]) close();
    }, 50);
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
    const channel = this.channels.get(a.session) ?? {
      session: a.session,
      streams: a.streams,
      draw: this.drawFor(a.session),
      clients: new Set(),
    };
    channel.clients.add(client);
    this.channels.set(a.session, channel);
  }

  private tell(entries: readonly Entry[]): void {
    for (const channel of this.channels.values()) {
      const ours = entries.filter((e) => channel.streams.some((s) => s.stream === e.stream && e.seq >= (s.from ?? 0)));
      if (ours.length === 0) continue;
      // Made once for each form that is asked for, however many clients there are.
      const made: Partial<Record<Format, Uint8Array>> = {};
      for (const client of channel.clients) {
        made[client.format] ??= frame(ours, client.format, channel.draw);
        client.send(made[client.format]!);
      }
    }
  }

  private leave(session: string, client: Client): void {
    const channel = this.channels.get(session);
    if (!channel) return;
    channel.clients.delete(client);
    if (channel.clients.size === 0) this.channels.delete(session);
  }
}

function frame(entries: readonly Entry[], format: Format, draw: Draw): Uint8Array {
  if (format === "html") return bytes(event(entries.at(-1)!.seq, draw.html(entries)));
  let text = "";
  for (const entry of entries) {
    const data = draw.json(entry);
    if (data !== null) text += event(entry.seq, data);
  }
  return bytes(text);
}

/** One event; CR, LF and CRLF in the data become data lines of their own, so that no output can end a field. */
function event(id: number | null, data: string): string {
  const head = id === null ? "" : `id: ${id}\n`;
  if (data === "") return id === null ? "" : `${head}\n`;
  return `${head}data: ${data.includes("\r") || data.includes("\n") ? data.split(/\r\n|\r|\n/).join("\ndata: ") : data}\n\n`;
}

function zipped(out: (chunk: Uint8Array) => void) {
  const gzip = createGzip({
    level: 6,
    windowBits: 13,
    memLevel: 6,
    flush: constants.Z_SYNC_FLUSH,
  });
  gzip.on("data", (chunk: Uint8Array) => out(chunk));
  gzip.on("error", () => {});
  return gzip;
}

const bytes = (text: string): Uint8Array => encoder.encode(text);

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
