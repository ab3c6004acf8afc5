/** A TCP proxy between browser and server that can be cut or black-holed: what a phone's link does. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Proxy {
  readonly port: number;
  /** Ends every connection at once; new ones go through. */
  cut(): void;
  /** While on, bytes are swallowed both ways and connections stay up: the half-open link. */
  blackhole(on: boolean): void;
  /** While on, new connections are reset at once, and those that stand are cut. */
  refuse(on: boolean): void;
  stop(): void;
}

export async function startProxy(to: () => number): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let hole = false;
  let shut = false;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  };
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const server = createServer((near) => {
    if (shut) return void near.resetAndDestroy();
    const far = connect(to(), "127.0.0.1");
    keep(near);
    keep(far);
    const pass = (from: Socket, into: Socket) => {
      from.on("data", (data) => {
        if (!hole && !into.destroyed) into.write(data);
      });
      from.on("end", () => !hole && into.end());
      from.on("close", () => !hole && into.destroy());
    };
    pass(near, far);
    pass(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    blackhole: (on) => {
      hole = on;
    },
    refuse: (on) => {
      shut = on;
      if (on) cut();
    },
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
