/** The installed Chromium, by Playwright. */
import type { Browser } from "playwright";
import { openBrowser } from "../support/browser.ts";
import { type Engine, SIZE } from "./engine.ts";

export function chromiumEngine(): Engine {
  let browser: Browser | null = null;
  return {
    name: "chromium",
    version: () => `Chromium ${browser?.version() ?? ""}`,
    async open(url) {
      browser ??= await openBrowser();
      const page = await browser.newPage({ viewport: SIZE, isMobile: true, hasTouch: true });
      await page.goto(url);
      return {
        read: <T>(expression: string) => page.evaluate<T>(expression),
        tap: (selector) => page.locator(selector).first().tap({ timeout: 20_000 }),
        type: (selector, words) => page.locator(selector).fill(words),
        reload: async () => void (await page.reload()),
        picture: async (path) => void (await page.screenshot({ path })),
      };
    },
    close: async () => browser?.close(),
  };
}
