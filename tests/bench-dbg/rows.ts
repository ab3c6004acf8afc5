/** The rows of the budgets table: each opens what it needs, measures, and ends it. Figures of the first system: same job, other runs. */
import type { Browser } from "playwright";
import { openBrowser } from "../support/browser.ts";
import { fanOut, gather } from "./fanout.ts";
import { count, median, repeat, spread } from "./figures.ts";
import { gesturesToCycle } from "./gestures.ts";
import { weighLive } from "./live.ts";
import { secondsUntilTail, weighPage } from "./opening.ts";
import { bareTarget, openBarePlace, openLabPlace, type Place, writeSessions } from "./place.ts";
import { residentMiB } from "./process.ts";
import { startOnce } from "./starting.ts";
import { statusBytes } from "./status.ts";
import { secondsUntilTappable } from "./tappable.ts";
import { twoVisits } from "./visit.ts";

export interface Row {
  readonly what: string;
  readonly budget: string;
  readonly first: string;
  readonly measured: string;
  /** Null where there is no budget. */
  readonly met: boolean | null;
}

/** What the console holds under the budget, by name: `--only name`. */
export const MEASURES: Readonly<Record<string, () => Promise<Row[]>>> = {
  bytes,
  tappable,
  gestures,
  live,
  opening,
  fanout,
  start,
  memory,
  status,
};

const row = (what: string, budget: string, first: string, measured: string, met: boolean | null = null): Row => ({
  what,
  budget,
  first,
  measured,
  met,
});

async function inLab(work: (place: Place, browser: Browser) => Promise<Row[]>): Promise<Row[]> {
  const [place, browser] = await Promise.all([openLabPlace(), openBrowser()]);
  try {
    // The script is compressed once the page can be had; a visit within that moment would get it plain.
    await Bun.sleep(1500);
    return await work(place, browser);
  } finally {
    await browser.close();
    await place.end();
  }
}

function bytes(): Promise<Row[]> {
  return inLab(async (place, browser) => {
    const visits = await repeat(3, () => twoVisits(browser, `${place.server.url}/`));
    const screen = visits.map(({ first }) => first.document.headers + first.document.body);
    const { headers } = visits[0]!.first.document;
    const first = visits.map((v) => v.first.bytes);
    const again = visits.map((v) => v.again.bytes);
    return [
      row(
        "first screen, styled, power usable",
        "10,000 B",
        "95,716 B",
        `${spread(screen, "B", 0)}, ${headers} of them headers`,
        median(screen) <= 10_000,
      ),
      row("all of a first visit", "34,000 B", "95,716 B", spread(first, "B", 0), median(first) <= 34_000),
      row("a repeat visit", "8,000 B", "95,716 B", spread(again, "B", 0), median(again) <= 8_000),
    ];
  });
}

function tappable(): Promise<Row[]> {
  return inLab(async (place, browser) => {
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

function gestures(): Promise<Row[]> {
  return inLab(async (place, browser) => {
    const { taps, scrolls } = await gesturesToCycle(browser, `${place.server.url}/`);
    const measured = `${taps} taps, ${scrolls} scrolls`;
    return [row("to a confirmed cycle", "2 taps", "3 taps, 1 scroll", measured, taps === 2 && scrolls === 0)];
  });
}

async function live(): Promise<Row[]> {
  const place = await openBarePlace();
  try {
    const usual = { entries: 400, every_ms: 5 };
    const packed = await repeat(3, () => weighLive(place, { ...usual, gzip: true }));
    const plain = await weighLive(place, { ...usual, gzip: false });
    const partials = await weighLive(place, { ...usual, every_ms: 2, gzip: true, partials: true });
    const fresh = await weighLive(place, { entries: 72, every_ms: 5, gzip: true });
    const each = packed.map((one) => one.each);
    return [
      row("a live event on the wire, 400 entries", "40 B", "190 B", spread(each, "B", 1), median(each) <= 40),
      row("… where words come one by one before", "–", "–", `${count(partials.each, 1)} B`),
      row("… among the first 72, which repeat nothing", "–", "–", `${count(fresh.each, 1)} B`),
      row("… to a client that takes no compression", "–", "190 B", `${count(plain.each, 1)} B`),
    ];
  } finally {
    await place.end();
  }
}

async function opening(): Promise<Row[]> {
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

async function fanout(): Promise<Row[]> {
  const place = await openBarePlace();
  try {
    // The first turn of a process loads what the tools need.
    await fanOut(place, { clients: 1, entries: 50, every_ms: 5 });
    const pace = { entries: 400, every_ms: 5 };
    const hundred = await repeat(3, () => fanOut(place, { ...pace, clients: 100 }));
    const crowd = await repeat(3, () => fanOut(place, { ...pace, clients: 500 }));
    const p99 = (runs: typeof crowd) => runs.map((run) => run.p99_ms);
    const words = (runs: typeof crowd) =>
      `p99 ${spread(p99(runs), "ms", 1)}, p50 ${count(median(runs.map((run) => run.p50_ms)), 1)} ms`;
    const cost = crowd.map((run) => run.processor_ms / 1000);
    return [
      row("a printed line → each of 100 clients", "5 ms", "5.6 ms", words(hundred), median(p99(hundred)) <= 5),
      row("a printed line → each of 500 clients", "50 ms", "6,200 ms", words(crowd), median(p99(crowd)) <= 50),
      row("processor, 500 clients × 400 entries", "1.6 s", "7.9 s", spread(cost, "s", 2), median(cost) <= 1.6),
    ];
  } finally {
    await place.end();
  }
}

async function start(): Promise<Row[]> {
  const kinds: [string, Record<string, string>][] = [
    ["the lab", {}],
    ["a real target", bareTarget()],
  ];
  const rows: Row[] = [];
  for (const [name, settings] of kinds) {
    const runs = await repeat(7, () => startOnce(settings));
    const wall = runs.map((run) => run.health_ms);
    const own = median(runs.map((run) => run.processor_ms));
    const measured = `${spread(wall, "ms", 0)}, of it processor ${count(own)} ms`;
    rows.push(row(`start to /health, ${name}`, "250 ms", "645 ms", measured, median(wall) <= 250));
  }
  return rows;
}

async function memory(): Promise<Row[]> {
  let session = "";
  const lab = await openLabPlace();
  const bare = await openBarePlace(async (dir) => {
    session = (await writeSessions(dir, [20_000]))[0]!;
  });
  try {
    await Bun.sleep(5000);
    const [ofLab, rest] = [residentMiB(lab.server.pid), residentMiB(bare.server.pid)];
    const crowd = (query: string, encoding: Record<string, string>) =>
      gather({
        port: bare.server.port,
        path: `/api/session/${session}/stream${query}`,
        headers: { ...bare.headers, ...encoding },
        clients: 100,
        entries: 1,
        limit_ms: 20_000,
      });
    await weighPage(bare, `/sessions/${session}`, 5);
    // As pages attach: after what they were drawn with.
    const newest = (await (
      await fetch(`${bare.server.url}/sessions/${session}`, { headers: bare.headers })
    ).json()) as {
      last_seq: number;
    };
    const pages = await crowd(`?after=${newest.last_seq}`, { "accept-encoding": "gzip" });
    const attached = residentMiB(bare.server.pid);
    await pages.leave();
    const replays = await crowd("?format=json", {});
    const replayed = residentMiB(bare.server.pid);
    await replays.leave();
    return [
      row("memory at rest, a real target", "70 MiB", "35 MiB", `${count(rest)} MiB`, rest <= 70),
      row("memory at rest, the lab", "70 MiB", "35 MiB", `${count(ofLab)} MiB`, ofLab <= 70),
      row("… 20,000 entries, 100 pages attached", "110 MiB", "66 MiB", `${count(attached)} MiB`, attached <= 110),
      row("… and 100 programs that replay all of it", "–", "–", `${count(replayed)} MiB`),
    ];
  } finally {
    await bare.end();
    await lab.end();
  }
}

function status(): Promise<Row[]> {
  return inLab(async (place) => {
    const sizes = await statusBytes(place);
    const most = Math.max(...Object.values(sizes));
    const measured = Object.entries(sizes).map(([when, size]) => `${count(size)} B ${when}`);
    return [row("/status as text", "1,000 B", "–", measured.join(", "), most <= 1000)];
  });
}
