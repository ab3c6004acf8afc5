/**
 * One client's way out: frames go in, the body of its answer comes out, compressed where it asked for that. It keeps the bound
 * on what a client may leave unread; it knows neither entries nor the other clients.
 */
import { constants, createGzip } from "node:zlib";

/** What a client may leave unread before it is dropped, bytes; Bun takes as much again out of the queue, for the socket. */
const BOUND = 256 * 1024;
/** What a replay may be ahead of its reader, bytes: no two replays share their bytes, so those of many must be few. */
const AHEAD = 32 * 1024;

export class Outlet {
  readonly body: ReadableStream<Uint8Array>;
  private readonly zip: ReturnType<typeof zipped> | null;
  private controller!: ReadableStreamDefaultController<Uint8Array>;
  private isOpen = true;
  private isClosing = false;
  private isBounded = false;
  private wake = () => {};

  /** @param ended is called once, when the client has gone, was dropped or was closed. */
  constructor(
    gzip: boolean,
    private readonly ended: () => void,
  ) {
    this.zip = gzip ? zipped((chunk) => this.push(chunk)) : null;
    this.zip?.on("drain", () => this.wake());
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.controller = controller;
        },
        pull: () => this.wake(),
        cancel: () => this.close(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: BOUND }),
    );
  }

  /** False from the moment on when it is closed; what it was given before may still be on its way. */
  get open(): boolean {
    return !this.isClosing;
  }

  send(frame: Uint8Array): void {
    if (this.zip) this.zip.write(frame);
    else this.push(frame);
  }

  /** Resolves when there is room for more of a replay, or nobody left to have it; never in the same tick. */
  async room(): Promise<void> {
    await new Promise((go) => setImmediate(go));
    while (this.open && !this.hasRoom())
      await new Promise<void>((go) => {
        this.wake = go;
      });
  }

  /** From now on the client does not set the pace: who leaves more unread than the bound is dropped. */
  dropsAtBound(): void {
    this.isBounded = true;
  }

  /** What is in the queue may still be read; `cleanly`, what is in the compression, too. */
  close(cleanly = false): void {
    if (this.isClosing) return;
    this.isClosing = true;
    this.ended();
    // A gzip stream has an end of its own; without it the reader sees an error where we said goodbye.
    if (this.zip && cleanly) this.zip.once("end", () => this.finish()).end();
    else this.finish();
    this.wake();
  }

  private hasRoom(): boolean {
    return (this.controller.desiredSize ?? 0) > BOUND - AHEAD && !this.zip?.writableNeedDrain;
  }

  private push(chunk: Uint8Array): void {
    if (!this.isOpen) return;
    this.controller.enqueue(chunk);
    if (this.isBounded && (this.controller.desiredSize ?? 0) < 0) this.close();
  }

  private finish(): void {
    this.isOpen = false;
    this.zip?.destroy();
    try {
      this.controller.close();
    } catch {
      // cancelled by the client
    }
  }
}

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
