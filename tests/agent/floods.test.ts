/** An agent that says too much and says it badly, through the whole console: the turn survives, and pages and programs are shown what came. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cleanUp, startServer, type TestServer, tempDir } from "../support/server.ts";
import { readSse } from "../support/sse.ts";

const MIB = 1024 * 1024;
const dir = tempDir("floods");
let server: TestServer;

beforeAll(async () => {
  mkdirSync(join(dir, "bin"));
  const program = join(dir, "bin", "claude");
  const standIn = join(import.meta.dir, "../support/flooding-claude.ts");
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${standIn}' "$@"\n`);
  chmodSync(program, 0o755);
  server = await startServer(dir, { PATH: `${join(dir, "bin")}:${process.env.PATH}`, BREAKGLASS_LAB_AGENT: "claude" });
});
afterAll(async () => {
  await server?.stop();
  cleanUp(dir);
});

test("5 MB lines, 1 MB of errors, no UTF-8, NUL, lone surrogates: the turn ends as it should, and so does the next", async () => {
  const headers = { origin: server.url, "content-type": "application/json" };
  const post = (path: string, body: object) =>
    fetch(`${server.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  const { session_id } = (await (await post("/api/session", {})).json()) as { session_id: string };
  const program = readSse(await fetch(`${server.url}/api/session/${session_id}/stream?format=json`));
  const page = readSse(await fetch(`${server.url}/api/session/${session_id}/stream`));
  const said = () =>
    program.frames.flatMap(({ id, data }) => (id && data ? [JSON.parse(data) as Record<string, unknown>] : []));
  const ended = (turns: number) => () => said().filter(({ kind }) => kind === "turn_end").length === turns;

  await post(`/api/session/${session_id}/prompt`, { prompt: "say it" });
  await program.until(ended(1));
  await post(`/api/session/${session_id}/prompt`, { prompt: "once more" });
  await program.until(ended(2));
  expect(said().filter(({ kind }) => kind === "error")).toEqual([]);
  expect(said().filter(({ kind, is_error }) => kind === "result" && !is_error)).toHaveLength(2);

  const texts = said().flatMap(({ kind, text }) => (kind === "text" ? [text as string] : []));
  expect(texts).toHaveLength(8);
  expect(texts[0]).toBe(`begin ${"x".repeat(5 * MIB)} end`);
  expect(texts[1]).toMatch(/^nul \0 lone [\ud800\ufffd] and [\udc00\ufffd] over$/);
  expect(texts[2]).toMatch(/^bytes \ufffd+\(\ufffd+ over$/);
  expect(texts[3]).toBe("still here");

  // The page has a long output by its head and tail, with the way to the rest.
  await page.until((frames) => frames.filter(({ data }) => data?.includes("still here")).length === 2);
  const drawn = page.frames.map(({ data }) => data ?? "").join("");
  const shown = /<li id="e(\d+)" class="ret"[^>]*>(?:(?!<li )[\s\S])*?first line[\s\S]*?last line/.exec(drawn)!;
  expect(shown[0].length).toBeLessThan(20_000);
  expect(shown[0]).toContain(`/sessions/${session_id}/entries/${shown[1]}`);
  expect(drawn).toContain("nul ␀ lone \ufffd and \ufffd over");
  expect(drawn.includes("\0")).toBe(false);
  const whole = await fetch(`${server.url}/sessions/${session_id}/entries/${shown[1]}`, {
    headers: { accept: "text/plain" },
  });
  expect(whole.status).toBe(200);
  expect(await whole.text()).toContain("last line");
  for (const stream of [program, page]) await stream.cancel();
}, 60_000);
