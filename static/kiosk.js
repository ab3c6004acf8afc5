/**
 * The wall board's script. It keeps the stream whatever happens to server, link and device, keeps the screen on where that is
 * allowed, and lets times tick. Nobody will touch this page for months: every way ends in another try, and it loads itself
 * anew only when the server has just answered.
 */
(() => {
  const $ = (id) => document.getElementById(id);
  const { body } = document;
  const beat = +body.dataset.hb;
  const begun = performance.timeOrigin + (performance.getEntriesByType("navigation")[0]?.responseStart || 0);
  let skew = +$("board").dataset.now - begun;
  let source = null;
  let heard = Date.now();
  let opened = 0;
  let tries = 0;
  let waiting = 0;
  let lost = 0;

  const hour = (at) => new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const lamp = (name, words) => {
    const link = $("link");
    if (link.textContent === words) return;
    link.className = name;
    link.textContent = words;
  };
  const alive = () => {
    heard = Date.now();
    lost = 0;
    // A stream that is cut right after its first word must not be asked for twice a second.
    if (heard - opened > 10000) tries = 0;
    body.classList.remove("lost");
    lamp("live", "live");
  };
  const dead = (name, words) => {
    lost ||= Math.min(heard, Date.now());
    body.classList.add("lost");
    lamp(name, `${words} since ${hour(lost)}; what stands here is old`);
  };
  // Two servers behind one edge may differ: a page that is young stays.
  const renew = () => performance.now() > 10000 && location.reload();

  const draw = ({ data }) => {
    alive();
    const box = document.createElement("template");
    box.innerHTML = data;
    for (const piece of [...box.content.children]) {
      if (piece.id === "board") {
        skew = +piece.dataset.now - Date.now();
        if (piece.dataset.made !== $("board").dataset.made) renew();
      }
      $(piece.id)?.replaceWith(piece);
    }
    tick();
  };
  const connect = () => {
    source?.close();
    heard = opened = Date.now();
    source = new EventSource("/kiosk/stream");
    source.onmessage = draw;
    source.onerror = later;
    for (const name of ["caught-up", "hb"]) source.addEventListener(name, alive);
    source.addEventListener("restarting", () => lamp("restarting", "server restarting"));
  };
  // An EventSource tells no status and gives up on some: the page is asked for first, as a browser would.
  const later = () => {
    source?.close();
    source = null;
    if (waiting) return;
    if (tries > 0 || Date.now() - heard > beat) dead("dead", navigator.onLine ? "no link" : "offline");
    waiting = setTimeout(again, Math.min(30000, 500 * 2 ** tries++) * (0.7 + Math.random() * 0.6));
  };
  const again = async () => {
    clearTimeout(waiting);
    waiting = -1;
    const limit = new AbortController(); // old tablets have no AbortSignal.timeout
    setTimeout(() => limit.abort(), 15000);
    const ask = { method: "HEAD", redirect: "manual", cache: "no-store", signal: limit.signal };
    const { ok, status, type } = await fetch("/kiosk", ask).catch(() => ({}));
    waiting = 0;
    // Signed out, here or at the edge: the way in is a page, so that is shown, but not by every try.
    if (status === 401 || status === 403 || type === "opaqueredirect") {
      if (tries > 5) renew();
      later();
      dead("out", "signed out");
    } else if (!ok) later();
    else if (tries > 9) renew();
    else connect();
  };

  const wake = async () => {
    if (document.hidden) return;
    const says = await navigator.wakeLock?.request("screen").then(
      (lock) => {
        lock.onrelease = () => setTimeout(wake, 60000);
        return "Keeps this screen on.";
      },
      () => "This device refuses to keep the screen on: set its own screen timeout to never.",
    );
    $("awake").textContent = says || "The screen is kept on over https only: set its own screen timeout to never.";
  };

  const two = (n) => String(n).padStart(2, "0");
  const ago = (s) => {
    if (s < 60) return `${s} s ago`;
    if (s < 3600) return `${Math.floor(s / 60)} min ago`;
    return s < 172800 ? `${Math.floor(s / 3600)} h ago` : `${Math.floor(s / 86400)} d ago`;
  };
  const run = (s) => `${s < 3600 ? "" : `${Math.floor(s / 3600)}:`}${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  const tick = () => {
    const now = Date.now() + skew;
    for (const time of document.getElementsByTagName("time")) {
      const at = time.parentNode.id === "clock" ? now : Date.parse(time.dateTime);
      const s = Math.max(0, Math.floor((now - at) / 1000));
      const words = time.className === "at" ? hour(at) : time.className === "clock" ? run(s) : ago(s);
      if (time.firstChild.nodeValue !== words) time.firstChild.nodeValue = words;
    }
    for (const { dataset, classList } of document.querySelectorAll(".target"))
      classList.toggle("stale", !dataset.heard || now - dataset.heard > 120000);
    body.className = body.className.replace(/place-\d/, `place-${Math.floor(now / 60000) % 8}`);
    // Only silence tells of a half-open link, and of a sleep. Once a day everything begins anew.
    if (source && Date.now() - heard > 1.8 * beat) later();
    if (performance.now() > 864e5 && lost === 0 && source) renew();
  };

  document.addEventListener("visibilitychange", () => document.hidden || wake());
  addEventListener("online", () => waiting > 0 && again());
  document.querySelector("#clock small").textContent = "";
  wake();
  connect();
  tick();
  setInterval(tick, 1000);
})();
