/** Long sessions: as quick to open as short ones, light on a phone, and Earlier loses nobody's place. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser } from "playwright";
import { openLabPlace, type Place, writeSessions } from "../bench/place.ts";
import { openBrowser, openPage, PHONE } from "../support/browser.ts";

setDefaultTimeout(120_000);

let browser: Browser;
let place: Place;
let ids: string[] = [];
beforeAll(async () => {
  browser = await openBrowser();
  place = await openLabPlace(async (dir) => {
    ids = await writeSessions(dir, [60, 20_000]);
  });
});
afterAll(async () => {
  await browser?.close();
  await place?.end();
});

const NODES = "document.querySelectorAll('*').length";

test("20,000 entries make a page no larger than 60 do, under 2,500 nodes, and Earlier keeps the line being read", async () => {
  const nodes: number[] = [];
  for (const id of ids) {
    const { page, close } = await openPage(browser, `${place.server.url}/sessions/${id}`, PHONE);
    await page.getByRole("status", { name: "Link" }).getByText("live", { exact: true }).waitFor();
    nodes.push((await page.evaluate(NODES)) as number);
    await close();
  }
  expect(Math.abs(nodes[1]! - nodes[0]!)).toBeLessThan(100);
  expect(nodes[1]!).toBeGreaterThan(250); // else there was no transcript in it
  expect(Math.max(...nodes)).toBeLessThan(2500);

  const { page, close } = await openPage(browser, `${place.server.url}/sessions/${ids[1]}`, PHONE);
  await page.getByRole("status", { name: "Link" }).getByText("live", { exact: true }).waitFor();
  await page.evaluate("document.getElementById('log').scrollTop = -1e6");
  await page.waitForTimeout(200);
  for (let i = 0; i < 4; i++) {
    const first = await page.locator("#transcript > li:not(#earlier)").first().getAttribute("id");
    const top = async () => Math.round((await page.locator(`#${first}`).boundingBox())!.y);
    const before = await top();
    await page.getByRole("button", { name: "Earlier" }).click();
    await page.locator(`#transcript > li:not(#earlier) + #${first}`).waitFor({ state: "attached" });
    await page.waitForTimeout(200);
    expect(Math.abs((await top()) - before)).toBeLessThanOrEqual(2);
    await page.evaluate("document.getElementById('log').scrollTop = -1e6");
    await page.waitForTimeout(100);
  }
  await close();
});
