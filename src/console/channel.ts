/**
 * Those who are attached to one session in one manner, and what they are sent: entries, and whispers that are none. A frame
 * is made once for each form that is asked for, however many read it. It knows no socket, and not how a client is dropped.
 */
import type { Entry, StreamRange } from "../log/log.ts";
import { bytes, type Draw, type Format, frame, frameOf } from "./frame.ts";
import { Gathering } from "./gathering.ts";

export interface Client {
  readonly format: Format;
  send(frame: Uint8Array): void;
}

/** HTML without an id. A newer one about the same thing makes an older one needless. */
export interface Whisper {
  readonly about: string;
  readonly html: string;
}

/** The least time between two frames, ms: nothing to one who reads, and it gathers the lines of a burst. */
const GAP_MS = 2;
/**
 * Beyond this many clients, each adds to that time, ms. One frame to 500 clients takes 4 ms of processor (measured, most
 * of it in the sockets); every 15 ms at most, it leaves the console free whatever an agent prints.
 */
const CROWD = 100;
const GAP_PER_CLIENT_MS = 0.03;
/** For a phone that asks for few data (`Save-Data: on`): two frames a second, whispers too. */
const THIN_GAP_MS = 500;

export class Channel {
  readonly clients = new Set<Client>();
  private readonly gathering: Gathering<Entry | Whisper>;

  constructor(
    readonly streams: readonly StreamRange[],
    private readonly thin: boolean,
    private readonly draw: Draw,
  ) {
    const gap = () =>
      thin ? THIN_GAP_MS : this.clients.size <= CROWD ? GAP_MS : this.clients.size * GAP_PER_CLIENT_MS;
    this.gathering = new Gathering(gap, (all) => this.give(all));
  }

  tell(entries: readonly Entry[]): void {
    const ours = entries.filter((e) => this.streams.some((s) => s.stream === e.stream && e.seq >= (s.from ?? 0)));
    if (ours.length > 0) this.gathering.add(ours);
  }

  whisper(stream: string, whisper: Whisper): void {
    if (!this.streams.some((range) => range.stream === stream)) return;
    if (this.thin) {
      this.gathering.add([whisper]);
      return;
    }
    this.flush();
    this.give([whisper]);
  }

  /** Sends what is gathered, now. */
  flush(): void {
    this.gathering.flush();
  }

  /** As it is, to everybody, after what was gathered. */
  send(frame: Uint8Array): void {
    this.flush();
    for (const client of this.clients) client.send(frame);
  }

  private give(all: readonly (Entry | Whisper)[]): void {
    const entries = all.filter((one): one is Entry => "seq" in one);
    const whispers = new Map(all.flatMap((one) => ("seq" in one ? [] : [[one.about, one.html] as const])));
    const made: Partial<Record<Format, Uint8Array | null>> = {};
    const make = (format: Format) => {
      if (format === "json" || whispers.size === 0)
        return entries.length > 0 ? frame(entries, format, this.draw) : null;
      const html = [...whispers.values()].join("") + (entries.length > 0 ? this.draw.html(entries) : "");
      return bytes(frameOf(entries.at(-1)?.seq ?? null, html));
    };
    for (const client of this.clients) {
      if (made[client.format] === undefined) made[client.format] = make(client.format);
      const ready = made[client.format];
      if (ready) client.send(ready);
    }
  }
}
