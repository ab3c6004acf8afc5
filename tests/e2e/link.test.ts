/** The link as a person meets it: cut, half-open, restarting, signed out, hidden. Nothing is sent behind their back, nothing typed is lost. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser, Page } from "playwright";
import { openBrowser, openPage, PHONE } from "../support/browser.ts";
import { type Proxy as Links, startProxy } from "../support/proxy.ts";
import { cleanUp, startServer, type TestServer, tempDir } from "../support/server.ts";

setDefaultTimeout(120_000);

let browser: Browser;
let server: TestServer;
let links: Links;
let url = "";
let port = 0;
const dir = tempDir("link");
const env = () => ({ BREAKGLASS_SSE_KEEPALIVE_SECONDS: "1", BREAKGLASS_ORIGINS: url });

beforeAll(async () => {
  links = await startProxy(() => port);
  url = `http://127.0.0.1:${links.port}`;
  [browser, server] = await Promise.all([openBrowser(), startServer(dir, env())]);
  port = server.port;
});
afterAll(async () => {
  await browser?.close();
  links?.stop();
  await server?.stop();
  cleanUp(dir);
});

const linkOf = (page: Page) => page.getByRole("status", { name: "Link" });
const live = (page: Page) => linkOf(page).getByText("live", { exact: true }).waitFor({ timeout: 60_000 });
const ask = async (path: string) =>
  (await (
    await fetch(`${server.url}${path}`, { headers: { host: `127.0.0.1:${links.port}`, origin: url } })
  ).json()) as Record<string, any>;
const prompts = async (page: Page, text: string) => page.locator("li.user").filter({ hasText: text }).count();

test("on a dead link power says beforehand that it will not be sent, a tap is answered at once, and nothing goes out later", async () => {
  const { page, close } = await openPage(browser, `${url}/`, PHONE);
  await live(page);
  await page.getByRole("textbox", { name: "Describe the problem" }).fill("typed before the tunnel");
  links.blackhole(true);
  await page.locator("#link.dead").waitFor();
  expect(await linkOf(page).textContent()).toBe("no link");
  const power = page.getByRole("region", { name: "Power" });
  await power.getByText("no link: will not be sent").waitFor();

  // The answer to a tap is there before any network could be: it is looked for in the same task.
  const said = await page.evaluate(`(() => {
    document.getElementById("do-cycle").click();
    const busy = document.getElementById("do-cycle").classList.contains("tapped");
    return [busy, document.getElementById("notice").textContent];
  })()`);
  expect(said).toEqual([true, "The link is not live. “cycle” will not be sent unless the server answers now…"]);
  await page.getByText("“cycle” was not sent: the server does not answer. Nothing is queued").waitFor();
  expect(await page.getByRole("dialog").isVisible()).toBe(false);
  await page.getByRole("button", { name: "Send" }).tap();
  await page.getByText("“Send” was not sent").waitFor();

  links.blackhole(false);
  links.cut();
  await live(page);
  await power.getByText("affects the running VM").waitFor();
  await page.waitForTimeout(1500);
  expect((await ask("/api/pve/actions")).actions.filter((a: { verb: string }) => a.verb === "cycle")).toEqual([]);
  expect(await prompts(page, "typed before the tunnel")).toBe(0);
  expect(await page.getByRole("textbox").inputValue()).toBe("typed before the tunnel");
  await page.getByRole("button", { name: "Send" }).tap();
  await page.getByRole("log").getByText("typed before the tunnel").waitFor();
  await page.getByRole("button", { name: "Send" }).waitFor({ timeout: 60_000 });
  await close();
});

test("where only the stream is gone and the server answers, a tap on power goes on after it has looked", async () => {
  const { page, close } = await openPage(browser, `${url}/`, PHONE);
  await live(page);
  await page.route("**/stream*", (route) => route.abort());
  links.cut();
  await page.locator("#link.dead").waitFor();
  await page.getByRole("button", { name: /^stop/ }).tap();
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  expect(await dialog.textContent()).toContain("The link is not live.");
  await dialog.getByRole("button", { name: "Not now" }).tap();
  await close();
});

test("a prompt that failed on its way keeps its text; Try again sends it to the letter, once, and spares what was written since", async () => {
  const { page, close } = await openPage(browser, `${url}/`, PHONE);
  await live(page);
  const box = page.getByRole("textbox", { name: "Describe the problem" });
  await box.fill("is the disk full?");
  // The request reaches the server; its answer is lost with the link.
  const sent: string[] = [];
  await page.route("**/prompt", async (route) => {
    sent.push(new URLSearchParams(route.request().postData() ?? "").get("request_id") ?? "");
    if (sent.length > 1) return route.continue();
    await route.fetch();
    await route.abort();
  });
  await page.getByRole("button", { name: "Send" }).tap();
  const again = page.getByRole("button", { name: "Try again" });
  await again.waitFor();
  expect(await box.inputValue()).toBe("is the disk full?");
  await page.getByRole("button", { name: "Send" }).waitFor({ timeout: 60_000 });
  await box.fill("and another thing");
  await again.tap();
  await again.waitFor({ state: "hidden" });
  await page.waitForTimeout(500);
  expect(sent).toHaveLength(2);
  expect(sent[1]).toBe(sent[0]!);
  expect(await prompts(page, "is the disk full?")).toBe(1);
  expect(await box.inputValue()).toBe("and another thing");
  await box.fill("");
  await close();
});

test("a restart of the server is called one; draft and the line being read are where they were", async () => {
  const { page, close } = await openPage(browser, `${url}/`, PHONE);
  await live(page);
  for (let i = 0; i < 3; i++) {
    await page.getByRole("textbox").fill(`triage and disk and memory ${i}`);
    await page.getByRole("button", { name: "Send" }).tap();
    await page.locator("#turn.running").waitFor();
    await page.getByRole("button", { name: "Send" }).waitFor({ timeout: 60_000 });
    // No person is so quick: on the spot of the last tap, the next one is dropped for 350 ms after Stop became Send.
    await page.waitForTimeout(400);
  }
  await page.getByRole("textbox").fill("half a thou");
  await page.evaluate("document.getElementById('log').scrollTop = -400");
  await page.waitForTimeout(200);
  const place = (page: Page) =>
    page.evaluate(`(() => {
      const edge = document.getElementById("log").getBoundingClientRect().top;
      const item = [...document.querySelectorAll("#transcript > li")].find((li) => li.getBoundingClientRect().bottom > edge);
      return [item.id, Math.round(item.getBoundingClientRect().top)];
    })()`);
  const before = await place(page);
  const stopping = server.stop("SIGTERM");
  await page.locator("#link.restarting").waitFor();
  expect(await linkOf(page).textContent()).toBe("restarting");
  await stopping;
  server = await startServer(dir, env(), port);
  await live(page);
  expect(await page.getByRole("textbox").inputValue()).toBe("half a thou");
  expect(await place(page)).toEqual(before);
  await page.reload();
  await live(page);
  expect(await page.getByRole("textbox").inputValue()).toBe("half a thou");
  expect(await place(page)).toEqual(before);
  await close();
});

test("a tab that was hidden is current again when it is seen, and says how old it was", async () => {
  const { page, close } = await openPage(browser, `${url}/`, PHONE);
  await live(page);
  const hide = (hidden: boolean) =>
    page.evaluate(`Object.defineProperty(document, "hidden", { get: () => ${hidden}, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"))`);
  await hide(true);
  const id = (await ask("/sessions")).sessions[0].session_id as string;
  const check = await fetch(`${server.url}/api/check/disk`, {
    method: "POST",
    headers: { host: `127.0.0.1:${links.port}`, origin: url, "content-type": "application/json" },
    body: JSON.stringify({ session: id, request_id: "while-it-was-hidden" }),
  });
  const shown = page.locator(`#c-${((await check.json()) as { id: string }).id}`);
  await page.waitForTimeout(4000);
  expect(await shown.count()).toBe(0); // else it was not hidden
  await hide(false);
  await page.locator("#link:not(.dead)", { hasText: /\d s (old|behind)/ }).waitFor();
  await page.getByText(/Current again\. What stood here was \d+ s old\./).waitFor();
  await shown.waitFor();
  await live(page);
  await close();
});

test("70,000 characters pasted cover neither power nor Send, and are refused with a sentence, kept", async () => {
  const { page, close } = await openPage(browser, `${url}/`, PHONE);
  await live(page);
  const box = page.getByRole("textbox", { name: "Describe the problem" });
  // As a paste does it: the whole at once.
  await box.focus();
  await page.evaluate(`document.execCommand("insertText", false, "a line of the log, ".repeat(3700))`);
  const size = (await box.boundingBox())!;
  expect(size.height).toBeLessThan(844 * 0.31);
  for (const name of [/^cycle/, "Send"]) {
    const button = page.getByRole("button", { name });
    await button.scrollIntoViewIfNeeded();
    await button.click({ trial: true });
  }
  await page.getByRole("button", { name: "Send" }).tap();
  await page.getByText("65536 is the most").waitFor();
  expect((await box.inputValue()).length).toBe(70_300);
  await close();
});
