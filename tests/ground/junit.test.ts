/** The counts of `bun run check`, from real reports of the test runner. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runChild } from "../../src/child.ts";
import { readReport } from "../support/junit.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "junit-"));
  mkdirSync(join(folder, "t"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("passed, failed, skipped and why, and the files that never got as far as a report", async () => {
  const put = (name: string, text: string) =>
    writeFileSync(join(folder, "t", name), `import { expect, test } from "bun:test";\n${text}`);
  put(
    "a.test.ts",
    'test("fine", () => {}); test("a <b> & \\"c\\"", () => expect("<x>").toBe("&")); test.skip("later", () => {}); ' +
      'test.skip("NOT RUN, since it needs root: a: \\"b\\"", () => {}); test.todo("one day");',
  );
  put("b.test.ts", 'throw new Error("at load");');
  put("c.test.ts", 'test("fine", () => {}); test("dies", () => process.exit(3)); test("never", () => {});');
  const xml = join(folder, "report.xml");
  const files = ["a", "b", "c"].map((name) => `./t/${name}.test.ts`);
  const { ending } = await runChild({
    argv: [process.execPath, "test", "--parallel=2", "--reporter=junit", `--reporter-outfile=${xml}`, ...files],
    cwd: folder,
    env: { PATH: process.env.PATH ?? "", HOME: folder },
    limit_ms: 60_000,
  });
  expect(ending).not.toEqual({ is: "exited", code: 0 });
  const report = readReport(readFileSync(xml, "utf8"));
  expect([report.passed, report.failed, report.skipped]).toEqual([2, 2, 3]);
  expect(report.skips).toEqual([
    { file: "t/a.test.ts", name: "later", why: "" },
    { file: "t/a.test.ts", name: 'a: "b"', why: "it needs root" },
    { file: "t/a.test.ts", name: "one day", why: "" },
  ]);
  expect([...report.files].sort()).toEqual(["t/a.test.ts", "t/c.test.ts"]);
  expect(report.failures.map(({ name }) => name).sort()).toEqual(["(worker crashed)", 'a <b> & "c"']);
  expect(report.failures.find(({ file }) => file === "t/a.test.ts")?.says).toContain('Received: "<x>"');
});

test("an empty report is no passed test", () => {
  expect(readReport("")).toEqual({ passed: 0, failed: 0, skipped: 0, skips: [], files: [], failures: [] });
});
