/** The page itself under fingers and eyes: every view readable to everyone, nothing that moves, no tap that does another's work. */
import { expect, test } from "bun:test";
import type { Page } from "playwright";
import { violations } from "../support/axe.ts";
import { DESKTOP, openPage, PHONE } from "../support/browser.ts";
import { openStage } from "../support/stage.ts";
import { gallery } from "../views/gallery.tsx";

const stage = openStage("page", () => ({ BREAKGLASS_SSE_KEEPALIVE_SECONDS: "5" }));

const live = (page: Page) => page.getByRole("status", { name: "Link" }).getByText("live", { exact: true }).waitFor();

test("axe finds nothing in any view, in any state, dark or light", async () => {
  const found: string[] = [];
  for (const colorScheme of ["dark", "light"] as const) {
    const context = await stage.browser.newContext({ colorScheme });
    const page = await context.newPage();
    for (const { name, html, width, height } of gallery()) {
      await page.setViewportSize({ width, height });
      await page.setContent(html, { waitUntil: "domcontentloaded" });
      await page.locator("details").evaluateAll((all) => {
        for (const details of all) details.setAttribute("open", "");
      });
      // Only the colours differ between the two.
      const here = await violations(page, colorScheme === "light" ? "color-contrast" : undefined);
      found.push(...here.map((fault) => `${name}, ${colorScheme}: ${fault}`));
    }
    await context.close();
  }
  // That the frame without JavaScript asks again by itself is what it is for; it holds no form and no focus.
  expect(found).toEqual([`the transcript's tail without JavaScript, dark: meta-refresh: meta[http-equiv="refresh"]`]);
}, 180_000);

test("what can be tapped is 44 px at least, and nothing scrolls sideways, down to 320 px", async () => {
  for (const width of [320, 390]) {
    const { page, close } = await openPage(stage.browser, `${stage.server.url}/`, {
      ...PHONE,
      viewport: { width, height: 844 },
    });
    await live(page);
    const targets = page.locator("button:visible, summary:visible, .button:visible, textarea:visible");
    expect(await targets.count()).toBeGreaterThan(15); // else this proves nothing
    const small = await targets.evaluateAll((all) =>
      all
        .map((e) => ({ e, box: e.getBoundingClientRect() }))
        .filter(({ box }) => box.width < 44 || box.height < 44)
        .map(({ e, box }) => `${e.id || e.textContent} ${box.width}x${box.height}`),
    );
    expect(small).toEqual([]);
    expect(await page.evaluate("document.body.scrollWidth <= document.body.clientWidth")).toBe(true);
    await close();
  }
}, 60_000);

test("nothing moves under a finger: no layout shift through states, a run, its end, and a turn", async () => {
  const context = await stage.browser.newContext(PHONE);
  const page = await context.newPage();
  await page.addInitScript(`
    window.moved = [];
    new PerformanceObserver((list) => {
      for (const e of list.getEntries()) if (!e.hadRecentInput)
        // State and transcript change within frames of their own, fixed in size; what is outside them must stay.
        moved.push(...e.sources.map((s) => s.node?.nodeType === 3 ? s.node.parentNode : s.node).filter((n) => n && !n.closest("#log, #state")).map((n) => n.outerHTML.slice(0, 80)));
    }).observe({ type: "layout-shift", buffered: true });
  `);
  await page.goto(`${stage.server.url}/`);
  await live(page);
  const stop = (await page.locator("#do-stop").boundingBox())!;
  const idle = "started by";
  await fetch(`${stage.server.url}/api/pve/reset`, {
    method: "POST",
    headers: { prefer: "respond-async", "content-type": "application/json", "sec-fetch-site": "same-origin" },
    body: "{}",
  });
  await page.locator("#running").getByText(idle).waitFor();
  expect((await page.locator("#do-stop").boundingBox())!).toEqual(stop);
  await page
    .locator("#running")
    .getByText(/reset (done|failed|unknown)/)
    .waitFor({ timeout: 60_000 });
  expect((await page.locator("#do-stop").boundingBox())!).toEqual(stop);
  expect(await page.evaluate("moved")).toEqual([]);
  await context.close();
}, 90_000);

test("three quick taps on Send are one prompt, and never a Stop; on a verb they run nothing", async () => {
  const { page, complaints, close } = await openPage(stage.browser, `${stage.server.url}/`, PHONE);
  await live(page);
  const posts: string[] = [];
  page.on(
    "request",
    (request) => request.method() === "POST" && posts.push(new URL(request.url()).pathname.split("/").at(-1)!),
  );
  await page.getByRole("textbox", { name: "Describe the problem" }).fill("triage, please");
  const tapped = async (selector: string) => {
    const box = (await page.locator(selector).boundingBox())!;
    for (let i = 0; i < 3; i++) {
      await page.touchscreen.tap(box.x + box.width / 2, box.y + box.height / 2);
      await page.waitForTimeout(60);
    }
  };
  await tapped("#turn-send");
  await page.getByRole("log").getByText("triage, please").waitFor();
  await page.getByRole("button", { name: "Send" }).waitFor({ timeout: 60_000 });
  expect(posts).toEqual(["prompt"]);
  await tapped("#do-stop");
  await page.waitForTimeout(300);
  // The open question is told, so that the agent waits for its answer.
  expect(posts).toEqual(["prompt", "confirming"]);
  expect(complaints).toEqual([]);
  await close();
}, 90_000);

test("a draft outlives a reload, Shift+Enter is a new line, and Enter sends", async () => {
  const { page, close } = await openPage(stage.browser, `${stage.server.url}/`, DESKTOP);
  const box = page.getByRole("textbox", { name: "Describe the problem" });
  await box.fill("first line");
  await page.reload();
  await live(page);
  expect(await box.inputValue()).toBe("first line");
  await box.press("End");
  await box.press("Shift+Enter");
  await box.pressSequentially("second");
  await box.press("Enter");
  await page
    .getByRole("log")
    .getByText("first line\nsecond")
    .or(page.locator(".user").getByText("second"))
    .first()
    .waitFor();
  expect(await box.inputValue()).toBe("");
  await page.reload();
  expect(await box.inputValue()).toBe("");
  await close();
}, 60_000);

test("a held verb says by whom and offers no second run; Esc and Not now let go", async () => {
  const { page, close } = await openPage(stage.browser, `${stage.server.url}/`, PHONE);
  await live(page);
  await page.getByRole("button", { name: /^cycle/ }).tap();
  await page.getByRole("dialog").getByRole("button", { name: "Cycle devvm" }).tap();
  await page.locator("#running").getByText("started by").waitFor();
  await page.getByRole("button", { name: /^stop/ }).tap();
  const dialog = page.getByRole("dialog");
  await dialog.getByText(/Held: cycle running/).waitFor();
  expect(await dialog.getByRole("button", { name: "Stop devvm" }).isVisible()).toBe(false);
  await dialog.getByRole("button", { name: "Not now" }).tap();
  await dialog.waitFor({ state: "hidden" });
  await page
    .locator("#running")
    .getByText(/cycle (done|failed|unknown)/)
    .waitFor({ timeout: 60_000 });
  await close();
}, 90_000);
