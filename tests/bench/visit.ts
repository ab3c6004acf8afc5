/** What a visit weighs: a real Chromium, its own count of bytes on the wire, headers and compression as they are. */
import type { Browser, BrowserContext, CDPSession } from "playwright";
import { PHONE } from "../support/browser.ts";
import type { Place } from "./place.ts";

export interface Fetched {
  readonly path: string;
  readonly headers: number;
  readonly body: number;
}

export interface Visit {
  readonly document: Fetched;
  readonly all: readonly Fetched[];
  /** Everything until the page was live and the wire silent, the stream's first frames too. */
  readonly bytes: number;
}

/** Silence that counts as idle, ms; the lab's state is whispered every 5 s. */
const SILENCE_MS = 700;

/** A first visit with nothing in the cache, then a second one with what the first left there. */
export async function twoVisits(browser: Browser, place: Place): Promise<{ first: Visit; again: Visit }> {
  const url = `${place.server.url}/`;
  const context = await browser.newContext({ ...PHONE, extraHTTPHeaders: { ...place.headers } });
  try {
    return { first: await visit(context, url), again: await visit(context, url) };
  } finally {
    await context.close();
  }
}

async function visit(context: BrowserContext, url: string): Promise<Visit> {
  const page = await context.newPage();
  const wire = await listen(await context.newCDPSession(page));
  await page.goto(url);
  await page.getByRole("status", { name: "Link" }).getByText("live").waitFor();
  while (wire.silent_ms() < SILENCE_MS) await Bun.sleep(50);
  const all = wire.fetched();
  await page.close();
  const document = all.find((one) => one.path === new URL(url).pathname);
  if (!document) throw new Error("the document was not among what was fetched");
  return { document, all, bytes: all.reduce((sum, one) => sum + one.headers + one.body, 0) };
}

async function listen(cdp: CDPSession) {
  const requests = new Map<string, { path: string; headers: number; body: number; total: number | null }>();
  let heard_at = performance.now();
  const of = (id: string) => {
    heard_at = performance.now();
    return requests.get(id);
  };
  cdp.on("Network.requestWillBeSent", ({ requestId, request }) => {
    heard_at = performance.now();
    requests.set(requestId, { path: new URL(request.url).pathname, headers: 0, body: 0, total: null });
  });
  cdp.on("Network.responseReceived", ({ requestId, response }) => {
    const one = of(requestId);
    // From the cache nothing crossed the wire, whatever the answer once weighed.
    if (one && !response.fromDiskCache) one.headers = response.encodedDataLength;
  });
  cdp.on("Network.dataReceived", ({ requestId, encodedDataLength }) => {
    const one = of(requestId);
    if (one) one.body += encodedDataLength;
  });
  cdp.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const one = of(requestId);
    if (one) one.total = encodedDataLength;
  });
  await cdp.send("Network.enable");
  return {
    silent_ms: () => performance.now() - heard_at,
    // What has ended has a total of its own; a stream has not, and is the sum of its parts.
    fetched: (): Fetched[] =>
      [...requests.values()].map(({ path, headers, body, total }) => ({
        path,
        headers: Math.min(headers, total ?? headers),
        body: total === null ? body : Math.max(0, total - headers),
      })),
  };
}
