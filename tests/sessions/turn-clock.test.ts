/** A turn's limit: its own time ends it, an operator's does not. */
import { expect, test } from "bun:test";
import { turnClock } from "../../src/sessions/turn-clock.ts";

test("it ends after its limit, once, and not before", async () => {
  let over = 0;
  const began = performance.now();
  const stop = turnClock(
    120,
    () => false,
    () => over++,
  );
  while (over === 0) await Bun.sleep(5);
  expect(performance.now() - began).toBeGreaterThanOrEqual(119);
  await Bun.sleep(100);
  expect(over).toBe(1);
  stop();
});

test("while somebody is waited for it stands still, and goes on from there", async () => {
  let over = false;
  let waits = true;
  let waited_ms = 0;
  const began = performance.now();
  const stop = turnClock(
    100,
    () => waits,
    () => {
      over = true;
    },
  );
  await Bun.sleep(400);
  expect(over).toBe(false); // four times its limit
  waited_ms = performance.now() - began;
  waits = false;
  while (!over) await Bun.sleep(5);
  expect(performance.now() - began - waited_ms).toBeGreaterThanOrEqual(80);
  stop();
});

test("stopped, it never ends anything", async () => {
  let over = false;
  turnClock(
    20,
    () => false,
    () => {
      over = true;
    },
  )();
  await Bun.sleep(100);
  expect(over).toBe(false);
});
