/** Debian's firefox-esr, by WebDriver BiDi: Playwright drives only a Firefox of its own, which would have to be downloaded. */
import { type Browser, launch } from "puppeteer-core";
import { type Engine, SIZE } from "./engine.ts";

export function firefoxEngine(): Engine {
  let browser: Browser | null = null;
  let version = "";
  return {
    name: "firefox",
    version: () => version,
    async open(url) {
      browser ??= await launch({
        browser: "firefox",
        executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
        headless: true,
        defaultViewport: SIZE,
        extraPrefsFirefox: {
          "network.captive-portal-service.enabled": false,
          "network.connectivity-service.enabled": false,
        },
      });
      version = await browser.version();
      const page = await browser.newPage();
      await page.goto(url, { waitUntil: "domcontentloaded" });
      return {
        read: <T>(expression: string) => page.evaluate(expression) as Promise<T>,
        tap: (selector) => page.locator(selector).setTimeout(20_000).click(),
        type: (selector, words) => page.locator(selector).fill(words),
        reload: async () => void (await page.reload({ waitUntil: "domcontentloaded" })),
        picture: async (path) => void (await page.screenshot({ path: path as `${string}.png` })),
      };
    },
    close: async () => browser?.close(),
  };
}
