/** Opening sessions of any length: what the page weighs, how long the server takes, when its tail can be seen in a browser. */
import type { Browser } from "playwright";
import type { Place } from "./place.ts";
import { secondsUntilTappable } from "./tappable.ts";

export interface PageWeight {
  readonly plain: number;
  /** As Chromium asks for it: brotli. */
  readonly packed: number;
  /** From the request to the last byte, ms, one figure a run. */
  readonly took_ms: readonly number[];
}

export async function weighPage(place: Place, path: string, runs: number): Promise<PageWeight> {
  const took_ms: number[] = [];
  const get = async (encoding: string) => {
    const headers = { ...place.headers, accept: "text/html", "accept-encoding": encoding };
    const answer = await fetch(`${place.server.url}${path}`, { headers, decompress: false } as RequestInit);
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return (await answer.arrayBuffer()).byteLength;
  };
  let packed = 0;
  for (let i = 0; i < runs; i++) {
    const began = performance.now();
    packed = await get("gzip, deflate, br, zstd");
    took_ms.push(performance.now() - began);
  }
  return { plain: await get("identity"), packed, took_ms };
}

/** Seconds until the newest item is in view. */
export const secondsUntilTail = (browser: Browser, url: string): Promise<number> =>
  secondsUntilTappable(browser, url, null, "#transcript > li:last-child");
