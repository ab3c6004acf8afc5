/**
 * What a phone wants besides: the service worker that answers when nothing else does, installed well after the first screen,
 * and a composer that an on-screen keyboard does not cover. In the bundle of every page that has a script.
 */
(() => {
  /** The link is busy enough until then, ms. */
  const LATER = 4000;
  addEventListener("load", () => setTimeout(() => navigator.serviceWorker?.register("/sw.js").catch(() => {}), LATER));
  try {
    sessionStorage.removeItem("no answer since"); // of offline.js: there was one
  } catch {}

  // Where the keyboard makes the page smaller (the viewport asks for that) nothing is covered; on iOS it lies over the page.
  const view = window.visualViewport;
  const composer = document.getElementById("composer");
  const lift = () => {
    const covered = Math.round(innerHeight - view.height - view.offsetTop);
    composer.style.bottom = view.scale === 1 && covered > 60 ? `${covered}px` : "";
  };
  if (!view || !composer) return;
  view.addEventListener("resize", lift);
  view.addEventListener("scroll", lift);
})();
