/** The rows that the server feels: the stream, how many it can carry, how soon it is there, what it holds. */
import { fanOut, gather } from "./fanout.ts";
import { count, median, repeat, spread } from "./figures.ts";
import { weighLive } from "./live.ts";
import { weighPage } from "./opening.ts";
import { bareTarget, openBarePlace, openLabPlace, writeSessions } from "./place.ts";
import { residentMiB } from "./process.ts";
import { aside, type Row, row } from "./row.ts";
import { startOnce } from "./starting.ts";

export async function live(): Promise<Row[]> {
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
      aside("where words come one by one before", `${count(partials.each, 1)} B`),
      aside("among the first 72, which repeat nothing", `${count(fresh.each, 1)} B`),
      row("… to a client that takes no compression", "–", "190 B", `${count(plain.each, 1)} B`),
    ];
  } finally {
    await place.end();
  }
}

export async function fanout(): Promise<Row[]> {
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

export async function start(): Promise<Row[]> {
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

export async function memory(): Promise<Row[]> {
  let session = "";
  const lab = await openLabPlace();
  const bare = await openBarePlace(async (dir) => {
    session = (await writeSessions(dir, [20_000]))[0]!;
  });
  try {
    await Bun.sleep(5000);
    const [ofLab, rest] = [residentMiB(lab.server.pid), residentMiB(bare.server.pid)];
    const crowd = (clients: number, query: string, encoding: Record<string, string>) =>
      gather({
        port: bare.server.port,
        path: `/api/session/${session}/stream${query}`,
        headers: { ...bare.headers, ...encoding },
        clients,
        entries: 1,
        limit_ms: 30_000,
      });
    await weighPage(bare, `/sessions/${session}`, 5);
    // As pages attach: after what they were drawn with.
    const newest = (await (
      await fetch(`${bare.server.url}/sessions/${session}`, { headers: bare.headers })
    ).json()) as {
      last_seq: number;
    };
    const pages = await crowd(100, `?after=${newest.last_seq}`, { "accept-encoding": "gzip" });
    const attached = residentMiB(bare.server.pid);
    await pages.leave();
    const replays = await crowd(10, "?format=json", {});
    const replayed = residentMiB(bare.server.pid);
    await replays.leave();
    return [
      row("memory at rest, a real target", "70 MiB", "35 MiB", `${count(rest)} MiB`, rest <= 70),
      row("memory at rest, the lab", "70 MiB", "35 MiB", `${count(ofLab)} MiB`, ofLab <= 70),
      row("… 20,000 entries, 100 pages attached", "110 MiB", "66 MiB", `${count(attached)} MiB`, attached <= 110),
      aside("then 10 programs that replay all of it", `${count(replayed)} MiB`),
    ];
  } finally {
    await bare.end();
    await lab.end();
  }
}
