/** A stream under a sign-in: it ends with it, gives back what it holds, and hides no slow reader from who fills it. */
import { expect, test } from "bun:test";
import { untilOver } from "../../src/access/until-over.ts";

function source() {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let cancelled = 0;
  const body = new ReadableStream<Uint8Array>({
    start: (c) => {
      controller = c;
    },
    cancel: () => void cancelled++,
  });
  let over = () => {};
  let listening = true;
  const wrapped = untilOver(new Response(body, { headers: { "Content-Type": "text/event-stream" } }), (then) => {
    over = then;
    return () => {
      listening = false;
    };
  });
  return {
    put: (text: string) => controller.enqueue(new TextEncoder().encode(text)),
    room: () => controller.desiredSize!,
    cancelled: () => cancelled,
    listening: () => listening,
    over: () => over(),
    reader: wrapped.body!.getReader(),
    wrapped,
  };
}

test("what is put in comes out, until it is over; then the source is let go", async () => {
  const s = source();
  s.put("one");
  expect(new TextDecoder().decode((await s.reader.read()).value)).toBe("one");
  const waiting = s.reader.read();
  s.over();
  expect((await waiting).done).toBe(true);
  expect([s.cancelled(), s.wrapped.headers.get("content-type")]).toEqual([1, "text/event-stream"]);
});

test("a reader that does not read is seen by the source", async () => {
  const s = source();
  for (let i = 0; i < 10; i++) s.put("line");
  await Bun.sleep(5);
  expect(s.room()).toBeLessThan(-5);
});

test("a reader that goes lets go of the source and of the sign-in", async () => {
  const s = source();
  await s.reader.cancel();
  expect([s.cancelled(), s.listening()]).toEqual([1, false]);
});
