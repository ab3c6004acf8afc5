/**
 * Takes the pictures in docs/screens anew, from the lab: `bun tests/screens.ts`. Run by hand when the page looks different; what
 * w3m makes of it is kept as the text that it is.
 */
import { join } from "node:path";
import { runChild } from "../src/child.ts";
import { DESKTOP, openBrowser, openPage, PHONE } from "./support/browser.ts";
import { cleanUp, scrubbed, startServer, tempDir } from "./support/server.ts";

const out = join(import.meta.dir, "../docs/screens");
const dir = tempDir("screens");
const server = await startServer(dir);
const browser = await openBrowser();
const open = async (options: Parameters<typeof openPage>[2], path = "/") => {
  const { page } = await openPage(browser, server.url + path, options);
  await page.waitForTimeout(1500);
  return page;
};
try {
  const phone = await open(PHONE);
  await phone.getByRole("region", { name: "Faults" }).getByRole("button", { name: "QEMU wedged" }).tap();
  await phone.locator("#state.is-frozen").waitFor();
  await phone
    .getByRole("textbox", { name: "Describe the problem" })
    .fill("ssh hangs since ten minutes, what is wrong?");
  await phone.getByRole("button", { name: "Send" }).tap();
  await phone.getByRole("button", { name: "Stop", exact: true }).waitFor();
  await phone.getByRole("button", { name: "Send" }).waitFor({ timeout: 60_000 });
  await phone.evaluate("scrollTo(0, 0)");
  await phone.waitForTimeout(800);
  await phone.screenshot({ path: join(out, "phone.png"), scale: "css" });
  await (await open({ ...DESKTOP, colorScheme: "dark" })).screenshot({ path: join(out, "desktop.png") });
  await (await open({ ...PHONE, colorScheme: "light" })).screenshot({
    path: join(out, "phone-light.png"),
    scale: "css",
  });
  const off = await open({ ...PHONE, javaScriptEnabled: false });
  await off.screenshot({ path: join(out, "no-javascript.png"), scale: "css" });
  const { stdout } = await runChild({
    argv: ["w3m", "-dump", "-cols", "80", `${server.url}/`],
    env: scrubbed(),
    limit_ms: 20_000,
  });
  await Bun.write(join(out, "w3m.txt"), stdout.replace(/[ \t]+$/gm, ""));
  await phone.locator("#do-cycle").tap();
  await phone.getByRole("dialog").waitFor();
  await phone.waitForTimeout(400);
  await phone.screenshot({ path: join(out, "confirm.png"), scale: "css" });
  await phone.locator("#confirm-yes").tap();
  await phone
    .locator("#running")
    .getByText(/cycle running/)
    .waitFor();
  await (await open(DESKTOP, "/kiosk")).screenshot({ path: join(out, "kiosk.png") });
} finally {
  await browser.close();
  await server.stop();
  cleanUp(dir);
}
