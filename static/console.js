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

  // --- The edge's own sign-in -----------------------------------------------------------------------------------
  // Where it has ended, the edge answers in our place: by a redirect, its page with a 200, or nothing with a 204. htmx would put that
  // on the page and empty the draft, and hx-sse takes it for a stream and comes back twice a second for ever. To both it is a 401.
  const ask = window.fetch;
  window.fetch = async (to, how) => {
    const got = await ask(to, { ...how, redirect: "manual" });
    const is = got.headers.get("Content-Type") || "";
    const isForeign = async () => {
      if (/\/stream\?/.test(to)) return got.ok && !is.startsWith("text/event-stream");
      if (!got.ok && got.status !== 401 && got.status !== 403) return false;
      // What we send to htmx are parts of a page.
      return !is.startsWith("text/html") || /^\s*<(!doctype|html)/i.test(await got.clone().text());
    };
    if (got.type !== "opaqueredirect" && !(await isForeign())) return got;
    const words = `<p>You are signed out, and nothing was done. What you typed is kept. <a href="">Sign in</a></p>`;
    return new Response(words, { status: 401, headers: { "Content-Type": "text/html" } });
  };

  // --- The lamp -------------------------------------------------------------------------------------------------
  let connection = null;
  let heard = Date.now();
  let signedOut = false;
  let gone = false;
  let comesBack = 0; // until then a server that said goodbye is starting again, and not lost
  const isCut = () => !gone && /dead|restarting/.test($("link").className);
  const lamp = (name, words) => {
    const link = $("link");
    if (link.textContent !== words) {
      link.className = name;
      link.textContent = words;
    }
    // Power says beforehand what a tap would come to. Its words stand in a line that is always there: nothing moves.
    document.body.classList.toggle("cut", isCut());
    const cap = document.querySelector("#power .cap");
    const says = isCut() ? `${words}: will not be sent` : affects;
    if (cap && cap.textContent !== says) cap.textContent = says;
  };
  const affects = document.querySelector("#power .cap")?.textContent;
  const offline = () => navigator.onLine === false;
  const live = () => {
    comesBack = 0;
    lamp("live", "live");
    if (away) say(`Current again. What stood here was ${ago(away)}.`.replace(" ago.", " old."));
    away = 0;
  };
  const dead = () => {
    if (signedOut || gone) return;
    if (offline()) lamp("dead off", "offline");
    else if (Date.now() < comesBack) lamp("restarting", "restarting");
    else lamp("dead", "no link");
  };
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
    else {
      if (status === 503) comesBack = Date.now() + 5000;
      dead();
    }
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
    lamp("catching", away ? `catching up, ${ago(away).replace("ago", "behind")}` : "catching up");
  });
  on(list, "htmx:sse:before:message", () => {
    heard = Date.now();
  });
  // A heartbeat follows a replay only, so it says "live" as well where a caught-up was lost with its link.
  on(list, "caught-up hb", live);
  on(list, "restarting", () => {
    comesBack = Date.now() + 20000;
    dead();
  });
  on(list, "htmx:sse:error", (e) => {
    trouble(e.detail.status);
    // Who signs in comes back to this page, and is seen; until then an edge is not to be asked more often than 12 times a minute.
    const config = e.detail.connection?.config;
    if (config) config.reconnectMaxDelay = signedOut ? 20000 : htmx.config.sse.reconnectMaxDelay;
  });
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
  // Hidden, the stream is closed by hx-sse; shown, it waits before it asks, and a person has waited already.
  let away = 0;
  on(document, "visibilitychange", () => {
    if (document.hidden) return;
    const s = Math.round((Date.now() - heard) / 1000);
    if (s > 2) away = s;
    // Silence was ours: from now on a live server has 6 s to be heard.
    heard = Date.now() - Math.max(0, 1.8 * heartbeat - 6000);
    if (away && !isCut()) lamp("", `${ago(away).replace(" ago", " old")}, reconnecting…`);
    setTimeout(again);
  });
  // Half-open links say nothing; only silence tells. Cancelling the reader makes hx-sse come back with its last id.
  const watch = () => {
    if (document.hidden || Date.now() - heard < 1.8 * heartbeat) return;
    dead();
    connection?.reader?.cancel().catch(() => {});
  };
  // So often that it is noticed within two heartbeats, however short they are.
  setInterval(watch, Math.min(1000, heartbeat / 10));

  // --- Notices --------------------------------------------------------------------------------------------------
  let noticeEnds = 0;
  const clearNotice = () => $("notice").replaceChildren();
  function say(words, link) {
    const line = document.createElement("p");
    line.append(words);
    if (link) {
      const a = document.createElement(link.href ? "a" : "button");
      if (link.href) a.href = link.href;
      else Object.assign(a, { type: "button", onclick: link.act });
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
    const { ctx } = e.detail;
    if (!ctx || ctx.sourceElement === list) return;
    const words =
      "No answer came, and nothing is queued. The same tap again is the same request: it does not run twice. ";
    say(words, ctx.sourceElement.id === "composer" && { text: "Try again", act: () => sendAgain(ctx.request.body) });
  });

  // --- Asking before power --------------------------------------------------------------------------------------
  const dialog = $("confirm");
  dialog.innerHTML = dialog.firstChild.data; // as the server wrote it: a comment, for text browsers know no dialog
  let opened = 0;
  // biome-ignore lint/performance/useDomNodeTextContent: innerText leaves out what is not shown, and textContent does not
  const text = (selector) => document.querySelector(selector)?.innerText.replace(/\s+/g, " ").trim() || "";
  let asking = null; // the form whose question is open
  const fill = () => {
    const then = text("#state .then");
    const lines = [`${then || "State:"} ${text("#state h2")} (${text("#state .because")})`];
    const known = JSON.parse($("state").dataset.known || "[]").filter(
      ([, verbs]) => asking && (!verbs || verbs.split(" ").includes(asking.id)),
    );
    $("confirm-known").replaceChildren(
      ...known.map(([says, , at]) => {
        const li = document.createElement("li");
        li.append(at ? `${says} ${ago(Math.max(0, Math.floor((now() - Date.parse(at)) / 1000)))}.` : says);
        return li;
      }),
    );
    const isLive = $("link").className === "live";
    const held = !!document.querySelector("#running.held");
    if (held) lines.unshift(`Held: ${$("running").textContent}.`);
    if (!isLive) lines.unshift("The link is not live. This is sent now or not at all; it is never queued.");
    $("confirm-state").textContent = lines.join(" ");
    $("confirm-yes").hidden = held && isLive;
  };
  on(document, "htmx:confirm", (e) => {
    e.preventDefault();
    const { ctx, issueRequest, dropRequest } = e.detail;
    const form = ctx.sourceElement;
    // A locked VM is nothing for two taps: the confirmation page asks for the lock by its name. Safari before 15.4 has no
    // dialog: there the page asks, as it does without a script.
    if (!dialog.showModal || ($("state").dataset.lock && /^(stop|reset|cycle)$/.test(form.id))) {
      dropRequest();
      location.href = `${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`;
      return;
    }
    const [, question, more] = /^(.*?\?)?\s*(.*)$/s.exec(ctx.confirm);
    $("confirm-says").textContent = question || more;
    $("confirm-more").textContent = question ? more : "";
    $("confirm-yes").textContent = ctx.sourceElement.dataset.yes || "Yes";
    asking = form.closest("#power") ? form : null;
    fill();
    const box = (ctx.sourceEvent.submitter || ctx.sourceElement).getBoundingClientRect();
    dialog.classList.toggle("up", box.top + box.height / 2 > innerHeight / 2);
    dialog.returnValue = "";
    const turn = $("confirm-turn");
    turn.hidden = !document.querySelector("#turn.running");
    dialog.onclose = () => {
      if (dialog.returnValue !== "yes") {
        confirming("0");
        return dropRequest();
      }
      if (!turn.hidden && turn.querySelector("input").checked) ctx.request.body.set("stop_turns", "1");
      if (isCut()) reach(dialog.querySelector("#confirm-yes").textContent, issueRequest, dropRequest);
      else issueRequest();
    };
    dialog.showModal();
    opened = Date.now();
    confirming("1");
  });
  // The server is told, and not waited for: while the question is open the agent starts nothing on this VM.
  const confirming = (open) => {
    if (!asking) return;
    const { target, request_id } = asking.elements;
    const said = { target: target.value, verb: asking.id, request_id: request_id.value, open };
    navigator.sendBeacon?.("/api/confirming", new URLSearchParams(said));
  };
  setInterval(() => dialog.open && confirming("1"), 20000);
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
      else if (!anchor) shorten();
    });
  });
  // A page that is open for days: what is far above the end leaves it, and Earlier brings it again.
  const shorten = () => {
    const items = [...list.children].filter((li) => li.id !== "earlier");
    if (items.length < 180) return;
    let first = items.length - 120;
    while (items[first] && !/^e\d+$/.test(items[first].id)) first++;
    if (!items[first]) return;
    for (const item of items.slice(0, first)) item.querySelector(".answers") || item.remove();
    const seq = items[first].id.slice(1);
    const before = document.querySelector("#earlier [name=before]");
    if (before) before.value = seq;
    else {
      $("earlier")?.remove();
      const li = document.createElement("li");
      const button = document.createElement("button");
      const at = composer.getAttribute("action").split("/")[3];
      li.id = "earlier";
      button.textContent = "Earlier";
      button.className = "quiet";
      for (const [name, value] of [
        ["get", `/sessions/${at}?before=${seq}`],
        ["target", "#earlier"],
        ["swap", "outerHTML"],
      ])
        button.setAttribute(`hx-${name}`, value);
      li.append(button);
      list.prepend(li);
      htmx.process(li);
    }
  };
  // The line being read outlives a reload and a new sign-in, as the draft does.
  const place = `place ${$("composer").getAttribute("action")}`;
  on(window, "pagehide", () => keep(place, anchor?.item.id ? `${anchor.item.id} ${anchor.top}` : ""));

  // --- Writing --------------------------------------------------------------------------------------------------
  const composer = $("composer");
  const prompt = $("prompt");
  const key = `draft ${composer.getAttribute("action")}`;
  function keep(key, value) {
    try {
      value ? sessionStorage.setItem(key, value) : sessionStorage.removeItem(key);
    } catch {} // storage may be forbidden; the draft then lives as long as the page
  }
  try {
    prompt.value ||= sessionStorage.getItem(key) || "";
    const [item, top] = (sessionStorage.getItem(place) || "").split(" ");
    if (item && $(item)) log.scrollTop += $(item).getBoundingClientRect().top - top;
  } catch {}
  on(prompt, "input", () => keep(key, prompt.value));
  on(prompt, "keydown", (e) => {
    if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
    e.preventDefault();
    $("turn-send")?.click();
  });
  let resend = null;
  /** What was sent, to the letter and with its own id, whatever was written since. */
  const sendAgain = (body) => {
    resend = body;
    prompt.value ||= body.get("prompt");
    $("turn-send")?.click();
  };
  on(composer, "htmx:config:request", (e) => {
    const { ctx } = e.detail;
    if (!resend || ctx.sourceElement !== composer) return;
    for (const [name, value] of resend) ctx.request.body.set(name, value);
    resend = null;
  });
  on(composer, "htmx:after:request", (e) => {
    const { ctx } = e.detail;
    if (ctx.sourceElement !== composer) return;
    // Another text under an id that is used up: the server said so, and the next tap is a request of its own.
    if (ctx.response.status === 422) composer.querySelector("[name=request_id]").value = "";
    if (ctx.response.status >= 400) return;
    if (prompt.value === ctx.request.body.get("prompt")) prompt.value = "";
    keep(key, prompt.value);
  });

  // --- Taps: acknowledged at once, and a double tap never reaches what took the place of the first ----------------
  let changed = 0;
  let slot = { x: 0, y: 0, at: 0 };
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
      pressed = button;
      if (e.isTrusted && button.closest("#turn")) {
        // The second of a double tap comes to the same spot; and whoever has words to send was on the way to Send.
        const same = Math.hypot(e.clientX - slot.x, e.clientY - slot.y) < 24;
        const own = changed - slot.at < 5000;
        slot = { x: e.clientX, y: e.clientY, at: Date.now() };
        if (Date.now() - changed < 350 && (same || (!own && prompt.value))) {
          e.preventDefault();
          return e.stopImmediatePropagation();
        }
      }
      button.classList.add("tapped");
      setTimeout(() => button.classList.remove("tapped"), 400);
      if (e.isTrusted) navigator.vibrate?.(10);
      if (!isCut() || button === reached || button.type !== "submit" || !button.form || dialog.contains(button)) return;
      e.preventDefault();
      e.stopImmediatePropagation();
      const go = () => {
        reached = button;
        button.click();
        reached = null;
      };
      reach(button.firstChild.textContent, go, () => {});
    },
    true,
  );
  // Safari before 15.4 does not tell which button sent a form, and htmx asks the event: Allow and Deny are two of one form.
  let pressed = null;
  const sentBy = (e) =>
    "submitter" in e || Object.assign(e, { submitter: pressed?.form === e.target ? pressed : null });
  on(document, "submit", sentBy, true);
  // A request on a dead link would lie in the phone and might go out much later. So the server is looked for first.
  let reached = null;
  function reach(what, go, drop) {
    const never = `“${what.trim()}” was not sent: ${offline() ? "this device is offline" : "the server does not answer"}. Nothing is queued; tap again when the link is live.`;
    if (offline()) {
      drop();
      return say(never);
    }
    say(`The link is not live. “${what.trim()}” will not be sent unless the server answers now…`);
    // Not AbortSignal.timeout, which Safari before 16 lacks: without a limit the tap would go out when nobody expects it.
    const limit = new AbortController();
    setTimeout(() => limit.abort(), 4000);
    ask("/health", { cache: "no-store", signal: limit.signal })
      .then((answer) => answer.ok)
      .catch(() => false)
      .then((there) => {
        again();
        if (there) clearNotice();
        else say(never);
        (there ? go : drop)();
      });
  }
  const busy = (e, is) => {
    const { ctx } = e.detail;
    if (ctx.sourceElement === list) return;
    const button = ctx.sourceEvent?.submitter || ctx.sourceElement.querySelector("button") || ctx.sourceElement;
    is ? button.setAttribute("aria-busy", "true") : button.removeAttribute("aria-busy");
  };
  on(document, "htmx:before:request", (e) => busy(e, true));
  on(document, "htmx:finally:request", (e) => busy(e, false));
  on(document, "touchstart", () => {}, { passive: true }); // iOS shows :active only with a listener

  // --- Copying: one button, which goes to the output that is pointed at, tapped or focused --------------------------
  const copy = document.createElement("button");
  Object.assign(copy, { type: "button", id: "copy", textContent: "Copy" });
  let copied = null;
  on(log, "pointerover click focusin", (e) => {
    const pre = e.target.closest?.("pre");
    if (!pre || (pre === copied && copy.isConnected) || dialog.open) return;
    copied = pre;
    copy.textContent = "Copy";
    pre.after(copy);
  });
  on(copy, "click", async () => {
    const done = () => {
      copy.textContent = "Copied";
    };
    // Over plain http there is no clipboard to write to; what is selected can still be copied.
    if (navigator.clipboard) return navigator.clipboard.writeText(copied.textContent).then(done, () => {});
    getSelection().selectAllChildren(copied);
    if (document.execCommand("copy")) done();
  });

  // --- Time: the same words as views/time.tsx ---------------------------------------------------------------------
  const two = (n) => String(n).padStart(2, "0");
  const ago = (s) => {
    if (s < 60) return `${s} s ago`;
    if (s < 3600) return `${Math.floor(s / 60)} min ago`;
    return s < 172800 ? `${Math.floor(s / 3600)} h ago` : `${Math.floor(s / 86400)} d ago`;
  };
  const hours = (s) => (s < 3600 ? "" : `${Math.floor(s / 3600)}:`);
  const clock = (s) => `${hours(s)}${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  // What is old may not pass for what is true now: its age goes in front of it (views/state.tsx).
  const grewOld = (newest) => {
    const state = $("state");
    const old = now() - Date.parse(newest.dateTime) > 60000;
    state.classList.toggle("stale", old);
    if (!old || state.querySelector(".then")) return;
    const then = document.createElement("p");
    then.className = "then";
    then.append("Last heard ", newest.cloneNode(true), "; ask again with status:");
    state.prepend(then);
  };
  const tick = () => {
    lamp($("link").className, $("link").textContent);
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
    if (newest) grewOld(newest);
    if (dialog.open) fill();
  };
  setInterval(tick, 1000);
  tick();
})();
