/** A stream read from a bare socket, so that every byte is counted: headers, chunk sizes, compression. What it says, too. */
import { createGunzip } from "node:zlib";
import { textOf } from "./bytes.ts";

export interface Wire {
  /** Bytes of the answer so far, headers and framing too. */
  readonly bytes: number;
  /** What was said so far, decompressed. */
  readonly text: string;
  /** Resolves when `enough` is true of the text; rejects after a minute, or when the stream ends first. */
  until(enough: (text: string) => boolean): Promise<void>;
  close(): void;
}

const WAIT_MS = 60_000;

export async function openWire(port: number, path: string, headers: Record<string, string>): Promise<Wire> {
  let bytes = 0;
  let text = "";
  let over = false;
  let check = () => {};
  const decoder = new TextDecoder();
  const heard = (data: Uint8Array) => {
    text += decoder.decode(data, { stream: true });
    check();
  };
  let rest = Buffer.alloc(0);
  let body: ((data: Buffer) => void) | null = null;
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_, data) {
        bytes += data.length;
        rest = Buffer.concat([rest, data]);
        if (!body) {
          const end = rest.indexOf("\r\n\r\n");
          if (end < 0) return;
          const head = textOf(rest, 0, end).toLowerCase();
          rest = rest.subarray(end + 4);
          body = reader(head, heard);
        }
        rest = chunksOf(rest, body);
      },
      close() {
        over = true;
        check();
      },
      error() {
        over = true;
        check();
      },
    },
  });
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${lines.join("")}\r\n`);
  return {
    get bytes() {
      return bytes;
    },
    get text() {
      return text;
    },
    until: (enough) =>
      new Promise((resolve, reject) => {
        const done = (then: () => void) => {
          clearTimeout(late);
          check = () => {};
          then();
        };
        const late = setTimeout(() => done(() => reject(new Error(`waited too long; heard ${tail(text)}`))), WAIT_MS);
        check = () => {
          if (enough(text)) done(resolve);
          else if (over) done(() => reject(new Error(`the stream ended; heard ${tail(text)}`)));
        };
        check();
      }),
    close: () => socket.end(),
  };
}

function reader(head: string, heard: (data: Uint8Array) => void): (data: Buffer) => void {
  if (!head.startsWith("http/1.1 200") || !head.includes("transfer-encoding: chunked"))
    throw new Error(`no stream: ${head}`);
  if (!head.includes("content-encoding: gzip")) return heard;
  const gunzip = createGunzip();
  gunzip.on("data", heard);
  return (data) => void gunzip.write(data);
}

/** Hands over the chunks that are whole, and returns what is left. */
function chunksOf(bytes: Buffer, body: (data: Buffer) => void): Buffer<ArrayBuffer> {
  for (;;) {
    const line = bytes.indexOf("\r\n");
    if (line < 0) break;
    const size = Number.parseInt(textOf(bytes, 0, line), 16);
    if (size === 0 || bytes.length < line + 2 + size + 2) break;
    body(Buffer.from(bytes.subarray(line + 2, line + 2 + size)));
    bytes = bytes.subarray(line + 2 + size + 2);
  }
  return Buffer.from(bytes);
}

const tail = (text: string) => JSON.stringify(text.slice(-200));
