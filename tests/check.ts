/**
 * `bun run check`: everything that must hold, in one command on a fresh clone. It brings what the tests need, checks types,
 * style and the host script, runs the tests in two groups (those without a browser, most of which wait more than they work; then those
 * with one), and ends with the plain line `N passed, N failed`. A step that fails counts as one failed.
 */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { Glob } from "bun";
import { runChild } from "../src/child.ts";
import { type Ending, endingInWords } from "../src/outcome.ts";
import { debianPackages } from "./support/debian.ts";
import { type Report, readReport } from "./support/junit.ts";

const root = join(import.meta.dir, "..");
const out = join(root, "out", "check");
const bun = process.execPath;
const MINUTE = 60_000;
/** As much of a failure as a person reads on the spot; the whole is in a file. */
const SHOWN_LINES = 30;

const ours: Record<string, string> = {};
for (const [name, value] of Object.entries(process.env)) if (value !== undefined) ours[name] = value;

/** A failure whose parts were counted already. */
class Told extends Error {}

let passed = 0;
let failed = 0;
const skips: Report["skips"][number][] = [];

mkdirSync(out, { recursive: true });
const home = mkdtempSync(join(tmpdir(), "bg-"));
try {
  await step("packages", () => run("packages", [bun, "install", "--frozen-lockfile"], ours, 10 * MINUTE));
  await step("programs of the system", async () => said(await debianPackages(ours)));
  await step("the claude CLI", async () => {
    const { claudeCli } = await import("./support/claude-cli.ts");
    await claudeCli();
    return "";
  });
  await step("types", () => run("types", [bun, "x", "tsc", "-p", "."], ours));
  await step("style", () => run("style", [bun, "x", "biome", "check"], ours));
  await step("shellcheck", () => run("shellcheck", ["shellcheck", "src/power/host/breakglass-pve", ".ci/run"], ours));

  const files = [...new Glob("**/*.test.{ts,tsx}").scanSync(join(root, "tests"))].map((file) => `tests/${file}`).sort();
  const browser = files.filter((file) => file.startsWith("tests/e2e/"));
  const rest = files.filter((file) => !browser.includes(file));
  await step(`tests (${rest.length} files)`, () => together("tests", rest, 3));
  await step(`tests in a browser (${browser.length} files)`, () => together("e2e", browser, 2));
} finally {
  rmSync(home, { recursive: true, force: true });
}

if (passed === 0) {
  console.log("No test ran.");
  failed ||= 1;
}
if (skips.length > 0) console.log("\nNot run:");
for (const { file, name, why } of skips)
  console.log(`        ${file}: ${name} (${why ? `since ${why}` : "the test does not say why"})`);
console.log(`\n${passed} passed, ${failed} failed${skips.length > 0 ? `, ${skips.length} skipped` : ""}`);
process.exit(failed > 0 ? 1 : 0);

/** Runs one step; a thrown sentence is its failure. The steps after it still run: one run tells everything. */
async function step(name: string, work: () => Promise<string>): Promise<void> {
  const began = performance.now();
  const seconds = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  try {
    const note = await work();
    console.log(`ok      ${name}, ${seconds()}${note ? `: ${note}` : ""}`);
  } catch (error) {
    if (!(error instanceof Told)) failed++;
    console.log(`FAILED  ${name}, ${seconds()}\n${indented(error instanceof Error ? error.message : String(error))}`);
  }
}

async function run(name: string, argv: string[], env: Record<string, string>, limit_ms = 5 * MINUTE): Promise<string> {
  const { ending, stdout, stderr } = await runChild({ argv, env, cwd: root, limit_ms });
  if (ending.is === "exited" && ending.code === 0) return "";
  const log = join(out, `${name}.log`);
  writeFileSync(log, `${stdout}${stderr}`);
  const lines = `${stdout}${stderr}`.trimEnd().split("\n");
  const more =
    lines.length > SHOWN_LINES ? `\n… ${lines.length - SHOWN_LINES} more lines in out/check/${name}.log` : "";
  throw new Error(`${endingInWords(ending)}\n${lines.slice(0, SHOWN_LINES).join("\n")}${more}`);
}

/** So many at a time, each file in a process of its own: one that dies is a failure of that file and no end of the run. */
async function together(name: string, files: readonly string[], at_once: number): Promise<string> {
  return verdict(name, files, await bunTest(name, files, [`--parallel=${at_once}`]));
}

interface Ran {
  readonly report: Report;
  readonly ending: Ending;
  readonly log: string;
}

async function bunTest(name: string, files: readonly string[], options: readonly string[]): Promise<Ran> {
  const xml = join(out, `${name}.xml`);
  const log = join(out, `${name}.log`);
  rmSync(xml, { force: true });
  const reporter = ["--reporter=junit", `--reporter-outfile=${xml}`];
  // The default of 5 s is short for a matrix of thousands of cells on a busy machine.
  const argv = [bun, "test", "--timeout=30000", ...options, ...reporter, ...files.map((file) => `./${file}`)];
  const spawn = { argv, env: scrubbed(), cwd: root, limit_ms: 30 * MINUTE };
  const { ending, stdout, stderr } = await runChild(spawn, 16 * 1024 * 1024);
  writeFileSync(log, `${stdout}${stderr}`);
  return { report: readReport(existsSync(xml) ? readFileSync(xml, "utf8") : ""), ending, log };
}

function verdict(name: string, files: readonly string[], { report, ending, log }: Ran): string {
  const bad = files
    .filter((file) => !report.files.includes(file))
    .map((file) => `${file}: did not run (it fails to load, dies, or has no test)`);
  for (const one of report.failures) bad.push(`${one.file}: ${one.name}\n${indented(firstLines(one.says))}`);
  const clean = ending.is === "exited" && ending.code === 0;
  if (!clean && bad.length === 0)
    bad.push(`an error outside of any test (${endingInWords(ending)}); see ${relative(root, log)}`);
  passed += report.passed;
  skips.push(...report.skips);
  failed += bad.length;
  if (bad.length === 0) return `${report.passed} passed`;
  const counts = `${report.passed} passed, ${bad.length} failed`;
  throw new Told(`${bad.join("\n")}\n${counts}; all that was printed is in out/check/${name}.log`);
}

function firstLines(text: string): string {
  return text.split("\n").slice(0, SHOWN_LINES).join("\n");
}

/** Nothing of the person who runs this reaches a test: no keys, no agent, no settings, a home of its own. */
function scrubbed(): Record<string, string> {
  const cache = ours.XDG_CACHE_HOME || join(homedir(), ".cache");
  mkdirSync(join(home, "tmp"), { recursive: true });
  return {
    PATH: `${dirname(bun)}:${ours.PATH ?? ""}:/usr/sbin:/sbin`,
    HOME: home,
    TMPDIR: join(home, "tmp"),
    XDG_CACHE_HOME: cache,
    LANG: "C.UTF-8",
    TZ: "UTC",
    NO_COLOR: "1",
    ...(ours.CI ? { CI: ours.CI } : {}),
  };
}

function said(installed: readonly string[]): string {
  return installed.length === 0 ? "" : `installed ${installed.join(", ")}`;
}

function indented(text: string): string {
  return text.replace(/^/gm, "        ");
}
