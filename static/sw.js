/**
 * The service worker. It answers one thing: a page that was asked for and did not come. Then it shows the page that says so,
 * which it keeps with its style and script, and nothing else: no page, no state, no answer of the server is ever kept, and
 * streams, posts and fragments do not pass through here. The server fills in KEPT; a new list is a new worker.
 */
const KEPT = [];
const NAME = `kept ${KEPT.join(" ")}`;
/** The offline page comes first. */
const [OFFLINE] = KEPT;

self.addEventListener("install", (event) => {
  const keep = async () => {
    const cache = await caches.open(NAME);
    for (const address of KEPT) {
      const answer = await fetch(address, { cache: "reload" });
      // An edge may answer with its own sign-in page; that is not to be kept.
      if (!answer.ok || answer.redirected) throw new Error(`${address}: ${answer.status}`);
      await cache.put(address, answer);
    }
    await self.skipWaiting();
  };
  event.waitUntil(keep());
});

self.addEventListener("activate", (event) => {
  const tidy = async () => {
    for (const name of await caches.keys()) if (name !== NAME) await caches.delete(name);
    // The page is asked for while the worker is still being started.
    await self.registration.navigationPreload?.enable();
  };
  event.waitUntil(tidy());
});

self.addEventListener("fetch", (event) => {
  const { request, preloadResponse } = event;
  if (request.method !== "GET") return;
  if (request.mode === "navigate" && request.destination === "document") {
    const page = async () => {
      try {
        return (await preloadResponse) ?? (await fetch(request));
      } catch {
        return (await caches.match(OFFLINE)) ?? Response.error();
      }
    };
    event.respondWith(page());
    event.waitUntil(endWhereUnwanted());
  } else if (KEPT.includes(new URL(request.url).pathname))
    event.respondWith(caches.match(request).then((kept) => kept ?? fetch(request)));
});

/** Between two questions whether the server still has a worker, ms. */
const ASK_EVERY = 10000;
let asked = 0;
/** The way back: a server that has no worker any more ends this one, and all that it kept. */
async function endWhereUnwanted() {
  if (Date.now() - asked < ASK_EVERY) return;
  asked = Date.now();
  const { status } = await fetch("/sw.js", { method: "HEAD", cache: "no-store" }).catch(() => ({}));
  if (status !== 404 && status !== 410) return;
  await self.registration.unregister();
  for (const name of await caches.keys()) await caches.delete(name);
}
