/**
 * A stream read byte by byte, as a browser reads it: whatever came before the link was cut is decoded and handed on, be it half a frame.
 * (Bun's own fetch lets go of the last bytes when a connection breaks, and with them of what a cut is about.)
 */
import { connect } from "node:net";
import { constants, createGunzip } from "node:zlib";

export interface Head {
  readonly status: number;
  readonly headers: Headers;
}

export interface Reading {
  /** Resolves when the connection is over and everything that came was handed on; null: it was cut in the head. */
  readonly over: Promise<Head | null>;
  leave(): void;
}

export function readBytes(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
  heard: (text: string) => void,
): Reading {
  const socket = connect(port, "127.0.0.1");
  const done = Promise.withResolvers<Head | null>();
  const decoder = new TextDecoder();
  const tell = (bytes: Uint8Array) => heard(decoder.decode(bytes, { stream: true }));
  let gunzip: ReturnType<typeof gunzipTo> | null = null;
  let head: Head | null = null;
  let rest: Buffer = Buffer.alloc(0);
  const dechunk = dechunker((bytes) => {
    if (gunzip) gunzip.write(bytes);
    else tell(bytes);
  });

  const words = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.on("connect", () => socket.write(`GET ${path} HTTP/1.1\r\n${words.join("")}\r\n`));
  socket.on("data", (data: Buffer) => {
    if (head) return dechunk(data);
    rest = Buffer.concat([rest, data]);
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return;
    head = headFrom(rest.subarray(0, end).toString("latin1"));
    if (head.headers.get("content-encoding") === "gzip") gunzip = gunzipTo(tell);
    dechunk(rest.subarray(end + 4));
  });
  socket.on("error", () => socket.destroy());
  socket.on("end", () => socket.end());
  socket.on("close", () => {
    if (!gunzip) return done.resolve(head);
    gunzip.once("close", () => done.resolve(head));
    gunzip.end();
  });
  return { over: done.promise, leave: () => socket.destroy() };
}

/** What was cut has no end: whatever can be read of it is. */
function gunzipTo(tell: (bytes: Uint8Array) => void) {
  const gunzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
  gunzip.on("data", tell);
  gunzip.on("error", () => {});
  return gunzip;
}

function headFrom(text: string): Head {
  const [first = "", ...lines] = text.split("\r\n");
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { status: Number(first.split(" ")[1]), headers };
}

/** Takes the lengths out of a chunked body, wherever the pieces of it break. */
function dechunker(told: (bytes: Buffer) => void): (data: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let left = 0;
  return (data) => {
    rest = rest.length > 0 ? Buffer.concat([rest, data]) : data;
    while (rest.length > 0) {
      if (left > 0) {
        const piece = rest.subarray(0, left);
        rest = rest.subarray(piece.length);
        left -= piece.length;
        told(piece);
        continue;
      }
      // The end of the last chunk, if any, then the length of the next.
      const line = /^(?:\r\n)?([0-9a-f]+)[^\r\n]*\r\n/i.exec(rest.subarray(0, 40).toString("latin1"));
      if (!line) return;
      left = Number.parseInt(line[1]!, 16);
      rest = rest.subarray(line[0].length);
    }
  };
}
