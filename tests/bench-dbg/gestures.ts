/** Counts what a thumb does on a 390×844 phone from the open page to a confirmed `cycle`: taps, and scrolls if there are any. */
import type { Browser, Locator } from "playwright";
import { openPage, PHONE } from "../support/browser.ts";

export interface Gestures {
  readonly taps: number;
  readonly scrolls: number;
}

/** Ends when the page says that the cycle runs. */
export async function gesturesToCycle(browser: Browser, url: string): Promise<Gestures> {
  const { page, close } = await openPage(browser, url, PHONE);
  let [taps, scrolls] = [0, 0];
  const tap = async (what: Locator) => {
    await what.waitFor();
    const box = (await what.boundingBox())!;
    const { height } = page.viewportSize()!;
    if (box.y < 0 || box.y + box.height > height) {
      scrolls++;
      await what.scrollIntoViewIfNeeded();
    }
    taps++;
    await what.tap();
  };
  try {
    await page.getByRole("status", { name: "Link" }).getByText("live").waitFor();
    await tap(page.getByRole("region", { name: "Power" }).getByRole("button", { name: /^cycle/ }));
    await tap(page.getByRole("dialog").getByRole("button", { name: /^Cycle/ }));
    await page
      .locator("#running")
      .getByText(/cycle (running|done)/)
      .waitFor();
    return { taps, scrolls };
  } finally {
    await close();
  }
}
