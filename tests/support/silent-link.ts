/**
 * A TCP link to an sshd on this machine that falls silent where it is told to: before the banner, while somebody signs in, or in the
 * midst of it all. Connections stay up, as with a far end that hangs. It reads of ssh only where the keys change.
 */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Where a new connection falls silent. */
export type Silence = "before the banner" | "at the sign-in" | "never";

export interface SilentLink {
  readonly port: number;
  /** Connections that begin now and did not reach their sign-in. */
  hung(): number;
  /** Holds for connections that begin from now on. */
  falls(silent: Silence): void;
  /** Ends every connection that stands. */
  cut(): void;
  stop(): void;
}

export async function startSilentLink(to: number, first: Silence = "never"): Promise<SilentLink> {
  const sockets = new Set<Socket>();
  let silence = first;
  let hung = 0;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  };
  const server = createServer((near) => {
    keep(near);
    if (silence === "before the banner") {
      hung++;
      near.resume();
      return;
    }
    const far = connect(to, "127.0.0.1");
    keep(far);
    const said = silence === "at the sign-in" ? untilTheKeysChange() : (bytes: Buffer) => bytes;
    let mute = false;
    near.on("data", (bytes) => far.destroyed || far.write(bytes));
    near.on("close", () => far.destroy());
    far.on("data", (bytes: Buffer) => {
      if (mute) return;
      const passed = said(bytes);
      if (passed.length > 0) near.write(passed);
      if (passed.length === bytes.length) return;
      mute = true;
      hung++;
    });
    // A far end that gave up must not be heard either, once it is silent.
    far.on("close", () => mute || near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    hung: () => hung,
    falls: (silent) => {
      silence = silent;
    },
    cut,
    stop: () => {
      cut();
      server.close();
    },
  };
}

const NEWKEYS = 21;

/** Passes what an sshd says in plain (RFC 4253: a banner line, then packets), up to its NEWKEYS; the sign-in comes after it. */
function untilTheKeysChange(): (bytes: Buffer) => Buffer {
  let heard = Buffer.alloc(0);
  let told = 0;
  let at = -1;
  let over = false;
  return (bytes) => {
    if (over) return Buffer.alloc(0);
    heard = Buffer.concat([heard, bytes]);
    if (at < 0 && heard.includes("\n")) at = heard.indexOf("\n") + 1;
    while (at >= 0 && heard.length >= at + 6) {
      const next = at + 4 + heard.readUInt32BE(at);
      if (heard.length < next) break;
      const type = heard[at + 5];
      at = next;
      if (type !== NEWKEYS) continue;
      over = true;
      break;
    }
    const upto = over ? at : heard.length;
    const passed = heard.subarray(told, upto);
    told = upto;
    return passed;
  };
}
