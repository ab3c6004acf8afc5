/** The budget of the stream that is no timing: what an event weighs on the wire. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { weighLive } from "../bench/live.ts";
import { openBarePlace, type Place } from "../bench/place.ts";

setDefaultTimeout(120_000);

let place: Place;
beforeAll(async () => {
  place = await openBarePlace();
});
afterAll(() => place?.end());

test("a live event of a 400-entry incident weighs 40 bytes at most on the wire, with all that goes along", async () => {
  const packed = await weighLive(place, { entries: 400, every_ms: 5, gzip: true });
  const plain = await weighLive(place, { entries: 400, every_ms: 5, gzip: false });
  const said = `${packed.each.toFixed(1)} bytes an event in ${packed.frames} frames; ${plain.each.toFixed(1)} uncompressed`;
  expect(plain.each, said).toBeGreaterThan(100); // else the incident has nothing to say
  expect(packed.each, said).toBeLessThanOrEqual(40);
});

test("words that come one by one before they are an entry cost little more", async () => {
  const { each } = await weighLive(place, { entries: 400, every_ms: 2, gzip: true, partials: true });
  expect(each, `${each.toFixed(1)} bytes an event`).toBeLessThanOrEqual(50);
});
