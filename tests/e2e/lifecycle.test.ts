/** How the server ends and comes back, seen from outside: signals, what is left running, what a page of a lost session does. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import type { Browser } from "playwright";
import { openBrowser, openPage, PHONE } from "../support/browser.ts";
import { cleanUp, startServer, tempDir } from "../support/server.ts";
import { caughtUp, readSse } from "../support/sse.ts";

setDefaultTimeout(60_000);

const jsonOf = async (response: Response) => (await response.json()) as Record<string, any>;
const OURS = (url: string) => ({ origin: url, "content-type": "application/json" });
const newSession = async (url: string) =>
  (await jsonOf(await fetch(`${url}/api/session`, { method: "POST", headers: OURS(url) }))).session_id as string;

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser?.close());

test("SIGTERM with clients attached and a turn at work: streams are told, the turn is marked, it is out in time, nothing is left", async () => {
  const dir = tempDir("term");
  const server = await startServer(dir);
  const session = await newSession(server.url);
  const streams = await Promise.all(
    ["", "?format=json", ""].map(async (q) => readSse(await fetch(`${server.url}/api/session/${session}/stream${q}`))),
  );
  for (const stream of streams) await stream.until(caughtUp);
  await fetch(`${server.url}/lab/fault`, {
    method: "POST",
    headers: OURS(server.url),
    body: JSON.stringify({ fault: "qemu_wedged" }),
  });
  const body = JSON.stringify({ prompt: "is qemu wedged?" });
  await fetch(`${server.url}/api/session/${session}/prompt`, { method: "POST", headers: OURS(server.url), body });
  await streams[1]!.until((f) => f.some((x) => x.data?.includes('"tool"')));
  const began = performance.now();
  const code = await server.stop("SIGTERM");
  const took = performance.now() - began;
  expect(code).toBe(0);
  expect(took).toBeLessThan(10_000); // SAFETY.md's promise, not a speed
  for (const stream of streams) {
    await stream.done;
    expect(stream.frames.some((f) => f.event === "restarting")).toBe(true);
  }
  const again = await startServer(dir);
  const read = readSse(await fetch(`${again.url}/api/session/${session}/stream?format=json`));
  await read.until(caughtUp);
  const kinds = read.frames
    .filter((f) => f.id && f.data)
    .map((f) => JSON.parse(f.data!).kind as string)
    .filter((kind) => kind !== "check");
  expect(kinds.filter((k) => k === "turn_end")).toHaveLength(1);
  expect(kinds.slice(-2)).toEqual(["cancelled", "turn_end"]);
  await read.cancel();
  await again.stop();
  cleanUp(dir);
});

test("a page whose session is gone says so, offers a fresh one, and does not ask again and again", async () => {
  const dir = tempDir("gone");
  const server = await startServer(dir);
  const session = await newSession(server.url);
  const { page, close } = await openPage(browser, `${server.url}/sessions/${session}`, PHONE);
  await page.getByRole("status", { name: "Link" }).getByText("live").waitFor();
  const { port } = server;
  await server.stop("SIGKILL");
  cleanUp(dir);
  rmSync(dir, { recursive: true, force: true });
  let asked = 0;
  page.on("request", (request) => {
    if (request.url().includes("/stream")) asked++;
  });
  const fresh = await startServer(dir, {}, port);
  const link = page.getByRole("link", { name: "Open a fresh one" });
  await link.waitFor();
  const until = asked;
  await Bun.sleep(4000);
  expect(asked).toBe(until);
  await link.tap();
  await page.getByRole("status", { name: "Link" }).getByText("live").waitFor();
  await close();
  await fresh.stop();
  cleanUp(dir);
});

test("a wrong setting ends the start with one sentence that names it, and exit code 2", async () => {
  const dir = tempDir("wrong");
  for (const [env, name] of [
    [{ PORT: "eighty" }, "PORT"],
    [{ BREAKGLASS_PVE_HOST: "192.0.2.1" }, "BREAKGLASS_DEVVM_HOST"],
    [{ BREAKGLASS_PVE_HOTS: "192.0.2.1" }, "BREAKGLASS_PVE_HOTS"],
    [{ BREAKGLASS_PVE_HOST: "192.0.2.1", BREAKGLASS_DEVVM_HOST: "192.0.2.2" }, "API_BEARER_TOKEN"],
  ] as const) {
    const ended = (await startServer(dir, env as Record<string, string>).catch((error: Error) => error)) as Error;
    expect(ended).toBeInstanceOf(Error);
    expect(ended.message).toMatch(/^the server ended with 2: /);
    expect(ended.message).toContain(name);
    expect(ended.message.trim().split("\n")).toHaveLength(1);
  }
  cleanUp(dir);
});
