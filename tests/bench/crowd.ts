/**
 * A crowd of clients in a process of its own: attaches them all to one stream, says "ready" when each is caught up, and in
 * the end how long each stamped entry took to reach each of them, as one line of JSON. Bare sockets, so that little of
 * the time is its own; even so, with 500 clients it reads 500 sockets for each entry, and the last of them waits.
 */
import { textOf } from "./bytes.ts";
import { nowMs, readStamps } from "./stamp.ts";

export interface CrowdWish {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly clients: number;
  /** Stamped entries that each client is to get. */
  readonly entries: number;
  readonly limit_ms: number;
}

export interface CrowdSaw {
  readonly got: number;
  readonly wanted: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly most_ms: number;
}

/** What is looked for may be cut between two reads; a replay of megabytes must not be kept for it. */
const KEPT = 100;

if (import.meta.main) {
  const wish = JSON.parse(process.argv[2]!) as CrowdWish;
  const wanted = wish.clients * wish.entries;
  const took = new Float64Array(wanted);
  let got = 0;
  let caught = 0;
  const ready = Promise.withResolvers<void>();
  const all = Promise.withResolvers<void>();
  const head = Object.entries(wish.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = `GET ${wish.path} HTTP/1.1\r\nhost: 127.0.0.1:${wish.port}\r\n${head.join("")}\r\n`;
  interface Seat {
    rest: Buffer;
    caught: boolean;
    gzip: boolean;
  }
  for (let i = 0; i < wish.clients; i++)
    await Bun.connect<Seat>({
      hostname: "127.0.0.1",
      port: wish.port,
      socket: {
        open(socket) {
          socket.data = { rest: Buffer.alloc(0), caught: false, gzip: false };
          socket.write(request);
        },
        data(socket, data) {
          const seat = socket.data;
          const bytes = seat.rest.length > 0 ? Buffer.concat([seat.rest, data]) : data;
          if (!seat.caught) {
            const text = textOf(bytes);
            seat.gzip ||= /content-encoding: gzip/i.test(text);
            // Compressed it can't be read here; what comes first after the headers is then taken for all of it.
            seat.caught = seat.gzip ? /\r\n\r\n./s.test(text) : text.includes("event: caught-up");
            seat.rest = Buffer.from(bytes.subarray(-KEPT));
            if (seat.caught && ++caught === wish.clients) ready.resolve();
            return;
          }
          const now = nowMs();
          seat.rest = readStamps(bytes, (at_ms) => {
            took[got++] = now - at_ms;
          });
          if (got === wanted) all.resolve();
        },
      },
    });
  await Promise.race([ready.promise, Bun.sleep(wish.limit_ms)]);
  console.log(caught === wish.clients ? "ready" : `only ${caught} of ${wish.clients} are attached`);
  await Promise.race([all.promise, Bun.sleep(wish.limit_ms)]);
  const sorted = took.subarray(0, got).sort();
  const at = (part: number) => sorted[Math.min(got - 1, Math.floor(got * part))] ?? Number.NaN;
  const saw: CrowdSaw = { got, wanted, p50_ms: at(0.5), p99_ms: at(0.99), most_ms: at(1) };
  console.log(JSON.stringify(saw));
  process.exit(0);
}
