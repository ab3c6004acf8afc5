/** `GET /status` as a terminal asks for it: at rest, and with the most that it has to say. */
import type { Place } from "./place.ts";

const WAIT_MS = 15_000;

/** In a lab that it breaks and cycles. Bytes of the body by what was true then. */
export async function statusBytes(place: Place): Promise<Record<string, number>> {
  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(`${place.server.url}${path}`, {
      ...init,
      headers: { accept: "text/plain", "sec-fetch-site": "same-origin", ...place.headers },
    });
    return Buffer.byteLength(await answer.text());
  };
  const until = async (words: RegExp) => {
    for (const began = performance.now(); performance.now() - began < WAIT_MS; await Bun.sleep(100))
      if (words.test(await (await fetch(`${place.server.url}/status`, { headers: { accept: "text/plain" } })).text()))
        return;
    throw new Error(`/status never said ${words}`);
  };
  await until(/running/);
  const healthy = await ask("/status");
  await ask("/lab/fault", { method: "POST", body: new URLSearchParams({ fault: "qemu_wedged" }) });
  await until(/frozen/i);
  const wedged = await ask("/status");
  const cycle = ask("/api/pve/cycle", { method: "POST" });
  await until(/cycle/);
  const cycling = await ask("/status");
  await cycle;
  const after = await ask("/status");
  return { "at rest": healthy, wedged, "during a cycle": cycling, afterwards: after };
}
