/**
 * `bun run faults`: the fault proof in full, with real parts: server processes, sshd, the host script, the stand-in qm and its
 * ledger, links that are cut. Each part ends with one line, N/lost/duplicated/unresolved; a failure leaves the seed, what was wrong, and the file with
 * all that was done. `--seed N` repeats a run, `--only kills` (may be given more than once) takes one part, `--tenth` a tenth.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { isPart, PARTS } from "./faults/parts.ts";
import { inOneLine, leadingThere } from "./faults/result.ts";

/** As much of the way to a failure as fits a terminal; the file has all of it. */
const SHOWN_LINES = 60;

const given = (name: string): string[] =>
  process.argv.flatMap((word, i, all) => (word === name ? [all[i + 1] ?? ""] : []));
const only = given("--only");
const seed = Number(given("--seed")[0] ?? Math.floor(Math.random() * 1e9));
const unknown = only.filter((name) => !isPart(name));
if (unknown.length > 0 || !Number.isSafeInteger(seed)) {
  console.error(`Parts are ${Object.keys(PARTS).join(", ")}; a seed is a whole number.`);
  process.exit(2);
}

const out = join(import.meta.dir, "..", "out", "faults");
mkdirSync(out, { recursive: true });
// What was started is ended and removed also when somebody has seen enough.
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

let failed = 0;
console.log(`seed ${seed}`);
for (const [name, part] of Object.entries(PARTS)) {
  if (stop.signal.aborted || (only.length > 0 && !only.includes(name))) continue;
  const began = performance.now();
  const result = await part[process.argv.includes("--tenth") ? "tenth" : "full"](seed, stop.signal);
  if (stop.signal.aborted) break;
  const file = join(out, `${name}-${seed}.log`);
  writeFileSync(file, `${result.journal.join("\n")}\n`);
  console.log(`${inOneLine(result)}; ${((performance.now() - began) / 1000).toFixed(0)} s`);
  if (result.wrong.length === 0) continue;
  failed++;
  for (const sentence of result.wrong) console.log(`  ${sentence}`);
  console.log("  what led there:");
  for (const line of leadingThere(result).slice(-SHOWN_LINES)) console.log(`  ${line}`);
  console.log(
    `  again: bun run faults --only ${name} --seed ${seed}; all that was done: ${relative(process.cwd(), file)}`,
  );
}
if (stop.signal.aborted) console.log("stopped before the end: this proves nothing");
process.exit(failed === 0 && !stop.signal.aborted ? 0 : 1);
