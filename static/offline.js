/** The script of the page that the service worker keeps: since when, and trying again. It knows nothing of the VM. */
(() => {
  const KEY = "no answer since";
  let since = Date.now();
  try {
    since = Number(sessionStorage.getItem(KEY)) || since;
    sessionStorage.setItem(KEY, String(since));
  } catch {} // storage may be forbidden; then it is since this page
  const time = document.getElementById("since");
  time.dateTime = new Date(since).toISOString();
  time.textContent = new Date(since).toLocaleTimeString();

  // A page that did not come was only asked for, so that asking again changes nothing anywhere.
  const again = () => location.reload();
  // Anything that answers will do, also an edge that wants a sign-in: `manual` tells a redirect from silence.
  const look = () =>
    fetch("/health", { redirect: "manual", cache: "no-store" }).then(
      (answer) => (answer.ok || answer.type === "opaqueredirect") && again(),
      () => {},
    );
  document.getElementById("again").addEventListener("click", () => {
    document.getElementById("trying").textContent = "Trying…";
    again();
  });
  addEventListener("online", look);
  setInterval(look, 30000);
})();
