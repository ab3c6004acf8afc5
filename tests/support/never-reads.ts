/**
 * Sockets that ask and then never read a byte: a phone that fell asleep, a program that hangs. They are made by the C library, since
 * whatever an event loop opens it also reads, and with small segments and a small window, since the kernel would otherwise take
 * 4 MB for each before the server notices anything (loopback, measured).
 */
import { dlopen, ptr } from "bun:ffi";

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const AF_INET = 2;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const IPPROTO_TCP = 6;
const TCP_MAXSEG = 2;
const SEGMENT = 1200;
const WINDOW = 4096;

/** Connects to that port of 127.0.0.1, sends the words, and leaves it at that. Throws where it can't. */
export function neverReads(port: number, words: string): { close(): void } {
  const { socket, setsockopt, connect, send, close } = libc().symbols;
  const fd = socket(AF_INET, SOCK_STREAM_CLOEXEC, 0);
  const set = (level: number, name: number, value: number) =>
    setsockopt(fd, level, name, ptr(new Int32Array([value])), 4);
  set(SOL_SOCKET, SO_RCVBUF, WINDOW);
  set(IPPROTO_TCP, TCP_MAXSEG, SEGMENT);
  const address = new Uint8Array([AF_INET, 0, port >> 8, port & 255, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  const text = Buffer.from(words);
  if (fd < 0 || connect(fd, ptr(address), address.length) !== 0 || Number(send(fd, ptr(text), text.length, 0)) < 0) {
    close(fd);
    throw new Error(`no connection to port ${port}`);
  }
  return { close: () => void close(fd) };
}

let opened: ReturnType<typeof open> | null = null;
const libc = () => {
  opened ??= open();
  return opened;
};
const open = () =>
  dlopen("libc.so.6", {
    socket: { args: ["int", "int", "int"], returns: "int" },
    setsockopt: { args: ["int", "int", "int", "ptr", "u32"], returns: "int" },
    connect: { args: ["int", "ptr", "u32"], returns: "int" },
    send: { args: ["int", "ptr", "u64", "int"], returns: "i64" },
    close: { args: ["int"], returns: "int" },
  });
