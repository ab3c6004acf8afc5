/** The budgets of the page that are no timings: bytes on the wire, gestures, and a size that does not grow with the session. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser } from "playwright";
import { gesturesToCycle } from "../bench/gestures.ts";
import { weighPage } from "../bench/opening.ts";
import { openBarePlace, openLabPlace, type Place, writeSessions } from "../bench/place.ts";
import { statusBytes } from "../bench/status.ts";
import { twoVisits, type Visit } from "../bench/visit.ts";
import { openBrowser } from "../support/browser.ts";

setDefaultTimeout(120_000);

let browser: Browser;
const open: Place[] = [];
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  for (const place of open) await place.end();
});

async function placed(opening: Promise<Place>): Promise<Place> {
  const place = await opening;
  open.push(place);
  return place;
}

const table = ({ all, bytes }: Visit) =>
  `${bytes} bytes: ${all.map(({ path, headers, body }) => `${path} ${headers} + ${body}`).join(", ")}`;
const screenOf = ({ document }: Visit) => document.headers + document.body;

test("a first screen weighs 10,000 bytes at most, a first visit 34,000, a repeat visit 8,000", async () => {
  const { first, again } = await twoVisits(browser, await placed(openBarePlace()));
  expect(first.all.map(({ path }) => path.replace(/[^/]*$/, ""))).toContain("/static/"); // else the script was not counted
  expect(screenOf(first), table(first)).toBeLessThanOrEqual(10_000);
  expect(first.bytes, table(first)).toBeLessThanOrEqual(34_000);
  expect(again.bytes, table(again)).toBeLessThanOrEqual(8_000);
  expect(again.bytes, table(again)).toBeGreaterThan(2_000);
});

test("the lab keeps to the first two as well, in the midst of an incident, too", async () => {
  const busy = openLabPlace((dir) => writeSessions(dir, [400]));
  const { first } = await twoVisits(browser, await placed(busy));
  expect(screenOf(first), table(first)).toBeLessThanOrEqual(10_000);
  expect(first.bytes, table(first)).toBeLessThanOrEqual(34_000);
});

test("a session of 20,000 entries opens with as many bytes as one of 400", async () => {
  let ids: string[] = [];
  const place = await placed(
    openLabPlace(async (dir) => {
      ids = await writeSessions(dir, [400, 5_000, 20_000]);
    }),
  );
  const [short, middle, long] = await Promise.all(ids.map((id) => weighPage(place, `/sessions/${id}`, 1)));
  const said = `${short!.packed}, ${middle!.packed} and ${long!.packed} bytes`;
  expect(short!.packed, said).toBeGreaterThan(5_000); // else there was no transcript in it
  for (const other of [middle!, long!]) expect(Math.abs(other.packed - short!.packed), said).toBeLessThan(600);
});

test("cycle is confirmed with two taps and no scroll", async () => {
  const place = await placed(openLabPlace());
  expect(await gesturesToCycle(browser, `${place.server.url}/`)).toEqual({ taps: 2, scrolls: 0 });
});

test("/status as text has 1,000 bytes at most, whatever there is to say", async () => {
  const sizes = await statusBytes(await placed(openLabPlace()));
  expect(Math.max(...Object.values(sizes)), JSON.stringify(sizes)).toBeLessThanOrEqual(1_000);
});
