/**
 * The console in a browser that has less: one that can't read the script at all, and one from which everything was taken that is
 * newer than iPadOS 15.0 and Chrome 90, in script, markup and style. A real server, lab and agent that does what it is told.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import type { BrowserContext, Page } from "playwright";
import newerFeatures from "../fixtures/newer-features.json" with { type: "json" };
import { PHONE } from "../support/browser.ts";
import { CALL, callingClaude } from "../support/calling-claude.ts";
import { openStage } from "../support/stage.ts";

setDefaultTimeout(120_000);

const stage = openStage("older", callingClaude);

const actions = async () =>
  ((await (await fetch(`${stage.server.url}/api/pve/actions`)).json()) as { actions: Record<string, string>[] })
    .actions;

async function opened(context: BrowserContext): Promise<{ page: Page; complaints: string[] }> {
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(`${stage.server.url}/`);
  return { page, complaints };
}

/** From the tap on cycle over the confirmation's page to the page of the action that its button began. */
async function cycles(page: Page): Promise<void> {
  const before = (await actions()).length;
  await page.getByRole("button", { name: /^cycle/ }).tap();
  await page.waitForURL(/\/api\/pve\/cycle\?/);
  expect(await page.getByRole("heading", { level: 1 }).textContent()).toContain("Cycle devvm (VM 102)?");
  expect((await actions()).length).toBe(before);
  await page.getByRole("button", { name: "Cycle devvm" }).tap();
  await page.waitForURL(/\/api\/pve\/actions\//);
  await page.getByRole("heading", { level: 1 }).waitFor();
  expect((await actions())[0]).toMatchObject({ verb: "cycle", by: "lab" });
}

test("a browser that can't read the script still asks before it cycles, and sends prompts and checks", async () => {
  const context = await stage.browser.newContext(PHONE);
  await context.route(/\/static\/console-/, (route) =>
    route.fulfill({ contentType: "text/javascript", body: "class Newer { static { } #x( }" }),
  );
  const { page, complaints } = await opened(context);
  expect(complaints).toEqual([expect.stringContaining("SyntaxError")]);
  expect(await page.getByRole("status", { name: "Link" }).textContent()).toBe("not live");
  await cycles(page);
  await page.getByText("done", { exact: true }).first().waitFor({ timeout: 60_000 });
  await page.goto(`${stage.server.url}/`);
  await page.getByRole("textbox", { name: "Describe the problem" }).fill("what is wrong, then?");
  await page.getByRole("button", { name: "Send" }).tap();
  await page.waitForURL(/\/sessions\//);
  await page.getByRole("log").getByText("what is wrong, then?").first().waitFor();
  await page.getByRole("group", { name: "Disk" }).getByRole("button", { name: "Run the check" }).tap();
  await page.waitForURL(/\/sessions\//);
  await page.getByRole("log").locator(".card").first().waitFor();
  await context.close();
});

/** Runs in the page before its scripts: takes away what came later, wherever it hangs. */
function takeAway(names: { members: string[]; owned: string[]; globals: string[] }): void {
  const window = globalThis as Record<string, any>;
  let taken = 0;
  const take = (from: any, name: string) => {
    try {
      if (from && Object.getOwnPropertyDescriptor(from, name)?.configurable && delete from[name]) taken++;
    } catch {}
  };
  const hosts = Object.getOwnPropertyNames(window)
    .filter((name) => /^[A-Z]/.test(name))
    .map((name) => window[name]);
  for (const host of hosts)
    for (const name of names.members) {
      take(host, name);
      take(host?.prototype, name);
    }
  for (const name of [...names.members, ...names.globals]) take(window, name);
  for (const name of names.owned) {
    const [owner, member] = name.split(".") as [string, string];
    take(window[owner], member);
    take(Object.getPrototypeOf(window[owner] ?? {}), member);
  }
  window.takenAway = taken;
}

/** The page as such a browser makes it out: no dialog, no rule with a selector that it does not know. */
const asOlder = (html: string) =>
  html
    .replace(/@supports[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}/g, "")
    .replace(/(?<=[{}])[^{}]*(?::has\(|:focus-visible|::backdrop)[^{}]*\{[^{}]*\}/g, "")
    .replace(/(?<=[;{])(?:text-wrap|accent-color|field-sizing|overscroll-behavior):[^;}]*;?/g, "")
    .replace(/([<}/])dialog(?=[\s>:.{])/g, "$1x-dialog");

test("without whatever is newer than iPadOS 15.0 and Chrome 90 the page is live, power asks on a page, and Deny is Deny", async () => {
  const context = await stage.browser.newContext({ ...PHONE, bypassCSP: true, serviceWorkers: "block" });
  const { members, owned, globals } = newerFeatures;
  await context.addInitScript(takeAway, {
    members: Object.keys(members),
    owned: Object.keys(owned),
    globals: Object.keys(globals),
  });
  await context.route(/\/(sessions\/[^/]+)?$/, async (route) => {
    if (route.request().resourceType() !== "document") return route.continue();
    const response = await route.fetch();
    await route.fulfill({ response, body: asOlder(await response.text()) });
  });
  const { page, complaints } = await opened(context);
  await page.getByRole("status", { name: "Link" }).getByText("live", { exact: true }).waitFor();
  // Else this proves nothing.
  expect(await page.evaluate("takenAway")).toBeGreaterThan(500);
  expect(
    await page.evaluate(`["showModal" in HTMLElement.prototype, "submitter" in SubmitEvent.prototype, "timeout" in AbortSignal,
      "at" in Array.prototype, "wakeLock" in navigator, document.querySelectorAll("dialog, x-dialog").length,
      /:has|dvh/.test(document.querySelector("style").textContent)]`),
  ).toEqual([false, false, false, false, false, 1, false]);
  expect(await page.locator("#confirm").isVisible()).toBe(false);
  expect(await page.evaluate("document.body.scrollWidth <= document.body.clientWidth")).toBe(true);
  const before = (await actions()).length;
  await page
    .getByRole("textbox", { name: "Describe the problem" })
    .fill(CALL("power", { verb: "reset", reason: "it looks stalled" }));
  await page.getByRole("button", { name: "Send" }).tap();
  await page.getByRole("button", { name: "Deny", exact: true }).tap();
  await page.locator(".card").getByText("denied", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Send" }).waitFor();
  expect((await actions()).length).toBe(before);
  await page.getByRole("group", { name: "Disk" }).getByRole("button", { name: "Run the check" }).tap();
  await page.getByRole("log").locator(".findings").first().waitFor();
  await cycles(page);
  expect(complaints).toEqual([]);
  await context.close();
});
