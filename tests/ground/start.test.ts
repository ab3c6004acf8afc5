/** `bun start`: packages that are missing or older than bun.lock, and no network to get them from. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runChild } from "../../src/child.ts";

const root = join(import.meta.dir, "../..");
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "start-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A clone with the real start.ts, whose server only says that it started. */
function clone(name: string): string {
  const at = join(folder, name);
  mkdirSync(join(at, "src"), { recursive: true });
  for (const file of ["package.json", "bun.lock", "src/start.ts", "src/child.ts", "src/outcome.ts", "src/within.ts"])
    cpSync(join(root, file), join(at, file));
  writeFileSync(join(at, "src/main.ts"), 'console.log("the server started");\n');
  return at;
}

const start = (at: string) =>
  runChild({
    argv: [process.execPath, "src/start.ts"],
    cwd: at,
    // An empty cache, and a registry where nobody answers: no network.
    env: {
      PATH: process.env.PATH ?? "",
      HOME: at,
      BUN_INSTALL_CACHE_DIR: join(at, "cache"),
      BUN_CONFIG_REGISTRY: "http://127.0.0.1:9/",
    },
    limit_ms: 60_000,
  });

test("with the packages there it starts at once, and installs nothing", async () => {
  const at = clone("whole");
  symlinkSync(join(root, "node_modules"), join(at, "node_modules"));
  const { ending, stdout, stderr } = await start(at);
  expect([ending, stdout, stderr]).toEqual([{ is: "exited", code: 0 }, "the server started\n", ""]);
});

test("without packages and without a network it ends with a sentence, and does not start half a server", async () => {
  const { ending, stdout, stderr } = await start(clone("bare"));
  expect([ending, stdout]).toEqual([{ is: "exited", code: 1 }, ""]);
  expect(stderr).toContain("installing packages (");
  expect(stderr.trimEnd().split("\n").at(-1)).toContain("run 'bun install --production'");
});

test("with packages of another version and without a network it starts all the same, and says so", async () => {
  const at = clone("older");
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(dependencies)) {
    mkdirSync(join(at, "node_modules", name), { recursive: true });
    writeFileSync(join(at, "node_modules", name, "package.json"), JSON.stringify({ name, version: "0.0.1" }));
  }
  const { ending, stdout, stderr } = await start(at);
  expect([ending, stdout]).toEqual([{ is: "exited", code: 0 }, "the server started\n"]);
  expect(stderr).toContain("could not be brought up to date");
});
