import { afterEach, expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { type Draw, Live, positionOf } from "../../src/console/live.ts";
import type { Entry } from "../../src/log/log.ts";
import { SqliteLog } from "../../src/log/sqlite.ts";
import { caughtUp, readSse } from "../support/sse.ts";

const open: { live: Live; log: SqliteLog }[] = [];
afterEach(async () => {
  for (const { live, log } of open.splice(0)) {
    await live.close();
    await log.close();
  }
});

const words = (e: Entry) => (e.body as { text: string }).text;
const draw: Draw = {
  html: (entries) => entries.map((e) => `<li>${words(e)}</li>`).join(""),
  json: (e) => JSON.stringify({ kind: "text", text: words(e), id: e.seq }),
};

function desk(keepalive_ms = 60_000) {
  const log = new SqliteLog(":memory:");
  const live = new Live(log, () => draw, keepalive_ms);
  open.push({ live, log });
  const say = (text: string, stream = "session:a") => log.append({ stream, kind: "said", body: { text } });
  const attach = (after = 0, more: { format?: "html" | "json"; gzip?: boolean; thin?: boolean } = {}) =>
    live.attach({ session: "a", streams: [{ stream: "session:a" }], after, format: "json", gzip: false, ...more });
  return { log, live, say, attach };
}

test("attach replays what is there, says caught-up, then tails, and nothing comes twice or is missing", async () => {
  const { say, attach } = desk();
  for (let i = 0; i < 700; i++) await say(`old ${i}`);
  const stream = readSse(attach());
  const writing = (async () => {
    for (let i = 0; i < 300; i++) await say(`new ${i}`);
  })();
  await say("elsewhere", "session:b");
  await writing;
  const frames = await stream.until((f) => f.filter((x) => x.data?.includes("text")).length >= 1000);
  const texts = frames.filter((f) => f.id && f.data).map((f) => JSON.parse(f.data!).text);
  expect(texts).toEqual([
    ...Array.from({ length: 700 }, (_, i) => `old ${i}`),
    ...Array.from({ length: 300 }, (_, i) => `new ${i}`),
  ]);
  const ids = frames.filter((f) => f.id && f.data).map((f) => Number(f.id));
  expect(ids).toEqual([...ids].sort((a, b) => a - b));
  await stream.cancel();
});

test("a client that is cut anywhere resumes by its last id: no gap and no double", async () => {
  // The quick heartbeat wakes a reader for whom nothing more comes.
  const { say, attach, log } = desk(5);
  const seen: string[] = [];
  let last = 0;
  let writing = true;
  const writer = (async () => {
    for (let i = 0; i < 600; i++) {
      await say(`line ${i}`);
      if (i % 10 === 0) await Bun.sleep(1);
    }
    writing = false;
  })();
  let cuts = 0;
  while (writing || last < log.head) {
    const stream = readSse(attach(last));
    const enough = 2 + (cuts % 7);
    await stream.until((f) => f.length > enough || (!writing && caughtUp(f)));
    for (const f of stream.frames) {
      if (!f.id) continue;
      last = Number(f.id);
      if (f.data) seen.push(JSON.parse(f.data).text);
    }
    await stream.cancel();
    cuts++;
  }
  await writer;
  expect(cuts).toBeGreaterThan(20); // else this proves nothing
  expect(seen).toEqual(Array.from({ length: 600 }, (_, i) => `line ${i}`));
});

test("positions that are none count as absent; of two valid ones the larger wins", () => {
  const head = 100;
  for (const bad of [null, undefined, "", "-5", "101", "999999", "1e2", "5.0", " 5", "abc", "٣", "9".repeat(40)])
    expect(positionOf(bad, null, head)).toBe(0);
  expect(positionOf("7", null, head)).toBe(7);
  expect(positionOf("7", "40", head)).toBe(40);
  expect(positionOf("70", "40", head)).toBe(70);
  expect(positionOf("-5", "40", head)).toBe(40);
  expect(positionOf("100", "101", head)).toBe(100);
});

test("HTML comes as one event for a burst, with the last id; its line breaks can't end a field", async () => {
  const { log, say, attach } = desk();
  await say("first");
  const stream = readSse(attach(0, { format: "html" }));
  await stream.until(caughtUp);
  await log.appendAll([
    { stream: "session:a", kind: "said", body: { text: "a\nid: 999\n\nevent: evil" } },
    { stream: "session:a", kind: "said", body: { text: "b\r\ndata: x\rid: 7" } },
  ]);
  const frames = await stream.until((f) => f.length >= 4);
  const burst = frames.at(-1)!;
  expect(burst.id).toBe(String(log.head));
  expect(burst.event).toBeNull();
  expect(burst.data).toBe("<li>a\nid: 999\n\nevent: evil</li><li>b\ndata: x\nid: 7</li>");
  await stream.cancel();
});

test("compressed, every event can be read as soon as it was sent", async () => {
  const { say, attach } = desk();
  const response = attach(0, { gzip: true });
  expect(response.headers.get("content-encoding")).toBe("gzip");
  const chunks: Uint8Array[] = [];
  const reader = response.body!.getReader();
  const text = () => {
    try {
      return gunzipSync(Buffer.concat(chunks), { finishFlush: 2 }).toString();
    } catch {
      return "";
    }
  };
  for (let i = 0; i < 20; i++) {
    await say(`line ${i}`);
    while (!text().includes(`line ${i}"`)) {
      const { value, done } = await reader.read();
      expect(done).toBe(false);
      chunks.push(value!);
    }
  }
  await reader.cancel();
});

test("beyond 64 clients the stream is plain", () => {
  const { attach } = desk();
  const all = Array.from({ length: 70 }, () => attach(0, { gzip: true }));
  expect(all.filter((r) => r.headers.get("content-encoding") === "gzip")).toHaveLength(64);
});

test("a heartbeat that a page can see, without an id", async () => {
  const { attach } = desk(15);
  const stream = readSse(attach());
  const frames = await stream.until((f) => f.some((x) => x.event === "hb"));
  expect(frames.find((f) => f.event === "hb")).toEqual({ id: null, event: "hb", data: "{}" });
  await stream.cancel();
});

test("a client that does not read is dropped at a bound, and nobody else notices", async () => {
  const { say, attach, live } = desk();
  const lazy = attach();
  const keen = readSse(attach());
  await keen.until(caughtUp);
  expect(live.clients).toBe(2);
  const big = "x".repeat(20_000);
  for (let i = 0; i < 60; i++) await say(`${i} ${big}`);
  await keen.until((f) => f.filter((x) => x.data?.includes(big)).length === 60);
  expect(live.clients).toBe(1);
  await lazy.body!.cancel().catch(() => {});
  await keen.cancel();
  expect(live.clients).toBe(0);
});

test("a phone that saves data gets two frames a second at most, the newest whisper only, and every entry in order", async () => {
  const { say, attach, live } = desk();
  const thin = readSse(attach(0, { format: "html", thin: true }));
  const usual = readSse(attach(0, { format: "html" }));
  for (const stream of [thin, usual]) await stream.until(caughtUp);
  const began = performance.now();
  for (let i = 0; i < 60; i++) {
    await say(`line ${i}`);
    live.whisper("session:a", { about: "partial", html: `<b>${i}</b>` });
    live.whisper("session:a", { about: "state", html: `<i>${i}</i>` });
    await Bun.sleep(10);
  }
  const last = (frames: readonly { data: string | null }[]) => frames.some((f) => f.data?.includes("line 59"));
  for (const stream of [thin, usual]) await stream.until(last);
  const seconds = (performance.now() - began) / 1000;
  const told = (stream: typeof thin) => stream.frames.filter((f) => f.data && f.event === null);
  const lines = (stream: typeof thin) => told(stream).flatMap((f) => f.data!.match(/line \d+/g) ?? []);
  expect(lines(thin)).toEqual(Array.from({ length: 60 }, (_, i) => `line ${i}`));
  expect(lines(usual)).toEqual(lines(thin));
  expect(told(usual).length).toBeGreaterThan(100); // else this proves nothing
  expect(told(thin).length).toBeLessThanOrEqual(2 * seconds + 2);
  expect(told(thin).at(-1)!.data).toContain("<b>59</b><i>59</i>");
  for (const f of told(thin)) expect(f.data!.match(/<b>/g)?.length ?? 0).toBeLessThanOrEqual(1);
  for (const stream of [thin, usual]) await stream.cancel();
  expect(live.clients).toBe(0);
});

test("a replay keeps to its reader's pace, in frames that fit a thin link, whole entries each; nothing of it is missing", async () => {
  const { log, say, attach } = desk();
  const big = "x".repeat(20_000);
  for (let i = 0; i < 100; i++) await say(`${i} ${big}`);
  for (let i = 100; i < 400; i++) await say(`${i} small`);
  let read = 0;
  const reading = log.read.bind(log);
  log.read = (q) => {
    const entries = reading(q);
    read += entries.length;
    return entries;
  };
  const response = attach(0, { format: "html" });
  // As long as nobody reads it goes no further than its first frames.
  for (let turn = 0; turn < 200; turn++) await new Promise((go) => setImmediate(go));
  expect(read).toBeGreaterThan(0); // else this proves nothing
  expect(read).toBeLessThan(40);
  const stream = readSse(response);
  await stream.until(caughtUp);
  const frames = stream.frames.flatMap(({ data, event }) => (data && event === null ? [data] : []));
  for (const data of frames) expect(data.length).toBeLessThan(64 * 1024);
  const numbers = frames.flatMap((data) => [...data.matchAll(/<li>(\d+) /g)].map(([, n]) => Number(n)));
  expect(numbers).toEqual(Array.from({ length: 400 }, (_, i) => i));
  // What does not fit is read again, and that stays a small part of the work.
  expect(read).toBeLessThan(3 * 400);
  await stream.cancel();
});
