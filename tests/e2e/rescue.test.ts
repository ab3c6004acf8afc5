/** The main job, as an operator does it: from a broken VM to a running one, on a phone, with the real server and browser. */
import { expect, test } from "bun:test";
import { DESKTOP, onScreen, openPage, PHONE } from "../support/browser.ts";
import { startProxy } from "../support/proxy.ts";
import { cleanUp, startServer, tempDir } from "../support/server.ts";
import { openStage } from "../support/stage.ts";

const jsonOf = async (response: Response) => (await response.json()) as Record<string, any>;

const stage = openStage("rescue");

test("broken and recovered from a phone: the state is told, cycle is two taps without a scroll, the VM comes back", async () => {
  const { page, complaints, close } = await openPage(stage.browser, `${stage.server.url}/`, PHONE);
  await page.getByRole("status", { name: "Link" }).getByText("live").waitFor();
  expect(await page.getByText("LAB", { exact: true }).isVisible()).toBe(true);
  await page
    .getByRole("region", { name: "Power" })
    .getByRole("button", { name: /^status/ })
    .tap();
  await page.getByRole("log").getByText("status", { exact: true }).first().waitFor();

  await page.getByRole("region", { name: "Faults" }).getByRole("button", { name: "QEMU wedged" }).tap();
  const state = page.getByRole("region", { name: "State" });
  await state
    .getByText(/frozen/i)
    .first()
    .waitFor();

  expect(await onScreen(page, "#do-cycle")).toBe(true);
  await page.evaluate("scrollTo(0, 0)");
  const cycle = (await page.locator("#do-cycle").boundingBox())!;
  await page.getByRole("button", { name: /^cycle/ }).tap();
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  expect(await dialog.textContent()).toContain("devvm");
  const yes = dialog.getByRole("button", { name: "Cycle devvm" });
  const confirm = (await yes.boundingBox())!;
  const apart = confirm.y + confirm.height <= cycle.y || confirm.y >= cycle.y + cycle.height;
  expect(apart).toBe(true);
  expect(await page.evaluate("scrollY")).toBe(0);
  await yes.tap();
  await page
    .locator("#running")
    .getByText(/cycle running/)
    .waitFor();
  await page
    .locator("#running")
    .getByText(/cycle done/)
    .waitFor({ timeout: 60_000 });
  await page.locator("#state.is-running").waitFor({ timeout: 60_000 });
  const { actions } = await jsonOf(await fetch(`${stage.server.url}/api/pve/actions`));
  expect(actions.filter((a: { verb: string }) => a.verb === "cycle")).toHaveLength(1);
  expect(complaints).toEqual([]);
  await close();
}, 120_000);

test("a question is answered through real checks, and a second device finds the same transcript, still live", async () => {
  const first = await openPage(stage.browser, `${stage.server.url}/`, PHONE);
  await first.page.getByRole("textbox", { name: "Describe the problem" }).fill("what is wrong?");
  await first.page.getByRole("button", { name: "Send" }).tap();
  await first.page.getByRole("log").getByText("what is wrong?").waitFor();
  await first.page.getByRole("button", { name: "Send" }).waitFor();
  await first.page.locator("#transcript li.card").last().waitFor();
  expect(await first.page.getByRole("textbox").inputValue()).toBe("");

  const second = await openPage(stage.browser, `${stage.server.url}/`, DESKTOP);
  const read = (page: typeof first.page) =>
    page.locator("#transcript > li").evaluateAll((items) => items.map((li) => li.id).filter((id) => id !== "earlier"));
  await second.page.getByRole("status", { name: "Link" }).getByText("live").waitFor();
  expect(await read(second.page)).toEqual(await read(first.page));
  await second.page.getByRole("textbox").fill("and the disk?");
  await second.page.getByRole("textbox").press("Enter");
  await first.page.getByRole("log").getByText("and the disk?").waitFor();
  expect(first.complaints).toEqual([]);
  expect(second.complaints).toEqual([]);
  await first.close();
  await second.close();
}, 90_000);

test("the server is killed in the middle of a turn and started again: the page comes back by itself, nothing lost, nothing twice", async () => {
  const { page, close } = await openPage(stage.browser, `${stage.server.url}/`, PHONE);
  await page.getByRole("button", { name: "New" }).first().tap();
  await page.waitForURL(/sessions/);
  await page.getByRole("status", { name: "Link" }).getByText("live").waitFor();
  await page.getByRole("textbox").fill("triage and the disk and the memory, please");
  await page.getByRole("button", { name: "Send" }).tap();
  await page.getByRole("log").getByText("triage and the disk").waitFor();
  const { port } = stage.server;
  await stage.server.stop("SIGKILL");
  stage.server = await startServer(stage.dir, {}, port);
  await page.getByRole("status", { name: "Link" }).getByText("live").waitFor({ timeout: 60_000 });
  await page.getByRole("button", { name: "Send" }).waitFor();
  const ids = await page.locator("#transcript > li").evaluateAll((items) => items.map((li) => li.id));
  expect(new Set(ids).size).toBe(ids.length);
  const drawn = await page.locator("#transcript > li").allInnerTexts();
  await page.reload();
  await page.getByRole("status", { name: "Link" }).getByText("live").waitFor();
  const words = (all: string[]) => all.map((t) => t.replace(/\d+ (s|min) ago/g, "").replace(/\s+/g, " "));
  expect(words(await page.locator("#transcript > li").allInnerTexts())).toEqual(words(drawn));
  await page.getByRole("textbox").fill("and now?");
  await page.getByRole("button", { name: "Send" }).tap();
  await page.getByRole("log").getByText("and now?").waitFor();
  await close();
}, 120_000);

test("a cut link and a half-open one are shown, and healed without a gap or a double", async () => {
  let port = 0;
  const links = await startProxy(() => port);
  const url = `http://127.0.0.1:${links.port}`;
  const served = await startServer(tempDir("links"), {
    BREAKGLASS_SSE_KEEPALIVE_SECONDS: "1",
    // The console refuses a Host that is not its own: behind the proxy its address is the proxy's.
    BREAKGLASS_ORIGINS: url,
  });
  port = served.port;
  const { page, close } = await openPage(stage.browser, `${url}/`, PHONE);
  const link = page.getByRole("status", { name: "Link" });
  await link.getByText("live").waitFor();
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${served.url}${path}`, {
      ...init,
      headers: { host: `127.0.0.1:${links.port}`, origin: url, ...init.headers },
    });
  const id = (await jsonOf(await ask("/sessions"))).sessions[0].session_id as string;
  const check = (n: number) =>
    ask("/api/check/disk", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ session: id, request_id: `check-number-${n}` }),
    });
  for (let n = 0; n < 6; n++) {
    links.cut();
    await check(n);
  }
  links.blackhole(true);
  await check(6);
  await link.getByText("live").waitFor({ state: "hidden", timeout: 20_000 });
  links.blackhole(false);
  links.cut();
  await link.getByText("live").waitFor({ timeout: 60_000 });
  await page.waitForFunction("document.querySelectorAll('#transcript > li.card').length >= 7");
  const ids = await page.locator("#transcript > li").evaluateAll((items) => items.map((li) => li.id));
  expect(ids.filter((i) => i.startsWith("c-"))).toHaveLength(7);
  expect(new Set(ids).size).toBe(ids.length);
  await close();
  links.stop();
  await served.stop();
  cleanUp(served.dir);
}, 120_000);
