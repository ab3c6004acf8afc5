import { afterEach, expect, test } from "bun:test";
import { tailDocument } from "../../src/console/tail.tsx";
import { SqliteLog } from "../../src/log/sqlite.ts";

const open: SqliteLog[] = [];
afterEach(async () => {
  for (const log of open.splice(0)) await log.close();
});

const STREAM = "session:a";
function desk() {
  const log = new SqliteLog(":memory:");
  open.push(log);
  const say = (text: string) => log.append({ stream: STREAM, kind: "said", body: { text } });
  const tail = (after: number, frame_ms: number) =>
    tailDocument(log, { session: "a", streams: [{ stream: STREAM }], after }, frame_ms);
  const read = async (after: number, frame_ms: number) => new Response(tail(after, frame_ms)).text();
  return { log, say, tail, read };
}
const shown = (html: string) => [...html.matchAll(/line (\d+)</g)].map(([, n]) => Number(n));

test("after 700 entries since the page, the newest 60 are shown, and that more has come is said with the way to it", async () => {
  const { say, read } = desk();
  for (let i = 0; i < 700; i++) await say(`line ${i}`);
  const html = await read(0, 1500);
  expect(shown(html)).toEqual(Array.from({ length: 60 }, (_, i) => 640 + i));
  expect(html).toContain('<a href="/sessions/a">reload the page</a>');
  expect(html).toEndWith("</html>");
});

test("with fewer, all of them after the page's own, and nothing is said to be missing", async () => {
  const { say, read } = desk();
  for (let i = 0; i < 100; i++) await say(`line ${i}`);
  const html = await read(60, 1500);
  expect(shown(html)).toEqual(Array.from({ length: 40 }, (_, i) => 60 + i));
  expect(html).not.toContain("reload the page");
});

test("what is written while it is read follows, in order, each once", async () => {
  const { say, read } = desk();
  for (let i = 0; i < 10; i++) await say(`line ${i}`);
  const reading = read(0, 2000);
  for (let i = 10; i < 90; i++) {
    await say(`line ${i}`);
    if (i % 10 === 0) await Bun.sleep(2);
  }
  expect(shown(await reading)).toEqual(Array.from({ length: 90 }, (_, i) => i));
});

test("one that does not read is drawn nothing: the log may grow by 50 MB, and it holds a few kilobytes", async () => {
  const { log, say, tail } = desk();
  await say("line 0");
  let drawn = 0;
  const watched = new Proxy(log, {
    get: (on, name) => {
      if (name === "read") drawn++;
      const value = Reflect.get(on, name) as unknown;
      return typeof value === "function" ? value.bind(on) : value;
    },
  });
  const lazy = tailDocument(watched, { session: "a", streams: [{ stream: STREAM }], after: 0 }, 60_000);
  const reader = lazy.getReader();
  await reader.read();
  const big = "x ".repeat(25_000);
  for (let i = 1; i < 1000; i++) await say(`line ${i}: ${big}`);
  expect(drawn).toBeLessThan(10);
  await reader.cancel();
  const keen = new Response(tail(log.head - 5, 1500)).text();
  expect((await keen).match(/line \d+:/g)).toHaveLength(5);
});
