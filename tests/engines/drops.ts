/**
 * What an agent says while the link is cut, swallowed and refused and the server is killed: each line must come to the page
 * once. The oracle is the log, as the JSON stream tells it after the last blow; the page is read all the time and back to its
 * beginning at the end, since it lets go of its oldest items.
 */
import { callingClaude } from "../support/calling-claude.ts";
import { startProxy } from "../support/proxy.ts";
import { cleanUp, startServer, tempDir } from "../support/server.ts";
import { caughtUp, readSse } from "../support/sse.ts";
import { type Engine, LIVE, until } from "./engine.ts";

const EVENTS = 400;
const HEARTBEAT_S = 1;
/** Between two lines. */
const EVERY_MS = 110;
/** How many of each. */
export const BLOWS = { resets: 50, holes: 5, refusals: 5, kills: 3 };

export interface Dropped {
  readonly said: number;
  readonly missing: number;
  readonly twice: number;
}

export async function drops(engine: Engine): Promise<Dropped> {
  const dir = tempDir(`drops-${engine.name}`);
  const env = { ...callingClaude(dir, "counts"), BREAKGLASS_SSE_KEEPALIVE_SECONDS: String(HEARTBEAT_S) };
  let server = await startServer(dir, env);
  const { port } = server;
  const proxy = await startProxy(() => port);
  // The console answers to its own name only, and the page knows it by the proxy's.
  const restart = async () => {
    server = await startServer(
      dir,
      { ...env, BREAKGLASS_ORIGINS: `http://127.0.0.1:${proxy.port},${server.url}` },
      port,
    );
  };
  try {
    await server.stop();
    await restart();
    const made = await fetch(`${server.url}/api/session`, { method: "POST", headers: { origin: server.url } });
    const { session_id } = (await made.json()) as { session_id: string };
    const glass = await engine.open(`http://127.0.0.1:${proxy.port}/sessions/${session_id}`);
    await until(glass, "a live link", LIVE);

    const seen = new Map<string, number>();
    let reading = true;
    const read = async () => {
      const lines = await glass
        .read<string[]>("document.getElementById('transcript').innerText.match(/\\bline\\d+ \\d+\\./g) ?? []")
        .catch(() => [] as string[]);
      const now = new Map<string, number>();
      for (const line of lines) now.set(line, (now.get(line) ?? 0) + 1);
      for (const [line, times] of now) seen.set(line, Math.max(seen.get(line) ?? 0, times));
    };
    const reader = (async () => {
      while (reading) {
        await read();
        await Bun.sleep(150);
      }
    })();

    let turns = 0;
    const prompting = async () => {
      // A killed server takes its turn along: what it had said stays, and the next turn says more.
      const body = JSON.stringify({ prompt: `COUNT ${EVENTS} ${EVERY_MS} line${++turns}` });
      await fetch(`${server.url}/api/session/${session_id}/prompt`, {
        method: "POST",
        body,
        headers: { "content-type": "application/json", origin: server.url },
      });
    };
    await prompting();
    const all = Object.entries(BLOWS).flatMap(([blow, times]) => Array<string>(times).fill(blow));
    // Mixed, and the same way every time: 29 has no divisor in common with their number.
    const mixed = all.map((_, i) => all[(i * 29) % all.length]!);
    for (const blow of mixed) {
      await Bun.sleep(250);
      if (blow === "resets") proxy.cut();
      else if (blow === "holes") {
        proxy.blackhole(true);
        await Bun.sleep(3 * HEARTBEAT_S * 1000);
        proxy.blackhole(false);
      } else if (blow === "refusals") {
        proxy.refuse(true);
        await Bun.sleep(1500);
        proxy.refuse(false);
      } else {
        await server.stop("SIGKILL");
        await restart();
        await prompting();
      }
    }
    await until(glass, "a live link after the blows", LIVE, 90_000);
    const done = await lastWord(server.url, session_id);
    await until(
      glass,
      "the last line",
      `document.getElementById('transcript').innerText.includes(${JSON.stringify(done)})`,
    );
    await until(glass, "the end of the turn", "document.getElementById('turn-send')", 90_000);
    reading = false;
    await reader;
    await read();
    // What came at once after a long cut may have left the page again at its far end: Earlier brings it to whoever scrolls there.
    // (At the end of the list the page would let go of it once more.)
    const left = () => glass.read<boolean>("document.querySelector('#earlier button') !== null").catch(() => false);
    for (let taps = 0; taps < 40 && (await left()); taps++) {
      await glass.read("(document.getElementById('log').scrollTop = -1e6, 0)");
      await Bun.sleep(150);
      await glass.read("(document.querySelector('#earlier button').click(), 0)");
      await Bun.sleep(400);
      await read();
    }

    const said = await linesOf(server.url, session_id);
    return {
      said: said.length,
      missing: said.filter((line) => !seen.has(line)).length,
      twice: [...seen.values()].filter((times) => times > 1).length,
    };
  } finally {
    proxy.stop();
    await server.stop();
    cleanUp(dir);
  }
}

/** Waits for the running turn to end; the last line it said. */
async function lastWord(url: string, session: string): Promise<string> {
  for (;;) {
    const { turn_active } = (await (await fetch(`${url}/sessions/${session}`)).json()) as { turn_active: boolean };
    if (!turn_active) return (await linesOf(url, session)).at(-1) ?? "";
    await Bun.sleep(500);
  }
}

async function linesOf(url: string, session: string): Promise<string[]> {
  const stream = readSse(await fetch(`${url}/api/session/${session}/stream?format=json&after=0`));
  const frames = await stream.until(caughtUp);
  await stream.cancel();
  return frames.flatMap(({ data }) => {
    const entry = JSON.parse(data ?? "{}") as { kind?: string; text?: string };
    return entry.kind === "text" ? (entry.text?.match(/\bline\d+ \d+\./g) ?? []) : [];
  });
}
