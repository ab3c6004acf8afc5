/** A TCP proxy that cuts each connection after so many bytes of the answer, as a plan says: in the head, in a frame, in silence. It reads nothing. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Cut {
  /** Bytes of the answer that come through; never more. */
  readonly after_bytes: number;
  /** For a link that is cut while nothing comes; null: by the bytes alone. */
  readonly after_ms: number | null;
  /** A goodbye, or the connection is simply gone. */
  readonly how: "FIN" | "RST";
}

export interface CuttingProxy {
  readonly port: number;
  /** How the last connection was cut; null while none was. */
  last(): { readonly bytes: number; readonly silent: boolean } | null;
  stop(): void;
}

/** @param plan is asked once a connection; null leaves it whole. */
export async function startCuttingProxy(to: number, plan: () => Cut | null): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let last: ReturnType<CuttingProxy["last"]> = null;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  };
  const server = createServer((near) => {
    const cut = plan();
    last = null;
    const far = connect(to, "127.0.0.1");
    keep(near);
    keep(far);
    let passed = 0;
    let over = false;
    const sever = (silent: boolean) => {
      if (over) return;
      over = true;
      clearTimeout(late);
      last = { bytes: passed, silent };
      if (cut?.how === "FIN") {
        near.end();
        far.end();
        // Whoever does not answer a goodbye is left.
        setTimeout(() => far.destroy(), 50).unref();
      } else {
        near.resetAndDestroy();
        far.resetAndDestroy();
      }
    };
    const late = cut && cut.after_ms !== null ? setTimeout(() => sever(true), cut.after_ms) : undefined;
    near.on("data", (data) => void (over || far.write(data)));
    far.on("data", (data: Buffer) => {
      if (over) return;
      const room = cut ? cut.after_bytes - passed : Number.POSITIVE_INFINITY;
      const through = data.length > room ? data.subarray(0, room) : data;
      passed += through.length;
      if (through.length < room) near.write(through);
      // A reset right behind the bytes would take them along.
      else near.write(through, () => sever(false));
      if (through.length === room) far.pause();
    });
    near.on("close", () => {
      clearTimeout(late);
      far.destroy();
    });
    far.on("end", () => void (over || near.end()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    last: () => last,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
