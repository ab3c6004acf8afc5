/** The console installed on a phone: what it shows without an answer, what it keeps, how it lets go, and the keyboard. */
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Page } from "playwright";
import { violations } from "../support/axe.ts";
import { openPage, PHONE } from "../support/browser.ts";
import { startProxy } from "../support/proxy.ts";
import { cleanUp, startServer, tempDir } from "../support/server.ts";
import { openStage } from "../support/stage.ts";

setDefaultTimeout(90_000);

const stage = openStage("installed");

const WITH_WORKER = { ...PHONE, serviceWorkers: "allow" as const };
const live = (page: Page) => page.getByRole("status", { name: "Link" }).getByText("live", { exact: true }).waitFor();
const kept = (page: Page) =>
  page.evaluate(`caches.keys().then((names) => Promise.all(names.map((name) => caches.open(name).then((cache) => cache.keys()))))
    .then((all) => all.flat().map((request) => new URL(request.url).pathname))`) as Promise<string[]>;

test("no answer: a page that says so instead of an old state; three files kept and no more; an answer, and it is the console again", async () => {
  const { page, close } = await openPage(stage.browser, `${stage.server.url}/`, WITH_WORKER);
  await live(page);
  // Installed by itself, after the first screen.
  await page.evaluate("navigator.serviceWorker.ready");
  await page.reload();
  await live(page);
  expect(await page.evaluate("navigator.serviceWorker.controller !== null")).toBe(true); // else this proves nothing
  for (const path of ["/status", "/sessions", "/kiosk", "/"]) await page.goto(`${stage.server.url}${path}`);
  const says = (await page.locator("#state h2").textContent())!;
  expect((await kept(page)).map((path) => path.replace(/-[0-9a-f]{12}\./, "-#."))).toEqual([
    "/static/offline-#.html",
    "/static/offline-#.css",
    "/static/offline-#.js",
  ]);

  const { port } = stage.server;
  await stage.server.stop("SIGKILL");
  for (const path of ["/", "/status", "/api/pve/cycle?target=devvm"]) {
    await page.goto(`${stage.server.url}${path}`);
    await page.getByRole("heading", { name: "Breakglass does not answer" }).waitFor();
    const text = (await page.locator("body").textContent())!;
    expect(text).toContain("Nothing is known about the VM now.");
    expect(text).toContain("No verb was sent");
    expect(text).toContain("cold case");
    for (const old of [says, "devvm", "heard"]) expect(text).not.toContain(old);
    expect(await page.locator("form").count()).toBe(0);
  }
  // Since when stays what it was, however often it is tried.
  const since = await page.locator("#since").getAttribute("datetime");
  await page.getByRole("button", { name: "Try again" }).tap();
  await page.waitForTimeout(500);
  expect(await page.locator("#since").getAttribute("datetime")).toBe(since);
  expect(await violations(page)).toEqual([]);

  stage.server = await startServer(stage.dir, {}, port);
  await page.goto(`${stage.server.url}/status`);
  await page.getByRole("heading", { name: /devvm/ }).first().waitFor();
  await page.goto(`${stage.server.url}/`);
  await live(page);
  expect(await kept(page)).toHaveLength(3);
  await close();
});

test("a post is none of the worker's: without an answer it is not sent later, and the page says so", async () => {
  const { page, close } = await openPage(stage.browser, `${stage.server.url}/`, WITH_WORKER);
  await live(page);
  await page.evaluate("navigator.serviceWorker.ready");
  await page.reload();
  await live(page);
  const { port } = stage.server;
  await stage.server.stop("SIGKILL");
  await page.getByRole("textbox", { name: "Describe the problem" }).fill("are you there?");
  await page.getByRole("button", { name: "Send" }).tap();
  await page.getByText("nothing is queued").waitFor();
  stage.server = await startServer(stage.dir, {}, port);
  await live(page);
  expect(await page.getByRole("textbox", { name: "Describe the problem" }).inputValue()).toBe("are you there?");
  expect(await page.getByRole("log").getByText("are you there?").count()).toBe(0);
  await close();
});

test("a server without a worker ends the one that is there, and all that it kept", async () => {
  // In its place a server of something else, at the same address.
  let port = 0;
  const proxy = await startProxy(() => port);
  const mine = await startServer(tempDir("installed-killed"), {
    BREAKGLASS_ORIGINS: `http://127.0.0.1:${proxy.port}`,
  });
  port = mine.port;
  const other = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) =>
      new URL(request.url).pathname === "/"
        ? new Response("<title>another</title>", { headers: { "content-type": "text/html" } })
        : new Response("no", { status: 404 }),
  });
  const { page, close } = await openPage(stage.browser, `http://127.0.0.1:${proxy.port}/`, WITH_WORKER);
  await page.evaluate("navigator.serviceWorker.ready");
  await page.reload();
  expect(await page.evaluate("navigator.serviceWorker.controller !== null")).toBe(true); // else this proves nothing
  port = other.port!;
  proxy.cut();
  for (let i = 0; i < 60; i++) {
    await page.goto(`http://127.0.0.1:${proxy.port}/`);
    const left = await page.evaluate<number>("navigator.serviceWorker.getRegistrations().then((all) => all.length)");
    if (left === 0 && (await kept(page)).length === 0) break;
    // It asks once in ten seconds.
    await page.waitForTimeout(1000);
  }
  expect(await page.title()).toBe("another");
  expect(await page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)")).toBe(0);
  expect(await kept(page)).toEqual([]);
  await close();
  proxy.stop();
  await other.stop(true);
  await mine.stop();
  cleanUp(mine.dir);
});

test("a keyboard that lies over the page does not cover composer and Stop", async () => {
  const context = await stage.browser.newContext(PHONE);
  const page = await context.newPage();
  // As on iOS: the page keeps its size, and what is seen of it gets smaller.
  await page.addInitScript(`
    const view = Object.assign(new EventTarget(), { height: innerHeight, offsetTop: 0, scale: 1 });
    Object.defineProperty(window, "visualViewport", { value: view });
  `);
  await page.goto(`${stage.server.url}/`);
  await live(page);
  const bottom = async () => {
    const box = (await page.locator("#composer").boundingBox())!;
    return box.y + box.height;
  };
  const before = await bottom();
  await page.evaluate(`visualViewport.height = innerHeight - 336; visualViewport.dispatchEvent(new Event("resize"))`);
  expect(await bottom()).toBeLessThanOrEqual(844 - 336 + 1);
  await page.evaluate(`visualViewport.height = innerHeight; visualViewport.dispatchEvent(new Event("resize"))`);
  expect(await bottom()).toBe(before);
  await context.close();
});
