/** The wall board and the installable page as far as no browser is needed: what it says, to whom, its stream, its files. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readAssets } from "../../src/console/assets.ts";
import type { Board, OnBoard } from "../../src/console/board.ts";
import { KioskPage } from "../../views/kiosk.tsx";
import { kioskText } from "../../views/kiosk-text.ts";
import { openTestConsole, type TestConsole } from "../support/console.ts";
import { caughtUp, readSse } from "../support/sse.ts";
import { actions, happened, NOW, states, target } from "../views/samples.tsx";

setDefaultTimeout(30_000);

let console_: TestConsole;
beforeAll(async () => {
  console_ = await openTestConsole();
});
afterAll(() => console_.close());

const ask = (path: string, accept = "text/html", headers = {}) =>
  console_.ask(path, { headers: { accept, ...headers } });
const fromOurPage = { "sec-fetch-site": "same-origin", "content-type": "application/json" };

test("the board only reads: no form, no button, no request id, no script but its own, and a browser without one reloads it", async () => {
  const answer = await ask("/kiosk");
  expect(answer.status).toBe(200);
  const html = await answer.text();
  expect(html).toContain('<section id="t-devvm"');
  expect(html).not.toMatch(/<form|<button|<input|<textarea|request_id|hx-|method=/);
  expect(html.match(/<script/g)).toHaveLength(1);
  expect(html).toContain('<noscript><meta http-equiv="refresh" content="30"/></noscript>');
  expect(html).toContain('href="/?target=devvm"');
  // Whatever is tried at its addresses is refused.
  for (const path of ["/kiosk", "/kiosk/stream"])
    expect((await console_.ask(path, { method: "POST", headers: fromOurPage })).status).toBe(405);
});

test("whoever attaches gets the whole board, then what changes: the state, an action at work, its end", async () => {
  const stream = readSse(await ask("/kiosk/stream", "text/event-stream"));
  await stream.until(caughtUp);
  const told = () => stream.frames.map((frame) => frame.data ?? "");
  await stream.until(() => told().some((data) => data.startsWith('<main id="board"')));
  // Asked for while a board is attached, without any page of the console.
  await stream.until(() => told().some((data) => data.includes("is-running") && data.startsWith("<section")));
  const cycle = await console_.post("/api/pve/cycle", {}, { prefer: "respond-async" });
  expect(cycle.status).toBe(202);
  await stream.until(() => told().some((data) => /<b>cycle<\/b> runs .*by lab/.test(data)));
  await stream.until(() => told().some((data) => data.startsWith('<section id="happened"') && /cycle done/.test(data)));
  const last = told().findLast((data) => data.startsWith('<section id="t-devvm"'))!;
  expect(last).not.toContain("cycle");
  // No printed line of the run is on a board.
  expect(told().join("")).not.toContain("verdict:");
  await stream.cancel();
});

test("two boards are told the same, and one that goes leaves nothing behind", async () => {
  const { kiosk } = console_.parts.kiosk;
  const boards = await Promise.all([0, 1].map(async () => readSse(await ask("/kiosk/stream"))));
  for (const board of boards) await board.until((f) => f.some((x) => x.data?.startsWith('<main id="board"')));
  expect(kiosk.watched).toBe(true);
  for (const board of boards) await board.cancel();
  for (let i = 0; kiosk.watched && i < 200; i++) await Bun.sleep(10);
  expect(kiosk.watched).toBe(false);
});

test("a check and a turn are told by what they came to, and never by what was asked or said", async () => {
  const { session_id } = (await (await console_.post("/api/session")).json()) as { session_id: string };
  const secret = "the password of the database is swordfish";
  const { log } = console_.parts.console;
  const about = "a-turn";
  const stream = `session:${session_id}`;
  const done = { is_error: false, result: secret, duration_ms: 1, cost_usd: null };
  await log.append({ stream, kind: "titled", body: { title: secret, by: "lab" } });
  await log.append({ stream, kind: "prompted", about, body: { text: secret, by: "edge:ann", model: null } });
  await log.append({ stream, kind: "said", about, body: { text: secret } });
  await log.append({ stream, kind: "concluded", about, body: done });
  await log.append({ stream, kind: "turn_ended", about, body: { after_ms: 1 } });
  const findings = [{ level: "bad", says: secret, next: secret }];
  const ended = { name: "disk", findings, readings: [], after_ms: 1 };
  await log.append({ stream, kind: "check_ended", about: "a-check", body: ended });
  const html = await (await ask("/kiosk")).text();
  expect(html).toContain("check Disk: 1 to act on");
  expect(html).toMatch(/the agent(&#39;|')s turn ended<small>for edge:ann/);
  expect(html).not.toContain("swordfish");
});

test("a device that was opened as a wall board has the board and its stream, and nothing else", async () => {
  const opened = await console_.ask("/access/kiosk", {
    method: "POST",
    body: new URLSearchParams(),
    headers: { accept: "text/html", "sec-fetch-site": "same-origin" },
  });
  expect([opened.status, opened.headers.get("location")]).toEqual([303, "/kiosk"]);
  const cookie = opened.headers.get("set-cookie")!.split(";")[0]!;
  const statuses: Record<string, number> = {};
  for (const path of ["/kiosk", "/kiosk/stream", "/sw.js", "/", "/status", "/sessions", "/api/pve/actions"]) {
    const answer = await ask(path, "text/html", { cookie });
    statuses[path] = answer.status;
    await answer.body?.cancel();
  }
  expect(statuses).toEqual({
    ...{ "/kiosk": 200, "/kiosk/stream": 200, "/sw.js": 200 },
    ...{ "/": 403, "/status": 403, "/sessions": 403, "/api/pve/actions": 403 },
  });
  const headers = { ...fromOurPage, cookie };
  expect((await console_.ask("/api/pve/cycle", { method: "POST", body: "{}", headers })).status).toBe(403);
});

const onBoard = (more: Partial<OnBoard> = {}): OnBoard => ({
  target,
  state: states.frozen,
  action: null,
  turn: null,
  asks: false,
  ...more,
});
const board = (...targets: OnBoard[]): Board => ({ targets, happened: happened(target), made: "x", now: NOW });
const page = (one: Board) =>
  String(
    KioskPage({
      board: one,
      assets: { style: "s", script: "j", icon: "i", touch_icon: "t", manifest: "m" },
      heartbeat_ms: 1,
    }),
  );

test("what was heard long ago is said to be old, and what was never heard is no state", () => {
  const name = (state: OnBoard["state"]) =>
    /<section id="t-devvm" class="([^"]*)"/.exec(page(board(onBoard({ state }))))![1];
  expect(name(states.frozen)).toBe("target is-frozen");
  expect(name({ ...states.frozen, heard_at: NOW - 121_000 })).toBe("target is-frozen stale");
  expect(name(states.unknown)).toBe("target is-unknown stale");
});

test("a terminal gets every target, what is at work and what happened, in 80 columns", () => {
  const other = { ...target, id: "db", name: "the database with a name that goes on and on and on, and then on" };
  const said = kioskText(
    board(
      onBoard({ action: actions.running, turn: { by: "edge:operator", started_at: NOW - 60_000 }, asks: true }),
      onBoard({ target: other, state: { ...states.running, heard_at: NOW - 500_000 } }),
    ),
  );
  for (const line of said.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  for (const part of [
    "devvm (VM 102): frozen",
    "cycle runs 00:34, by edge:operator",
    "the agent asks 01:00",
    "OLD",
    "Triage: 2",
  ])
    expect(said).toContain(part);
});

test("the manifest is whole: scope, names, icons that are there in the size they say, shortcuts that answer", async () => {
  const answer = await ask("/manifest.webmanifest", "*/*");
  expect(answer.headers.get("content-type")).toBe("application/manifest+json");
  const manifest = (await answer.json()) as any;
  expect(manifest).toMatchObject({ display: "standalone", start_url: "./", scope: "./", theme_color: "#0b0e11" });
  const sizes = [];
  for (const icon of manifest.icons) {
    const file = await ask(`/${icon.src}`, "*/*");
    expect([file.status, file.headers.get("content-type")]).toEqual([200, icon.type]);
    if (icon.type !== "image/png") continue;
    // Width and height stand at a fixed place of a PNG.
    const bytes = new DataView(await file.arrayBuffer());
    expect(`${bytes.getUint32(16)}x${bytes.getUint32(20)}`).toBe(icon.sizes);
    sizes.push(`${icon.sizes} ${icon.purpose}`);
  }
  expect(sizes).toEqual(["192x192 any", "512x512 any", "512x512 maskable"]);
  expect(manifest.shortcuts.map((s: any) => s.url)).toEqual(["./status", "./", "./kiosk"]);
  for (const { url } of manifest.shortcuts) expect((await ask(url.slice(1))).status).toBe(200);
});

test("the service worker is asked for anew each time, and may keep three files, each named by its hash, none behind the sign-in", async () => {
  const answer = await ask("/sw.js", "*/*");
  expect([answer.status, answer.headers.get("content-type"), answer.headers.get("cache-control")]).toEqual([
    200,
    "text/javascript; charset=utf-8",
    "no-cache",
  ]);
  const kept = JSON.parse(/const KEPT = (\[.*?\]);/.exec(await answer.text())![1]!) as string[];
  expect(kept.map((path) => path.replace(/-[0-9a-f]{12}\./, "-#."))).toEqual([
    "/static/offline-#.html",
    "/static/offline-#.css",
    "/static/offline-#.js",
  ]);
  for (const path of kept) {
    const file = await ask(path, "*/*", { authorization: "" });
    expect([file.status, file.headers.get("cache-control")]).toEqual([200, "public, max-age=31536000, immutable"]);
  }
  const page = await (await ask(kept[0]!)).text();
  for (const part of [kept[1]!, kept[2]!, "Nothing is known", "No verb was sent", "cold case", "Try again"])
    expect(page).toContain(part);
  const csp = (await ask(kept[0]!)).headers.get("content-security-policy");
  expect(csp).toContain("worker-src 'self'");
});

test("other files make other names, and the same ones the same", () => {
  const [a, b] = [readAssets(), readAssets()];
  expect(a.kiosk).toEqual(b.kiosk);
  expect(a.kiosk.style).toMatch(/^\/static\/kiosk-[0-9a-f]{12}\.css$/);
  expect(a.find(a.kiosk.script)).not.toBeNull();
});
