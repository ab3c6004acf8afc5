/** docs/SECURITY.md names the tests that prove its promises: a test that was moved or removed takes its row along. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");

test("every test that docs/SECURITY.md names exists, and every row names one or says that nothing proves it", () => {
  const text = readFileSync(join(root, "docs/SECURITY.md"), "utf8");
  // What is run by hand is no proof of check's, and must be there all the same.
  const by_hand = [...text.matchAll(/`bun test \.\/([^`]+)`/g)].map(([, path]) => path!);
  expect(by_hand.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  const named = [...new Set(text.replaceAll(/`bun test [^`]+`/g, "").match(/\btests\/[\w./-]+/g))];
  expect(named.length).toBeGreaterThan(30); // else this proves nothing
  expect(named.filter((path) => !/\.test\.tsx?$/.test(path) || !existsSync(join(root, path)))).toEqual([]);
  const rows = text.split("\n").filter((line) => line.startsWith("| ") && !line.endsWith("| proof |"));
  expect(rows.length).toBeGreaterThan(30);
  expect(rows.filter((row) => !/\| (`tests\/.*|not proved) \|$/.test(row))).toEqual([]);
});
