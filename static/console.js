/**
 * The console's own script, bundled behind htmx and hx-sse into one file. It keeps the lamp honest, asks before power,
 * keeps what was typed, and lets ages tick. It draws nothing of the server's: that is the stream's work. No eval, no style
 * attributes: it runs under `script-src 'self'`. Event names are htmx 4's.
 */
(() => {
  const $ = (id) => document.getElementById(id);
  const list = $("transcript");
  if (!list) return;
  const on = (target, names, then, how) => {
    for (const name of names.split(" ")) target.addEventListener(name, then, how);
  };
  const heartbeat = +list.dataset.hb || 20000;

  // The server's clock: ages are of its entries, whatever the phone believes.
  const begun = performance.timeOrigin + (performance.getEntriesByType("navigation")[0]?.responseStart || 0);
  const skew = +document.body.dataset.now - begun;
  const now = () => Date.now() + skew;

  // --- The lamp -------------------------------------------------------------------------------------------------
  let connection = null;
  let heard = Date.now();
  let signedOut = false;
  let gone = false;
  const lamp = (name, words) => {
    const link = $("link");
    if (link.textContent === words) return;
    link.className = name;
    link.textContent = words;
  };
  const live = () => lamp("live", "live");
  const dead = () => signedOut || gone || lamp("dead", navigator.onLine === false ? "offline" : "no link");
  const trouble = (status) => {
    if (status === 401 || status === 403) {
      if (!signedOut) say("You are signed out. What you typed is kept. ", { href: location.href, text: "Sign in" });
      signedOut = true;
      lamp("out", "signed out");
    } else if (status === 404) {
      // Asking again would never help: the server knows no such session.
      gone = true;
      lamp("dead", "no such session");
      say("This session is not on the server any more. ", { href: "/", text: "Open a fresh one" });
    } else if (status === 409 || status === 410) location.reload();
    else if (status === 503) lamp("restarting", "restarting");
    else dead();
  };
  lamp("", "connecting…");
  on(list, "htmx:sse:before:connection", (e) => {
    if (gone) return e.preventDefault();
    if (e.detail.connection.attempt > 0 && $("link").className === "live") lamp("", "reconnecting…");
  });
  on(list, "htmx:sse:after:connection", (e) => {
    connection = e.detail.connection;
    heard = Date.now();
    if (signedOut) clearNotice();
    signedOut = false;
    lamp("catching", "catching up");
  });
  on(list, "htmx:sse:before:message", () => {
    heard = Date.now();
  });
  // A heartbeat follows a replay only, so it says "live" as well where a caught-up was lost with its link.
  on(list, "caught-up hb", live);
  on(list, "restarting", () => lamp("restarting", "restarting"));
  on(list, "htmx:sse:error", (e) => trouble(e.detail.status));
  // The first connect goes through htmx's core, which tells its failures by other names and comes back every 3 s.
  on(list, "htmx:response:error", (e) => e.target === list && trouble(e.detail.ctx.response.status));
  on(list, "htmx:error", (e) => e.target === list && trouble(0));
  let tried = 0;
  on(list, "htmx:before:request", (e) => {
    if (e.target !== list) return;
    if (gone || (signedOut && Date.now() - tried < 15000)) return e.preventDefault();
    tried = Date.now();
  });
  const again = () => connection?.delayCanceller?.();
  on(window, "online", again);
  on(window, "offline", dead);
  on(document, "visibilitychange", () => document.hidden || again());
  // Half-open links say nothing; only silence tells. Cancelling the reader makes hx-sse come back with its last id.
  const watch = () => {
    if (document.hidden || Date.now() - heard < 1.8 * heartbeat) return;
    dead();
    connection?.reader?.cancel().catch(() => {});
  };

  // --- Notices --------------------------------------------------------------------------------------------------
  let noticeEnds = 0;
  const clearNotice = () => $("notice").replaceChildren();
  function say(words, link) {
    const line = document.createElement("p");
    line.append(words);
    if (link) {
      const a = document.createElement("a");
      a.href = link.href;
      a.textContent = link.text;
      line.append(a);
    }
    $("notice").replaceChildren(line);
    noticeEnds = link ? Infinity : Date.now() + 12000;
  }
  on(document, "htmx:before:request", (e) => e.target !== list && !signedOut && clearNotice());
  on(document, "htmx:response:error", (e) => {
    if (e.detail.ctx.sourceElement !== list)
      noticeEnds = e.detail.ctx.response.status === 401 ? Infinity : Date.now() + 12000;
  });
  on(document, "htmx:error", (e) => {
    if (!e.detail.ctx || e.detail.ctx.sourceElement === list) return;
    say("No answer came, and nothing is queued. The same tap again is the same request: it does not run twice.");
  });

  // --- Asking before power --------------------------------------------------------------------------------------
  const dialog = $("confirm");
  let opened = 0;
  // biome-ignore lint/performance/useDomNodeTextContent: innerText leaves out what is not shown, and textContent does not
  const text = (selector) => document.querySelector(selector)?.innerText.replace(/\s+/g, " ").trim() || "";
  const fill = () => {
    const lines = [`State: ${text("#state h2")} (${text("#state .because")})`];
    const isLive = $("link").className === "live";
    const held = !!document.querySelector("#running.held");
    if (held) lines.unshift(`Held: ${$("running").textContent}.`);
    if (!isLive) lines.unshift("The link is not live. This is sent now or not at all; it is never queued.");
    $("confirm-state").textContent = lines.join(" ");
    $("confirm-yes").hidden = held && isLive;
  };
  on(document, "htmx:confirm", (e) => {
    if (!dialog.showModal) return; // no <dialog>: htmx asks with window.confirm
    e.preventDefault();
    const { ctx, issueRequest, dropRequest } = e.detail;
    const form = ctx.sourceElement;
    // A locked VM is nothing for two taps: the confirmation page asks for the lock by its name.
    if ($("state").dataset.lock && /^(stop|reset|cycle)$/.test(form.id)) {
      dropRequest();
      location.href = `${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`;
      return;
    }
    const [, question, more] = /^(.*?\?)?\s*(.*)$/s.exec(ctx.confirm);
    $("confirm-says").textContent = question || more;
    $("confirm-more").textContent = question ? more : "";
    $("confirm-yes").textContent = ctx.sourceElement.dataset.yes || "Yes";
    fill();
    const box = (ctx.sourceEvent.submitter || ctx.sourceElement).getBoundingClientRect();
    dialog.classList.toggle("up", box.top + box.height / 2 > innerHeight / 2);
    dialog.returnValue = "";
    const turn = $("confirm-turn");
    turn.hidden = !document.querySelector("#turn.running");
    dialog.onclose = () => {
      if (dialog.returnValue !== "yes") return dropRequest();
      if (!turn.hidden && turn.querySelector("input").checked) ctx.request.body.set("stop_turns", "1");
      issueRequest();
    };
    dialog.showModal();
    opened = Date.now();
  });
  // The second tap of a double tap lands on the backdrop: it must not take the question away again.
  on(dialog, "click", (e) => e.target === dialog && Date.now() - opened > 600 && dialog.close(""));

  // --- What comes in --------------------------------------------------------------------------------------------
  on(document, "htmx:after:request", (e) => {
    // The stream may have replaced the target while the answer was under way.
    const { ctx } = e.detail;
    if (ctx.target?.id && !ctx.target.isConnected) ctx.target = $(ctx.target.id) || ctx.target;
  });
  on(document, "htmx:before:swap", (e) => {
    const { tasks } = e.detail;
    for (let i = tasks.length - 1; i >= 0; i--) {
      const { fragment } = tasks[i];
      const first = fragment.firstElementChild;
      const old = first?.id && $(first.id);
      // An answer may come after the stream's newer word on the same thing.
      if (old && +first.dataset.seq < +old.dataset.seq) tasks.splice(i, 1);
      else if (tasks[i].type === "main" && tasks[i].target === list)
        for (const item of [...fragment.children]) item.id && $(item.id) && item.remove();
    }
  });
  // The list is reversed: at its end (0) it stays there by itself. Elsewhere the line being read is held where it is.
  const log = $("log");
  let anchor = null;
  let asked = 0;
  on(
    log,
    "scroll",
    () => {
      if (log.scrollTop > -24) anchor = null;
      else {
        const edge = log.getBoundingClientRect().top;
        const item = [...list.children].find((li) => li.getBoundingClientRect().bottom > edge);
        anchor = item && { item, top: item.getBoundingClientRect().top };
      }
    },
    { passive: true },
  );
  on(list, "htmx:after:swap", () => {
    if (asked) return;
    asked = requestAnimationFrame(() => {
      asked = 0;
      if (anchor?.item.isConnected) log.scrollTop += anchor.item.getBoundingClientRect().top - anchor.top;
    });
  });

  // --- Writing --------------------------------------------------------------------------------------------------
  const composer = $("composer");
  const prompt = $("prompt");
  const key = `draft ${composer.getAttribute("action")}`;
  const keep = (value) => {
    try {
      value ? sessionStorage.setItem(key, value) : sessionStorage.removeItem(key);
    } catch {} // storage may be forbidden; the draft then lives as long as the page
  };
  try {
    prompt.value ||= sessionStorage.getItem(key) || "";
  } catch {}
  on(prompt, "input", () => keep(prompt.value));
  on(prompt, "keydown", (e) => {
    if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
    e.preventDefault();
    $("turn-send")?.click();
  });
  on(composer, "htmx:after:request", (e) => {
    const { ctx } = e.detail;
    if (ctx.sourceElement !== composer || ctx.response.status >= 400) return;
    if (prompt.value === ctx.request.body.get("prompt")) prompt.value = "";
    keep(prompt.value);
  });

  // --- Taps: acknowledged at once, and a double tap never reaches what took the place of the first ----------------
  let changed = 0;
  let shown = text("#turn button");
  new MutationObserver(() => {
    const shows = text("#turn button");
    if (shows !== shown) changed = Date.now();
    shown = shows;
  }).observe(composer, { childList: true, subtree: true });
  on(
    document,
    "click",
    (e) => {
      const button = e.target.closest?.("button");
      if (!button) return;
      if (e.isTrusted && button.closest("#turn") && Date.now() - changed < 350) {
        e.preventDefault();
        return e.stopImmediatePropagation();
      }
      button.classList.add("tapped");
      setTimeout(() => button.classList.remove("tapped"), 400);
    },
    true,
  );
  on(document, "touchstart", () => {}, { passive: true }); // iOS shows :active only with a listener

  // --- Time: the same words as views/time.tsx ---------------------------------------------------------------------
  const two = (n) => String(n).padStart(2, "0");
  const ago = (s) => {
    if (s < 60) return `${s} s ago`;
    if (s < 3600) return `${Math.floor(s / 60)} min ago`;
    return s < 172800 ? `${Math.floor(s / 3600)} h ago` : `${Math.floor(s / 86400)} d ago`;
  };
  const hours = (s) => (s < 3600 ? "" : `${Math.floor(s / 3600)}:`);
  const clock = (s) => `${hours(s)}${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  const tick = () => {
    watch();
    if (noticeEnds && Date.now() > noticeEnds) {
      noticeEnds = 0;
      clearNotice();
    }
    if (document.hidden) return;
    for (const time of document.getElementsByTagName("time")) {
      const at = Date.parse(time.dateTime);
      const left = time.className === "until";
      const s = Math.max(0, Math.floor((left ? at - now() : now() - at) / 1000));
      const words = left || time.className === "clock" ? clock(s) : ago(s);
      if (!time.title) time.title = `${new Date(at).toLocaleString()} (${time.dateTime})`;
      // The text node itself, so that a live region does not take it for something new.
      if (time.firstChild && time.firstChild.nodeValue !== words) time.firstChild.nodeValue = words;
    }
    const newest = document.querySelector("#state .because time");
    if (newest) $("state").classList.toggle("stale", now() - Date.parse(newest.dateTime) > 300000);
    if (dialog.open) fill();
  };
  setInterval(tick, 1000);
  tick();
})();
