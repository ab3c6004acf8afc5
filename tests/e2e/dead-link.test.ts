/**
 * A dead link is shown as dead within two heartbeats. Two heartbeats are those that the server sends meanwhile to a witness whose link
 * is well: the page's clock stands still and is moved on by one heartbeat for each of them, so that no slow machine makes it late.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser, Page } from "playwright";
import { openBrowser, PHONE } from "../support/browser.ts";
import { type Proxy as Links, startProxy } from "../support/proxy.ts";
import { cleanUp, startServer, type TestServer, tempDir } from "../support/server.ts";
import { readSse } from "../support/sse.ts";

setDefaultTimeout(120_000);

const BEAT_S = 2;
const BEAT = BEAT_S * 1000;
/** How far the page's clock is moved while it waits for a word, ms. */
const STEP = 40;

const dir = tempDir("dead-link");
let browser: Browser;
let server: TestServer;
let links: Links;
let url = "";

beforeAll(async () => {
  links = await startProxy(() => server.port);
  url = `http://127.0.0.1:${links.port}`;
  const env = { BREAKGLASS_SSE_KEEPALIVE_SECONDS: String(BEAT_S), BREAKGLASS_ORIGINS: url };
  [browser, server] = await Promise.all([openBrowser(), startServer(dir, env)]);
});
afterAll(async () => {
  await browser?.close();
  links?.stop();
  await server?.stop();
  cleanUp(dir);
});

const lamp = (page: Page) => page.getByRole("status", { name: "Link" }).textContent();
const heardBy = (page: Page) => page.evaluate("beats") as Promise<number>;

/** Lets the page's clock go on, no faster than ours, until it has heard the server once more: its last word is then a step old at most. */
async function hears(page: Page): Promise<void> {
  const before = await heardBy(page);
  while ((await heardBy(page)) === before) {
    await Bun.sleep(STEP);
    await page.clock.runFor(STEP);
  }
}

/** Refused where its time has gone by before it is said. */
async function stopClock(page: Page): Promise<void> {
  for (let ahead = 300; ; ahead *= 2) {
    const at = ((await page.evaluate("Date.now()")) as number) + ahead;
    try {
      return await page.clock.pauseAt(at);
    } catch (error) {
      if (ahead > 10_000) throw error;
    }
  }
}

test("a link that went dead without a word is called dead within two heartbeats of the server's, and comes back alone", async () => {
  const context = await browser.newContext({ serviceWorkers: "block", ...PHONE });
  const page = await context.newPage();
  await page.clock.install();
  await page.goto(url);
  const live = () => page.locator("#link.live").waitFor({ timeout: 60_000 });
  await live();
  await page.evaluate(`window.beats = 0; document.getElementById("transcript").addEventListener("hb", () => beats++)`);
  const session = await page.evaluate(`document.getElementById("composer").getAttribute("action").split("/")[3]`);
  const headers = { host: `127.0.0.1:${links.port}` };
  const witness = readSse(await fetch(`${server.url}/api/session/${session}/stream?format=json`, { headers }));
  const beats = () => witness.frames.filter(({ event }) => event === "hb").length;
  const beat = async () => {
    const before = beats();
    await witness.until(() => beats() > before);
  };
  await stopClock(page);

  // A link that is well is not called dead, although a word is later than the one before.
  for (let i = 0; i < 2; i++) {
    await hears(page);
    await page.clock.runFor(BEAT / 2);
    expect(await lamp(page)).toBe("live");
  }

  await hears(page);
  links.blackhole(true);
  await beat();
  await page.clock.runFor(BEAT - STEP);
  expect(await lamp(page)).toBe("live"); // one that is late is not lost
  await beat();
  await page.clock.runFor(BEAT);
  expect(await lamp(page)).toBe("no link");
  await page.locator("#power").getByText("no link: will not be sent").waitFor();

  // It asks again, and that is swallowed as well: bytes that a link has lost come by no other way. Then the link is well.
  const again = page.waitForRequest(/\/stream/);
  await page.clock.resume();
  await again;
  links.blackhole(false);
  await page.clock.fastForward(70_000);
  await live();
  await hears(page);
  expect(await lamp(page)).toBe("live");
  await witness.cancel();
  await context.close();
});
