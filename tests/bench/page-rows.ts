/** The rows that a phone feels: what a visit weighs, when power can be used, how a session opens. */
import type { Browser } from "playwright";
import { openBrowser } from "../support/browser.ts";
import { count, median, repeat, spread } from "./figures.ts";
import { gesturesToCycle } from "./gestures.ts";
import { secondsUntilTail, weighPage } from "./opening.ts";
import { openBarePlace, openLabPlace, type Place, writeSessions } from "./place.ts";
import { aside, type Row, row } from "./row.ts";
import { statusBytes } from "./status.ts";
import { secondsUntilTappable } from "./tappable.ts";
import { twoVisits, type Visit } from "./visit.ts";

/** The script is compressed right after the start; a first visit within that moment would wait for it. */
const COMPRESSED_MS = 1500;

export async function onPlace<T>(
  opening: Promise<Place>,
  work: (place: Place, browser: Browser) => Promise<T>,
): Promise<T> {
  const [place, browser] = await Promise.all([opening, openBrowser()]);
  try {
    await Bun.sleep(COMPRESSED_MS);
    return await work(place, browser);
  } finally {
    await browser.close();
    await place.end();
  }
}

const weightOf = ({ document }: Visit) => document.headers + document.body;

export async function bytes(): Promise<Row[]> {
  const visit = (place: Place, browser: Browser) => twoVisits(browser, place);
  const visits = await onPlace(openBarePlace(), (place, browser) => repeat(3, () => visit(place, browser)));
  const lab = await onPlace(openLabPlace(), visit);
  const busy = await onPlace(
    openLabPlace((dir) => writeSessions(dir, [400])),
    visit,
  );
  const screen = visits.map((v) => weightOf(v.first));
  const first = visits.map((v) => v.first.bytes);
  const again = visits.map((v) => v.again.bytes);
  const headers = visits[0]!.first.document.headers;
  const words = (of: (v: typeof lab) => number) => `${count(of(lab))} B, amid 400 entries ${count(of(busy))} B`;
  return [
    row(
      "first screen, styled, power usable",
      "10,000 B",
      "95,716 B",
      `${spread(screen, "B", 0)}, ${headers} of them headers`,
      median(screen) <= 10_000,
    ),
    aside(
      "in the lab, which has a fault panel",
      words((v) => weightOf(v.first)),
    ),
    row("all of a first visit", "34,000 B", "95,716 B", spread(first, "B", 0), median(first) <= 34_000),
    aside(
      "in the lab, which has a fault panel",
      words((v) => v.first.bytes),
    ),
    row("a repeat visit", "8,000 B", "95,716 B", spread(again, "B", 0), median(again) <= 8_000),
    aside(
      "in the lab, which has a fault panel",
      words((v) => v.again.bytes),
    ),
  ];
}

export function tappable(): Promise<Row[]> {
  return onPlace(openLabPlace(), async (place, browser) => {
    const on = (kbit_s: number, delay_ms: number) =>
      repeat(5, () => secondsUntilTappable(browser, `${place.server.url}/`, { kbit_s, delay_ms }));
    const thin = await on(50, 500);
    const wide = await on(400, 400);
    const what = "cycle tappable at";
    return [
      row(`${what} 50 kbit/s, 500 ms`, "2.1 s", "16.8 s", spread(thin, "s", 2), median(thin) <= 2.1),
      row(`${what} 400 kbit/s, 400 ms`, "0.8 s", "3.2 s", spread(wide, "s", 2), median(wide) <= 0.8),
    ];
  });
}

export function gestures(): Promise<Row[]> {
  return onPlace(openLabPlace(), async (place, browser) => {
    const { taps, scrolls } = await gesturesToCycle(browser, `${place.server.url}/`);
    const measured = `${taps} taps, ${scrolls} scrolls`;
    return [row("to a confirmed cycle", "2 taps", "3 taps, 1 scroll", measured, taps === 2 && scrolls === 0)];
  });
}

export async function opening(): Promise<Row[]> {
  const lengths = [400, 5_000, 20_000];
  let ids: string[] = [];
  const place = await openLabPlace(async (dir) => {
    ids = await writeSessions(dir, lengths);
  });
  const browser = await openBrowser();
  const firsts = ["5.8 s", "never", "–"];
  try {
    const rows: Row[] = [];
    for (const [i, id] of ids.entries()) {
      const path = `/sessions/${id}`;
      const page = await weighPage(place, path, 15);
      const seen = await repeat(5, () => secondsUntilTail(browser, `${place.server.url}${path}`));
      const measured = `${spread(seen, "s", 2)}; page ${spread(page.took_ms, "ms", 0)}, ${count(page.packed)} B`;
      rows.push(row(`opening ${count(lengths[i]!)} entries`, "1 s", firsts[i]!, measured, median(seen) <= 1));
    }
    return rows;
  } finally {
    await browser.close();
    await place.end();
  }
}

export function status(): Promise<Row[]> {
  return onPlace(openLabPlace(), async (place) => {
    const sizes = await statusBytes(place);
    const most = Math.max(...Object.values(sizes));
    const measured = Object.entries(sizes).map(([when, size]) => `${count(size)} B ${when}`);
    return [row("/status as text", "1,000 B", "–", measured.join(", "), most <= 1000)];
  });
}
