import { expect, test } from "bun:test";
import { Gathering } from "../../src/console/gathering.ts";
import { Live } from "../../src/console/live.ts";
import type { Entry } from "../../src/log/log.ts";
import { SqliteLog } from "../../src/log/sqlite.ts";
import { caughtUp, readSse } from "../support/sse.ts";

test("one by itself goes at once; what follows within the gap goes together, in order, when it is over", async () => {
  const sent: (readonly number[])[] = [];
  const gathering = new Gathering<number>(
    () => 40,
    (all) => sent.push(all),
  );
  gathering.add([1]);
  expect(sent).toEqual([[1]]);
  gathering.add([2, 3]);
  gathering.add([4]);
  expect(sent).toEqual([[1]]);
  await Bun.sleep(80);
  expect(sent).toEqual([[1], [2, 3, 4]]);
  gathering.add([5]);
  gathering.add([6]);
  gathering.flush();
  expect(sent.flat()).toEqual([1, 2, 3, 4, 5, 6]);
  await Bun.sleep(60);
  expect(sent.flat()).toEqual([1, 2, 3, 4, 5, 6]);
});

test("clients that join in the midst of a burst get each entry once, and a whisper overtakes none", async () => {
  const log = new SqliteLog(":memory:");
  const words = (e: Entry) => (e.body as { text: string }).text;
  const draw = { html: (all: readonly Entry[]) => all.map(words).join(""), json: words };
  const live = new Live(log, () => draw, 60_000);
  const attach = () =>
    readSse(live.attach({ session: "a", streams: [{ stream: "session:a" }], after: 0, format: "html", gzip: false }));
  const readers = [attach()];
  await readers[0]!.until(caughtUp);
  for (let i = 0; i < 300; i++) {
    await log.append({ stream: "session:a", kind: "said", body: { text: `[${i}]` } });
    if (i % 10 === 0) readers.push(attach());
    if (i === 150) live.whisper("session:a", { about: "partial", html: "{after 150}" });
  }
  const texts = await Promise.all(
    readers.map(async (reader) => {
      const frames = await reader.until((all) => all.some((f) => f.data?.includes("[299]")));
      return frames.map((f) => (f.event ? "" : (f.data ?? ""))).join("");
    }),
  );
  const every = Array.from({ length: 300 }, (_, i) => `[${i}]`);
  for (const text of texts) expect([...(text.match(/\[\d+\]/g) ?? [])]).toEqual(every);
  expect(readers[0]!.frames.length).toBeLessThan(300); // else nothing was gathered
  expect(texts[0]!.indexOf("{after 150}")).toBeGreaterThan(texts[0]!.indexOf("[150]"));
  for (const reader of readers) await reader.cancel();
  await live.close();
  await log.close();
});
