/** Seconds from the start of a navigation until `cycle` is there, has its looks, and would take a tap; over a thin link. */
import type { Browser, BrowserContextOptions, Page } from "playwright";
import { PHONE } from "../support/browser.ts";

export interface Link {
  readonly kbit_s: number;
  /** From a request to the first byte of its answer; connecting itself costs nothing in this emulation. */
  readonly delay_ms: number;
}

const LIMIT_MS = 60_000;

/** Seconds until an element that `selector` finds would take a tap, on a fresh page with an empty cache. */
export async function secondsUntilTappable(
  browser: Browser,
  url: string,
  link: Link | null,
  selector = "#do-cycle",
  options: BrowserContextOptions = PHONE,
): Promise<number> {
  const context = await browser.newContext(options);
  try {
    const page = await context.newPage();
    if (link) await thin(page, link);
    await page.addInitScript(watchFor, selector);
    await page.goto(url, { waitUntil: "commit" });
    for (let waited = 0; waited < LIMIT_MS; waited += 20) {
      const at_ms = await page.evaluate("window.tappable_ms ?? null");
      if (at_ms !== null) return Number(at_ms) / 1000;
      await Bun.sleep(20);
    }
    throw new Error(`${selector} could not be tapped within ${LIMIT_MS} ms`);
  } finally {
    await context.close();
  }
}

async function thin(page: Page, { kbit_s, delay_ms }: Link): Promise<void> {
  const cdp = await page.context().newCDPSession(page);
  const bytes_s = (kbit_s * 1000) / 8;
  await cdp.send("Network.enable");
  await cdp.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: delay_ms,
    downloadThroughput: bytes_s,
    uploadThroughput: bytes_s,
  });
}

/** Runs in the page, before anything of it: notes when the element is drawn and what a finger at its middle would hit. */
function watchFor(selector: string): void {
  const page = globalThis as unknown as {
    document: {
      styleSheets: { length: number };
      querySelector(s: string): Seen | null;
      elementFromPoint(x: number, y: number): Seen | null;
    };
    innerHeight: number;
    requestAnimationFrame(then: () => void): void;
    tappable_ms?: number;
  };
  interface Seen {
    getBoundingClientRect(): { left: number; top: number; width: number; height: number };
    contains(other: Seen | null): boolean;
  }
  const look = () => {
    const element = page.document.querySelector(selector);
    if (element && page.document.styleSheets.length > 0) {
      const { left, top, width, height } = element.getBoundingClientRect();
      const [x, y] = [left + width / 2, Math.min(top + height / 2, page.innerHeight - 1)];
      if (height > 0 && top < page.innerHeight && element.contains(page.document.elementFromPoint(x, y))) {
        page.tappable_ms = performance.now();
        return;
      }
    }
    page.requestAnimationFrame(look);
  };
  page.requestAnimationFrame(look);
}
