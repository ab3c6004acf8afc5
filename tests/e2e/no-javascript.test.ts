/** Everything that matters, with JavaScript off, in Chromium and in w3m: forms, a confirmation page, a transcript that goes on. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { runChild } from "../../src/child.ts";
import { openPage, PHONE } from "../support/browser.ts";
import { scrubbed } from "../support/server.ts";
import { openStage } from "../support/stage.ts";

setDefaultTimeout(90_000);

const OFF = { ...PHONE, javaScriptEnabled: false };

const stage = openStage("nojs");

const jsonOf = async (response: Response) => (await response.json()) as Record<string, any>;
const actions = async () =>
  (await jsonOf(await fetch(`${stage.server.url}/api/pve/actions`))).actions as Record<string, any>[];

test("cycle: the form leads to a confirmation page, its button runs it once, and the page of the action tells the outcome", async () => {
  const { page, close } = await openPage(stage.browser, `${stage.server.url}/`, OFF);
  await page.getByRole("button", { name: /^cycle/ }).click();
  await page.waitForURL(/\/api\/pve\/cycle/, { waitUntil: "commit" });
  expect(await page.getByRole("heading", { level: 1 }).textContent()).toContain("Cycle devvm (VM 102)?");
  expect(await actions()).toEqual([]);
  await page.getByRole("button", { name: "Cycle devvm" }).click();
  await page.waitForURL(/\/api\/pve\/actions\//, { waitUntil: "commit" });
  const at = page.url();
  await page.getByRole("heading", { level: 1 }).waitFor();
  // Back, and the same form again: the same id, and so the same action.
  await page.goBack({ waitUntil: "commit" });
  await page.getByRole("button", { name: "Cycle devvm" }).click();
  await page.waitForURL(/\/api\/pve\/actions\//, { waitUntil: "commit" });
  expect(page.url()).toBe(at);
  await page.getByText("done", { exact: true }).first().waitFor({ timeout: 60_000 });
  expect((await actions()).map((a) => a.verb)).toEqual(["cycle"]);
  await close();
});

test("a prompt is sent, answered, and read in the frame that goes on by itself; Stop and presets are forms, too", async () => {
  const { page, close } = await openPage(stage.browser, `${stage.server.url}/`, OFF);
  await page.getByRole("textbox", { name: "Describe the problem" }).fill("what is wrong?");
  await page.getByRole("button", { name: "Send" }).click();
  await page.waitForURL(/\/sessions\//, { waitUntil: "commit" });
  await page.getByText("what is wrong?").first().waitFor();
  const frame = page.frameLocator("iframe");
  const either = (selector: (on: Pick<typeof page, "getByText" | "locator">) => ReturnType<typeof page.locator>) =>
    Promise.any([
      selector(page).first().waitFor(),
      selector(frame as never)
        .first()
        .waitFor(),
    ]);
  await either((on) => on.getByText(/not an AI/i));
  await page.getByRole("group", { name: "Disk" }).getByRole("button", { name: "Run the check" }).click();
  await page.waitForURL(/\/sessions\//, { waitUntil: "commit" });
  await either((on) => on.locator("li.card"));
  expect((await page.locator("noscript").count()) > 0).toBe(true);
  await close();
});

test("sessions can be listed, opened and begun", async () => {
  const { page, close } = await openPage(stage.browser, `${stage.server.url}/sessions`, OFF);
  await page.getByRole("button", { name: "New session" }).click();
  await page.waitForURL(/\/sessions\/[0-9a-f-]{36}$/, { waitUntil: "commit" });
  await page.goto(`${stage.server.url}/sessions/nowhere`, { waitUntil: "commit" });
  await page.getByText("session not found").waitFor();
  await page.getByRole("link", { name: /console/i }).click();
  await page.getByRole("region", { name: "Power" }).waitFor();
  await close();
});

test("w3m reads state, power and transcript, in the order of their importance", async () => {
  const { stdout, ending } = await runChild({
    argv: ["w3m", "-dump", "-cols", "80", `${stage.server.url}/`],
    env: scrubbed({ TERM: "dumb" }),
    limit_ms: 20_000,
  });
  expect(ending).toEqual({ is: "exited", code: 0 });
  const at = ["LAB", "status is it up?", "cycle stop, then start", "Triage", "Send"].map((word) =>
    stdout.indexOf(word),
  );
  expect(at.every((n) => n >= 0)).toBe(true);
  expect(at).toEqual([...at].sort((a, b) => a - b));
});

test("w3m, which sends no header that proves our page, runs a verb by the id in the form, and once", async () => {
  const before = (await actions()).length;
  const form = await (await fetch(`${stage.server.url}/api/pve/reset`, { headers: { accept: "text/html" } })).text();
  const id = /name="request_id" value="([^"]+)"/.exec(form)![1]!;
  const post = (request_id: string) =>
    runChild({
      argv: [
        "w3m",
        "-dump_source",
        "-post",
        "-",
        "-header",
        "Content-Type: application/x-www-form-urlencoded",
        `${stage.server.url}/api/pve/reset`,
      ],
      env: scrubbed({ TERM: "dumb" }),
      stdin: `request_id=${request_id}&target=devvm`,
      limit_ms: 20_000,
    });
  await post("made-up-elsewhere-1234");
  expect((await actions()).length).toBe(before);
  await post(id);
  await post(id);
  expect((await actions()).length).toBe(before + 1);
});
