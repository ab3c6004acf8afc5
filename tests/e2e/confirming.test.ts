/**
 * The operator decides first: while their confirmation of a power verb is open (the page without JavaScript, or the dialog), an
 * agent that may act by itself starts nothing that changes the VM. Real server and lab, an agent that does what it is told.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { openPage, PHONE } from "../support/browser.ts";
import { CALL, callingClaude } from "../support/calling-claude.ts";
import { beginOn, isOver, postTo, toldIn } from "../support/device.ts";
import { openStage } from "../support/stage.ts";

setDefaultTimeout(120_000);

const stage = openStage("confirming", (dir) => ({ ...callingClaude(dir), BREAKGLASS_AGENT_POWER: "autonomous" }));

const mutating = async () => {
  const { actions } = (await (await fetch(`${stage.server.url}/api/pve/actions`)).json()) as {
    actions: { verb: string }[];
  };
  return actions.filter(({ verb }) => verb !== "status").map(({ verb }) => verb);
};

/** The agent is told to do it; what its tool answered. */
async function agentTries(verb: string): Promise<{ is_error: boolean; output: string }> {
  const { device } = await beginOn(stage.server, `go on\n${CALL("power", { verb, reason: "it looks stalled" })}`);
  const seen = await device.until(isOver);
  await device.leave();
  return toldIn(seen) as { is_error: boolean; output: string };
}

test("the confirmation page without JavaScript holds the agent back, but not its looking, and only until it is answered", async () => {
  const page = await fetch(`${stage.server.url}/api/pve/cycle`, {
    // A browser that was led here by its operator says so; who says nothing holds nobody back.
    headers: { accept: "text/html", "sec-fetch-site": "none" },
  });
  expect(page.status).toBe(200);
  expect(await agentTries("reset")).toMatchObject({
    is_error: true,
    output: expect.stringMatching(
      /lab has the confirmation of cycle on devvm.* open since \d\d:\d\d UTC.*nothing was started/,
    ),
  });
  expect(await mutating()).toEqual([]);
  expect((await agentTries("status")).is_error).toBe(false);
  const id = /name="request_id" value="([^"]+)"/.exec(await page.text())![1]!;
  expect((await postTo(stage.server, "/api/pve/cycle", { request_id: id })).status).toBe(200);
  expect((await agentTries("reset")).output).toContain("[done:");
  expect(await mutating()).toEqual(["reset", "cycle"]);
});

test("the dialog shows what was last heard, keeps its answer in view, and holds the agent back until “Not now”", async () => {
  const { page, complaints, close } = await openPage(stage.browser, `${stage.server.url}/`, PHONE);
  await page.getByRole("status", { name: "Link" }).getByText("live").waitFor();
  await page.locator("#state.is-running").waitFor();
  const before = await mutating();
  expect(await page.locator("#known").isVisible()).toBe(false);
  const told = page.waitForResponse((r) => r.url().endsWith("/api/confirming"));
  // Nothing of what the dialog says comes by the network.
  await page.getByRole("button", { name: /^cycle/ }).tap();
  const dialog = page.getByRole("dialog");
  expect(await dialog.locator("#confirm-known li").allTextContents()).toEqual([
    "The guest answers. Repair in place loses less.",
    expect.stringMatching(/^Storage: /),
    expect.stringMatching(/^Evidence was last saved \d+ (s|min) ago\.$/),
  ]);
  expect(await dialog.getByText(/State: Running\. The guest answers ssh\. \(heard \d+ s ago/).isVisible()).toBe(true);
  const yes = (await dialog.getByRole("button", { name: "Cycle devvm" }).boundingBox())!;
  const box = (await dialog.boundingBox())!;
  expect(yes.y + yes.height).toBeLessThanOrEqual(box.y + box.height); // in view, however much there is to know
  expect((await told).status()).toBe(200);
  expect(await agentTries("cycle")).toMatchObject({ is_error: true });
  expect(await mutating()).toEqual(before);
  const gone = page.waitForResponse((r) => r.url().endsWith("/api/confirming"));
  await dialog.getByRole("button", { name: "Not now" }).tap();
  await gone;
  expect((await agentTries("reset")).output).toContain("[done:");
  expect(complaints).toEqual([]);
  await close();
});

test("the lab's panel sees its fault cured by a cycle, and its cure can be read on a phone", async () => {
  const { page, close } = await openPage(stage.browser, `${stage.server.url}/`, PHONE);
  await page.getByRole("status", { name: "Link" }).getByText("live").waitFor();
  const faults = page.getByRole("region", { name: "Faults" });
  await faults.getByRole("button", { name: "Dead service" }).tap();
  await faults.getByRole("button", { name: "Dead service", pressed: true }).waitFor();
  const cure = (await faults.getByText(/Cure: .*or cycle/).boundingBox())!;
  expect(cure.x).toBeGreaterThanOrEqual(0);
  expect(cure.x + cure.width).toBeLessThanOrEqual(390);
  expect((await postTo(stage.server, "/api/pve/cycle", { request_id: "cures-the-service-1" })).status).toBe(200);
  await faults.getByRole("button", { name: "Mend everything", pressed: true }).waitFor();
  expect(await faults.getByRole("button", { pressed: true }).count()).toBe(1);
  await close();
});
