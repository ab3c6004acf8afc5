/** Two hundred who ask for the stream and never read it: what they cost the server is bounded, and nobody else notices. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { callingClaude } from "../support/calling-claude.ts";
import { neverReads } from "../support/never-reads.ts";
import { cleanUp, startServer, tempDir } from "../support/server.ts";
import { caughtUp, readSse } from "../support/sse.ts";

const EACH = 100;
/** Letters of one entry. */
const WORDS = 40_000;
/** Said before they come: 2.4 MB, which an unbounded replay would hold once for each. Then said while they are there: twice the bound and more, compressed, too. */
const BEFORE = 60;
const MEANWHILE = 50;
/**
 * What they may add to the server's memory. One at the end of the log may leave 256 KiB and the frame that went beyond unread, and
 * Bun has as much again for its socket; one in a replay has a frame or two. That makes 60 MiB for a hundred of each; the rest is
 * room for what the server lets go of and has not collected yet. 80 to 120 MiB were seen, and 540 where a replay was not bounded.
 */
const GROWTH_MIB = 180;

test("200 clients that do not read: bounded memory, those at the end of the log are dropped, an honest one gets everything", async () => {
  const dir = tempDir("unread");
  const server = await startServer(dir, callingClaude(dir, "counts"));
  const lazy: { close(): void }[] = [];
  try {
    const headers = { origin: server.url, "content-type": "application/json" };
    const ask = (path: string, body?: object) =>
      fetch(`${server.url}${path}`, { headers, ...(body ? { method: "POST", body: JSON.stringify(body) } : {}) });
    const { session_id } = (await (await ask("/api/session", {})).json()) as { session_id: string };
    const honest = readSse(await ask(`/api/session/${session_id}/stream?format=json`));
    const texts = () =>
      honest.frames.flatMap(({ data }) =>
        data?.startsWith('{"kind":"text"') ? [JSON.parse(data).text as string] : [],
      );
    const says = async (lines: number, word: string) => {
      const turns = () => honest.frames.filter(({ data }) => data?.startsWith('{"kind":"turn_end"')).length;
      const before = turns();
      await ask(`/api/session/${session_id}/prompt`, { prompt: `COUNT ${lines} 5 ${word}` });
      await honest.until(() => turns() > before);
    };
    const attached = async () =>
      Number(/^breakglass_stream_clients (\d+)/m.exec(await (await ask("/metrics")).text())![1]);
    const attach = async (after: number) => {
      const before = await attached();
      for (let n = 0; n < EACH; n++) {
        const query = `after=${after}${n % 2 ? "&format=json" : ""}`;
        const gzip = n % 4 < 2 ? "Accept-Encoding: gzip\r\n" : "";
        const words = `GET /api/session/${session_id}/stream?${query} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n${gzip}\r\n`;
        lazy.push(neverReads(server.port, words));
      }
      while ((await attached()) < before + EACH) await Bun.sleep(20);
    };

    await honest.until(caughtUp);
    const first = wordOf(1);
    await says(BEFORE, first);
    const base = residentMiB(server.pid);
    let most = base;
    const watch = setInterval(() => {
      most = Math.max(most, residentMiB(server.pid));
    }, 50);

    // Some want what was said before, some what comes.
    await attach(0);
    const head = Number(honest.frames.findLast((frame) => frame.id)!.id);
    await attach(head);
    expect(await attached()).toBe(2 * EACH + 1);
    const second = wordOf(2);
    await says(MEANWHILE, second);
    while ((await attached()) > EACH + 1) await Bun.sleep(20);
    clearInterval(watch);
    console.log(`200 that do not read: ${base.toFixed(0)} MiB before, ${most.toFixed(0)} MiB at most`);

    // In a replay nothing heaps up: those stay, each with a frame or two, until their connection ends.
    expect(await attached()).toBe(EACH + 1);
    const said = (lines: number, word: string) => Array.from({ length: lines }, (_, n) => `${word} ${n + 1}.`);
    expect(texts()).toEqual([...said(BEFORE, first), ...said(MEANWHILE, second)]);
    expect(most - base).toBeLessThan(GROWTH_MIB);
    for (const one of lazy.splice(0)) one.close();
    while ((await attached()) > 1) await Bun.sleep(20);
    await honest.cancel();
  } finally {
    for (const one of lazy) one.close();
    await server.stop();
    cleanUp(dir);
  }
});

function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;
}

/** One long word that no compression makes much of: it goes back further than gzip looks. */
function wordOf(seed: number): string {
  let state = seed;
  let word = "";
  while (word.length < WORDS) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    word += `${"bdfghklmnprstvw"[(state >>> 24) % 15]}${"aeiouy"[(state >>> 16) % 6]}`;
    if (word.length % 12 === 0) word += "_";
  }
  return word.slice(0, WORDS);
}
