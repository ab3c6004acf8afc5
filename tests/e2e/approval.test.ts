/** The agent asks, a phone answers: in a real browser, at 390×844, with the real server and the lab's VM. */
import { expect, test } from "bun:test";
import type { Page } from "playwright";
import { DESKTOP, onScreen, openPage, PHONE } from "../support/browser.ts";
import { CALL, callingClaude } from "../support/calling-claude.ts";
import { openStage } from "../support/stage.ts";

const stage = openStage("approval-e2e", callingClaude);

const live = (page: Page) => page.getByRole("status", { name: "Link" }).getByText("live").waitFor();
const actions = async () =>
  ((await (await fetch(`${stage.server.url}/api/pve/actions`)).json()) as { actions: Record<string, string>[] })
    .actions;
const CYCLE = CALL("power", {
  verb: "cycle",
  reason: "its disk has not moved for four minutes, and ssh gives no banner",
});

async function say(page: Page, words: string) {
  await page.getByRole("textbox", { name: "Describe the problem" }).fill(words);
  await page.getByRole("button", { name: "Send" }).click();
}

test("the card is on the first screen without hunting, Power stays where it was, and one tap on Allow cycles the VM", async () => {
  const phone = await openPage(stage.browser, `${stage.server.url}/`, PHONE);
  const desk = await openPage(stage.browser, `${stage.server.url}/`, DESKTOP);
  await Promise.all([live(phone.page), live(desk.page)]);
  const power = async () => JSON.stringify(await phone.page.locator("#power").boundingBox());
  const before = await power();
  await say(desk.page, CYCLE);

  const allow = phone.page.getByRole("button", { name: "Allow", exact: true });
  const deny = phone.page.getByRole("button", { name: "Deny", exact: true });
  await allow.waitFor();
  await phone.page.getByRole("link", { name: /^The agent asks: power cycle/ }).waitFor();
  expect(await power()).toBe(before);
  expect(await phone.page.evaluate("scrollY")).toBe(0);
  // What would run, why, and both answers: all in view, and not under the composer or the line above it.
  for (const part of [".asks .verb", ".asks .answers", "#asking a"])
    expect(await onScreen(phone.page, part)).toBe(true);
  expect(await phone.page.locator(".asks").textContent()).toMatch(
    /cycle[\s\S]*its disk has not moved[\s\S]*Evidence is saved first/,
  );
  const [a, d, line] = await Promise.all(
    [allow, deny, phone.page.locator("#asking a")].map(async (part) => (await part.boundingBox())!),
  );
  for (const box of [a!, d!]) expect(Math.min(box.height, box.width)).toBeGreaterThanOrEqual(44);
  expect(d!.x - (a!.x + a!.width)).toBeGreaterThanOrEqual(44);
  expect(a!.y + a!.height).toBeLessThanOrEqual(line!.y);

  await allow.tap();
  await phone.page
    .locator("#running")
    .getByText(/cycle running.*allowed by lab/)
    .waitFor();
  await phone.page
    .locator("#running")
    .getByText(/cycle done/)
    .waitFor({ timeout: 60_000 });
  expect(await allow.count()).toBe(0);
  expect(await phone.page.locator("#asking a").count()).toBe(0);
  await desk.page.locator(".card").getByText("allowed", { exact: true }).waitFor();
  await desk.page.getByText("That was all.").waitFor();
  const cycles = (await actions()).filter((action) => action.verb === "cycle");
  expect(cycles.map((action) => action.by)).toEqual([expect.stringMatching(/^agent:[0-9a-f]{8} allowed by lab$/)]);
  expect([...phone.complaints, ...desk.complaints]).toEqual([]);
  await Promise.all([phone.close(), desk.close()]);
}, 120_000);

test("a lapsed card says why, and Ask again is one tap", async () => {
  const { page, complaints, close } = await openPage(stage.browser, `${stage.server.url}/`, PHONE);
  await live(page);
  await say(page, CYCLE);
  await page.getByRole("button", { name: "Allow", exact: true }).waitFor();
  // A tap within 350 ms of Stop's coming is taken for the second of a double tap on Send, and dropped: no person is so quick.
  await page.waitForTimeout(400);
  await page.getByRole("button", { name: "Stop", exact: true }).tap();
  await page.getByRole("button", { name: "Send" }).waitFor();
  const card = page.locator(".card").filter({ hasText: "the turn was stopped before anybody answered" });
  await card.waitFor();
  await card.getByRole("button", { name: "Ask again" }).tap();
  await page
    .getByRole("log")
    .getByText(/The approval for “power cycle” on devvm .* lapsed/)
    .waitFor();
  expect(complaints).toEqual([]);
  await close();
}, 60_000);

test("a question: its words, its choices and the line are in view; a tap answers, and so does Enter in the line", async () => {
  const phone = await openPage(stage.browser, `${stage.server.url}/`, PHONE);
  await live(phone.page);
  const ask = (question: string) => CALL("ask", { question, choices: ["keep it", "delete it", "ask me tomorrow"] });
  const long = "Is the backup /srv/old of March still needed? It has 41 GB of the 98 on /, and / is full.";
  await say(phone.page, `${ask(long)}\n${ask("And the one of April?")}`);
  const choice = phone.page.getByRole("button", { name: "“delete it”" });
  const line = phone.page.getByRole("textbox", { name: "Your answer" });
  await choice.waitFor();
  await phone.page.getByRole("link", { name: /^The agent asks: Is the backup/ }).waitFor();
  for (const part of [
    ".asks .said",
    '.asks .answers:has(button[name="text"])',
    '.asks input[name="text"]',
    "#asking a",
  ])
    expect([part, await onScreen(phone.page, part)]).toEqual([part, true]);
  for (const box of [await choice.boundingBox(), await line.boundingBox()])
    expect(Math.min(box!.height, box!.width)).toBeGreaterThanOrEqual(44);
  await choice.tap();
  await phone.page.locator(".card").getByText("delete it", { exact: true }).waitFor();
  await phone.page.getByText("And the one of April?").last().waitFor();
  // Enter sends what stands in the line, and never the first of the choices.
  await line.fill("April, too");
  await line.press("Enter");
  await phone.page.locator(".card").getByText("April, too", { exact: true }).waitFor();
  await phone.page.getByRole("button", { name: "Send" }).waitFor();
  await phone.page.getByText("The operator (lab) answered: April, too").waitFor();
  expect(await line.count()).toBe(0);
  expect(phone.complaints).toEqual([]);
  await phone.close();
}, 60_000);

test("without JavaScript the card is on the page, and Deny is a form like any other", async () => {
  const { page, close } = await openPage(stage.browser, `${stage.server.url}/`, { ...PHONE, javaScriptEnabled: false });
  await say(page, CYCLE);
  await page.waitForURL(/sessions/, { waitUntil: "commit" });
  // The page that answers a prompt may come before the agent asks.
  while ((await page.getByRole("button", { name: "Deny", exact: true }).count()) === 0) {
    await page.waitForTimeout(200);
    await page.goto(page.url(), { waitUntil: "commit" });
    await page.locator("#composer").waitFor();
  }
  await page.getByRole("button", { name: "Deny", exact: true }).click();
  await page.locator(".card").getByText("denied", { exact: true }).waitFor();
  expect(await page.getByRole("button", { name: "Deny", exact: true }).count()).toBe(0);
  await close();
}, 60_000);
