/** The wall board as it hangs: nobody touches it, whatever becomes of the server, the link or the script. */
import { expect, setDefaultTimeout, test } from "bun:test";
import type { BrowserContextOptions, Page } from "playwright";
import { violations } from "../support/axe.ts";
import { openPage } from "../support/browser.ts";
import { startProxy } from "../support/proxy.ts";
import { startServer } from "../support/server.ts";
import { openStage } from "../support/stage.ts";

setDefaultTimeout(90_000);

const BOARD: BrowserContextOptions = { viewport: { width: 1280, height: 800 }, colorScheme: "light" };
const SETTINGS = { BREAKGLASS_SSE_KEEPALIVE_SECONDS: "2" };

const stage = openStage("kiosk", () => SETTINGS);

const link = (page: Page, words: string | RegExp) =>
  page.getByRole("status", { name: "Link" }).getByText(words).waitFor({ timeout: 40_000 });
const state = (page: Page, word: string) =>
  page.getByRole("heading", { name: word, exact: true }).waitFor({ timeout: 40_000 });
/** The page's CSP forbids the eval that Playwright's own waiting needs; while the page is loaded anew there is nothing to ask. */
async function becomes(page: Page, holds: string): Promise<void> {
  // After a bad stretch the board waits up to 39 s before it asks again.
  for (let i = 0; i < 1200; i++) {
    if (await page.evaluate<boolean>(holds).catch(() => false)) return;
    await page.waitForTimeout(50);
  }
  throw new Error(`never: ${holds}`);
}
const post = (path: string, body: unknown) =>
  fetch(`${stage.server.url}${path}`, {
    method: "POST",
    headers: { origin: stage.server.url, "content-type": "application/json", prefer: "respond-async" },
    body: JSON.stringify(body),
  });

test("what happens to the VM comes to the wall, nothing there moves about, and nothing there can be done", async () => {
  const context = await stage.browser.newContext(BOARD);
  const page = await context.newPage();
  await page.addInitScript(`
    window.shifted = 0;
    new PerformanceObserver((list) => { for (const e of list.getEntries()) shifted += e.value; }).observe({ type: "layout-shift", buffered: true });
  `);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.goto(`${stage.server.url}/kiosk`);
  await link(page, "live");
  await state(page, "running");
  await post("/lab/fault", { fault: "qemu_wedged" });
  await state(page, "frozen");
  await post("/api/pve/cycle", {});
  await page
    .locator(".doing")
    .getByText(/cycle runs/)
    .waitFor();
  const at = await page.locator(".doing time").textContent();
  await becomes(page, `document.querySelector(".doing time")?.textContent !== ${JSON.stringify(at)}`);
  await page.locator("#happened").getByText("cycle done").waitFor({ timeout: 60_000 });
  await state(page, "running");
  expect(await page.locator("form, button, input, [hx-post], [method]").count()).toBe(0);
  const word = Number.parseFloat(
    await page.evaluate<string>("getComputedStyle(document.querySelector('.target h2')).fontSize"),
  );
  expect(word).toBeGreaterThan(0.04 * 800);
  expect(await violations(page)).toEqual([]);
  expect(await page.evaluate<number>("shifted")).toBeLessThan(0.02);
  // Upright and large: one target fills the screen, and nothing is cut off.
  for (const [width, height] of [
    [800, 1280],
    [1920, 1080],
  ] as const) {
    await page.setViewportSize({ width, height });
    // Null, while a piece of the board is being exchanged.
    let box = null;
    while (!box) box = await page.locator(".target").boundingBox();
    expect(box.height).toBeGreaterThan(height * 0.55);
    expect(await page.evaluate("document.documentElement.scrollHeight <= innerHeight + 8")).toBe(true);
  }
  // On, or said that it is not.
  expect(await page.locator("#awake").textContent()).toMatch(/Keeps this screen on|screen timeout to never/);
  expect(complaints).toEqual([]);
  await context.close();
});

test("a killed server, a cut link and a silent one: said on the wall, and over without a hand on it", async () => {
  const proxy = await startProxy(() => stage.server.port);
  // The console knows the address of the proxy, too.
  await stage.server.stop();
  stage.server = await startServer(
    stage.dir,
    { ...SETTINGS, BREAKGLASS_ORIGINS: `http://127.0.0.1:${proxy.port}` },
    stage.server.port,
  );
  const { page, close } = await openPage(stage.browser, `http://127.0.0.1:${proxy.port}/kiosk`, BOARD);
  await link(page, "live");
  await page.evaluate("window.same = true");
  proxy.cut();
  await page.waitForTimeout(200);
  await link(page, "live");
  proxy.blackhole(true);
  await link(page, /no link since .* is old/);
  expect(await page.locator("body.lost").count()).toBe(1);
  proxy.blackhole(false);
  await link(page, "live");
  const { port } = stage.server;
  await stage.server.stop("SIGKILL");
  await link(page, /no link since/);
  stage.server = await startServer(
    stage.dir,
    { ...SETTINGS, BREAKGLASS_ORIGINS: `http://127.0.0.1:${proxy.port}` },
    port,
  );
  await link(page, "live");
  await state(page, "running");
  expect(await page.locator("body.lost").count()).toBe(0);
  // Through all of that it was one page; a board that was made by another version loads itself anew.
  expect(await page.evaluate("window.same")).toBe(true);
  await page.evaluate(`document.getElementById("board").dataset.made = "another version"`);
  proxy.cut();
  await becomes(page, "window.same === undefined");
  await link(page, "live");
  await close();
  proxy.stop();
  await stage.server.stop();
  stage.server = await startServer(stage.dir, SETTINGS, port);
});

test("without a script the board is there, says of when it is, and loads itself anew", async () => {
  const { page, close } = await openPage(stage.browser, `${stage.server.url}/kiosk`, {
    ...BOARD,
    javaScriptEnabled: false,
  });
  await page.getByRole("heading", { name: "devvm" }).or(page.locator("#t-devvm .name")).first().waitFor();
  expect(await page.locator("#link").textContent()).toMatch(/no live link: as of \d\d:\d\d:\d\d UTC/);
  expect(await page.locator("#awake").textContent()).toContain("Loads itself anew every 30 s");
  expect(await page.locator("meta[http-equiv=refresh]").getAttribute("content")).toBe("30");
  await page.getByRole("link", { name: "Open console of devvm" }).click();
  await page.waitForURL(/\?target=devvm$/, { waitUntil: "commit" });
  await close();
});
