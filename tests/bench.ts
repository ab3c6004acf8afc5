/**
 * `bun run bench`: the budgets table with what was measured just now, on this machine, against the real server process and
 * a real Chromium. `--only name` (bytes, tappable, …) runs one measurement, and may be given more than once. It ends with
 * 1 when a budget was missed; times mean little while something else keeps the machine busy.
 */
import { cpus, loadavg } from "node:os";
import { bytes, gestures, opening, status, tappable } from "./bench/page-rows.ts";
import { power } from "./bench/power-rows.ts";
import { type Row, row } from "./bench/row.ts";
import { fanout, live, memory, start } from "./bench/server-rows.ts";
import { storm } from "./bench/storm.ts";
import { turn } from "./bench/turn-rows.ts";

const MEASURES: Readonly<Record<string, () => Promise<Row[]>>> = {
  bytes,
  tappable,
  gestures,
  live,
  opening,
  fanout,
  start,
  memory,
  status,
  storm,
  power,
  turn,
};

const wanted = process.argv.flatMap((word, i, all) => (word === "--only" ? [all[i + 1] ?? ""] : []));
const unknown = wanted.filter((name) => !(name in MEASURES));
if (unknown.length > 0) {
  console.error(`There is no measurement '${unknown.join("', '")}'; there are ${Object.keys(MEASURES).join(", ")}.`);
  process.exit(2);
}

const rows: Row[] = [];
const began = performance.now();
console.error(`${cpus().length} cores, load ${loadavg()[0]!.toFixed(1)} at the start`);
for (const [name, measure] of Object.entries(MEASURES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const from = performance.now();
  try {
    rows.push(...(await measure()));
  } catch (error) {
    rows.push(row(name, "–", "–", `not measured: ${error instanceof Error ? error.message : error}`, false));
  }
  console.error(`${name}: ${((performance.now() - from) / 1000).toFixed(0)} s`);
}
console.error(
  `load ${loadavg()[0]!.toFixed(1)} at the end, ${((performance.now() - began) / 1000).toFixed(0)} s in all\n`,
);
console.log(table(rows));
const missed = rows.filter(({ met }) => met === false);
console.log(missed.length === 0 ? "\nEvery budget is met." : `\n${missed.length} missed.`);
process.exit(missed.length === 0 ? 0 : 1);

function table(all: readonly Row[]): string {
  const lines = all.map((r) => [r.what, r.budget, r.first, r.measured, r.met === null ? "" : r.met ? "met" : "MISSED"]);
  return [["what", "budget", "first system", "measured", ""], ["---", "---", "---", "---", "---"], ...lines]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}
