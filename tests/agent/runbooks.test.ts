/** The operator's runbooks: what is listed, what is read, and what no name gets at. Real files. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ANSWER_LIMIT } from "../../src/agent/data.ts";
import { runbooksIn } from "../../src/agent/runbooks.ts";

const dir = mkdtempSync(join(tmpdir(), "bg-runbooks-"));
const folder = join(dir, "runbooks");
const secret = join(dir, "secret.md");
mkdirSync(join(folder, "..data"), { recursive: true });
mkdirSync(join(folder, "inner.md"));
const put = (name: string, text: string) => writeFileSync(join(folder, name), text);
put("nginx.md", "---\nowner: web\n---\n\n# When nginx fails\n\nLook at `journalctl -u nginx`.\n");
put("plain.markdown", "Just words.\nMore.\n");
put("empty.md", "");
put("long.md", `# Long\n${"a line of it\n".repeat(20_000)}THE END\n`);
put("notes.txt", "canary-txt");
put(".hidden.md", "canary-hidden");
put("..data/mounted.md", "# As a ConfigMap is mounted\n");
writeFileSync(secret, "canary-outside");
symlinkSync(join("..data", "mounted.md"), join(folder, "mounted.md"));
symlinkSync(secret, join(folder, "escape.md"));
symlinkSync("/dev/zero", join(folder, "endless.md"));
symlinkSync(join(folder, "nowhere"), join(folder, "broken.md"));
Bun.spawnSync(["mkfifo", join(folder, "pipe.md")]);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const runbooks = runbooksIn(folder);

test("without a name: the list, with first heading and size, of what lies in the folder and nothing else", async () => {
  const { text, is_error, document } = await runbooks.answer(null);
  expect(text.split("\n")).toEqual([
    "empty.md (0 bytes): (empty)",
    "long.md (260015 bytes): Long",
    "mounted.md (28 bytes): As a ConfigMap is mounted",
    "nginx.md (71 bytes): When nginx fails",
    "plain.markdown (18 bytes): Just words.",
  ]);
  expect([is_error, document]).toEqual([false, true]);
});

test("with a name: the text, also without its ending, also by a link that stays in the folder", async () => {
  expect(await runbooks.answer("nginx.md")).toMatchObject({ text: expect.stringContaining("journalctl -u nginx") });
  expect((await runbooks.answer("nginx")).text).toBe((await runbooks.answer("nginx.md")).text);
  expect((await runbooks.answer("mounted")).text).toContain("As a ConfigMap");
});

test("a long one is its beginning, and says that it goes on", async () => {
  const { text } = await runbooks.answer("long");
  expect(text.length).toBe(ANSWER_LIMIT);
  expect(text).toStartWith("# Long\n");
  expect(text).toEndWith("[It goes on: this is the beginning of 260015 bytes; ask the operator for the rest]");
  expect(text).not.toContain("THE END");
});

test.each([
  "../secret.md",
  "../secret",
  "escape.md",
  "escape",
  "endless.md",
  "broken.md",
  "pipe.md",
  "inner.md",
  "..data/mounted.md",
  "notes.txt",
  ".hidden.md",
  "nginx.md\0.md",
  "..",
  ".",
  "",
  "%2e%2e/secret.md",
  "NGINX.md",
])("%p is no runbook", async (name) => {
  const answer = await runbooks.answer(name);
  expect(answer).toMatchObject({ is_error: true, own_words: true });
  expect(answer.text).toStartWith("There is no runbook of that name.");
  expect(answer.text).not.toContain("canary");
  expect((await runbooks.answer(secret)).text).toBe(answer.text);
});

test("no folder, an empty one, and one that went away are said plainly", async () => {
  expect(await runbooksIn(null).answer(null)).toEqual({
    text: "The operator has mounted no runbooks (BREAKGLASS_RUNBOOKS is not set). Go on without.",
    is_error: false,
    own_words: true,
  });
  expect((await runbooksIn(join(folder, "inner.md")).answer(null)).text).toContain("holds no Markdown file");
  const gone = await runbooksIn(join(dir, "gone")).answer("nginx");
  expect(gone).toMatchObject({ is_error: true, text: expect.stringContaining("can't be read") });
});
