/** Before a tap does harm: a locked VM needs its lock typed; an agent at work is stopped first. Real browser, real parts. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright";
import { openBrowser, openPage, PHONE } from "../support/browser.ts";
import { startRealPlace, TOKEN } from "../support/real-place.ts";
import { cleanUp, startServer, tempDir } from "../support/server.ts";

setDefaultTimeout(120_000);

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser?.close());

test("a VM under backup: signed in by token, cycle asks for the lock's name, a wrong one runs nothing, the right one is kept with the action", async () => {
  const place = await startRealPlace();
  const data = tempDir("locked");
  writeFileSync(join(place.host.world, "config"), "name: devvm\nlock: backup\nmemory: 4096\n");
  const server = await startServer(data, place.settings());
  const { page, close } = await openPage(browser, `${server.url}/`, PHONE);
  await page.getByLabel(/token/i).fill(TOKEN);
  await page.getByRole("button", { name: "Sign in" }).tap();
  await page.locator("#state[data-lock=backup]").waitFor();
  await page.getByRole("button", { name: /^cycle/ }).tap();
  await page.waitForURL(/\/api\/pve\/cycle\?/);
  expect(await page.getByText(/Locked \(backup\)/).isVisible()).toBe(true);
  const name = page.getByLabel(/type its name/);
  await name.fill("snapshot");
  await page.getByRole("button", { name: "Cycle devvm" }).tap();
  await page.waitForURL(/\/actions\//);
  await page.getByText("refused", { exact: true }).waitFor();
  expect(place.host.ledger().some((line) => line.startsWith("stop 102"))).toBe(false);
  await page.goto(`${server.url}/api/pve/cycle`);
  await name.fill("backup");
  await page.getByRole("button", { name: "Cycle devvm" }).tap();
  await page.waitForURL(/\/actions\//);
  await page.getByText("done", { exact: true }).waitFor({ timeout: 60_000 });
  const headers = { authorization: `Bearer ${TOKEN}` };
  const listed = (await (await fetch(`${server.url}/api/pve/actions`, { headers })).json()) as { actions: any[] };
  expect(listed.actions.map((a) => [a.verb, a.override, a.outcome])).toEqual([
    ["cycle", "backup", "done"],
    ["cycle", "snapshot", "failed"],
  ]);
  expect(place.host.ledger().some((line) => line.startsWith("stop 102") && line.includes("--skiplock"))).toBe(true);
  await close();
  await server.stop();
  await place.end();
  cleanUp(data);
});

test("a tap on cycle while the agent works offers to stop it first, and does so before the verb", async () => {
  const data = tempDir("agent");
  const server = await startServer(data);
  const { page, close } = await openPage(browser, `${server.url}/`, PHONE);
  await page.getByRole("status", { name: "Link" }).getByText("live").waitFor();
  await page.getByRole("region", { name: "Faults" }).getByRole("button", { name: "QEMU wedged" }).tap();
  await page.locator("#state.is-frozen").waitFor();
  await page.getByRole("textbox", { name: "Describe the problem" }).fill("is qemu wedged?");
  await page.getByRole("button", { name: "Send" }).tap();
  await page.getByRole("button", { name: "Stop", exact: true }).waitFor();
  await page.getByRole("button", { name: /^cycle/ }).tap();
  const dialog = page.getByRole("dialog");
  await dialog.getByText(/stop it first/).waitFor();
  await dialog.getByRole("button", { name: "Cycle devvm" }).tap();
  await page
    .locator("#running")
    .getByText(/cycle done/)
    .waitFor({ timeout: 60_000 });
  const { sessions } = (await (await fetch(`${server.url}/sessions`)).json()) as { sessions: { session_id: string }[] };
  const stream = await fetch(`${server.url}/api/session/${sessions[0]!.session_id}/stream?format=json`);
  const reader = stream.body!.getReader();
  let text = "";
  while (!text.includes("caught-up")) text += new TextDecoder().decode((await reader.read()).value);
  await reader.cancel();
  const at = (needle: string) => text.indexOf(needle);
  expect(at('"cancelled"')).toBeGreaterThan(0);
  expect(at('"cancelled"')).toBeLessThan(at('"verb":"cycle"'));
  await close();
  await server.stop();
  cleanUp(data);
});
