/** From a line that the agent prints to every client that is attached: how long it takes, and what it costs the server. */
import { join } from "node:path";
import type { CrowdSaw, CrowdWish } from "./crowd.ts";
import type { Place } from "./place.ts";
import { processorMs } from "./process.ts";

export interface Fanned extends CrowdSaw {
  readonly processor_ms: number;
}

export interface Crowd {
  /** Resolves with what it saw, once each has had its entries. */
  readonly saw: Promise<CrowdSaw>;
  leave(): Promise<void>;
}

/** Resolves when every client is attached and caught up. */
export async function gather(wish: CrowdWish): Promise<Crowd> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "crowd.ts"), JSON.stringify(wish)], {
    env: { PATH: process.env.PATH ?? "" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = linesOf(child.stdout);
  const first = await lines.next();
  if (first.value !== "ready") throw new Error(`the clients could not attach: ${first.value}`);
  return {
    saw: lines.next().then(({ value }) => JSON.parse(value ?? "{}") as CrowdSaw),
    leave: async () => {
      child.kill();
      await child.exited;
    },
  };
}

export async function fanOut(
  place: Place,
  wish: { clients: number; entries: number; every_ms: number },
): Promise<Fanned> {
  const { clients, entries, every_ms } = wish;
  const session = await place.newSession();
  const crowd = await gather({
    port: place.server.port,
    path: `/api/session/${session}/stream`,
    headers: place.headers,
    clients,
    entries,
    limit_ms: entries * every_ms + 20_000,
  });
  // What attaching cost is not part of it.
  await Bun.sleep(300);
  const before = processorMs(place.server.pid);
  await place.pour(session, { entries, every_ms, stamped: true });
  const saw = await crowd.saw;
  const processor_ms = processorMs(place.server.pid) - before;
  await crowd.leave();
  if (saw.got !== saw.wanted) throw new Error(`${saw.got} of ${saw.wanted} entries arrived; the figure means nothing`);
  return { ...saw, processor_ms };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  let held = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    held += decoder.decode(chunk, { stream: true });
    for (let at = held.indexOf("\n"); at >= 0; at = held.indexOf("\n")) {
      yield held.slice(0, at);
      held = held.slice(at + 1);
    }
  }
  return undefined;
}
