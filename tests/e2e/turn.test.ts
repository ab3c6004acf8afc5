/** A turn on a phone: its model is chosen beside Send, an agent that is killed is told in a sentence, and one tap tries again. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { openPage, PHONE } from "../support/browser.ts";
import { CALL, callingClaude } from "../support/calling-claude.ts";
import { openStage } from "../support/stage.ts";

const stage = openStage("turn-e2e", callingClaude);

/** The agent's processes of this server, as the kernel's own killer would find them. */
function agents(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, "latin1");
        return read("cmdline").includes("fake-claude") && read("environ").includes(stage.dir);
      } catch {
        return false; // gone meanwhile, or not ours to see
      }
    });
}

test("the model is chosen without costing a line; a killed agent is told, and Try again asks the same once more", async () => {
  const { page, complaints, close } = await openPage(stage.browser, `${stage.server.url}/`, PHONE);
  await page.getByRole("status", { name: "Link" }).getByText("live").waitFor();
  const box = page.getByRole("textbox", { name: "Describe the problem" });
  const model = page.getByRole("combobox", { name: "Model" });
  const height = async () => (await page.locator("#composer").boundingBox())!.height;
  const before = await height();
  expect(await model.isVisible()).toBe(false);
  await box.fill("is it slow?");
  await model.selectOption("opus");
  expect(await height()).toBe(before);

  await box.fill(CALL("vm_run", { command: "sleep 60", reason: "to be under way" }));
  await page.getByRole("button", { name: "Send" }).tap();
  const log = page.getByRole("log");
  await log.locator(".user small").getByText("opus").waitFor();
  await log.locator(".call").getByText("sleep 60").waitFor();
  const killed = agents();
  expect(killed.length).toBeGreaterThan(0); // else nothing is killed
  for (const pid of killed) process.kill(pid, "SIGKILL");
  await log.getByText(/was killed \(SIGKILL\), perhaps because memory ran out/).waitFor();

  const again = page.getByRole("button", { name: "Try again" });
  await again.tap();
  await page.getByRole("button", { name: "Stop", exact: true }).waitFor();
  await log.locator(".user").nth(1).waitFor();
  expect(await again.isVisible()).toBe(false);
  const asked = await log.locator(".user p").allTextContents();
  expect(asked[1]).toBe(asked[0]!);
  expect(await log.locator(".user small").getByText("opus").count()).toBe(2);
  await log.locator(".call").getByText("sleep 60").nth(1).waitFor();
  // A tap within 350 ms of Stop's coming is taken for the second of a double tap on Send, and dropped.
  await page.getByRole("button", { name: "Stop", exact: true }).tap();
  await page.getByRole("button", { name: "Send" }).waitFor();
  expect(complaints).toEqual([]);
  await close();
}, 90_000);
