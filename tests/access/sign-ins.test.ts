/** Who is signed in where: listed, ended here or at the terminal, the wall board's own kind, and the password asked for again. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { IDLE_MS, LONGEST_MS, SignIns, TOKEN_UNKNOWN } from "../../src/access/sign-ins.ts";
import { PROOF_HOLDS_MS } from "../../src/access/step-up.ts";
import { openStore } from "../../src/access/store.ts";
import { cookieOf, type Door, enrolled, FORM, OWN, openDoor, PASSWORD, signInWith, TOKEN } from "../support/door.ts";
import { scrubbed } from "../support/server.ts";

let folder = "";
let doors = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sign-ins-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const door = (env: Record<string, string> = {}, data = join(folder, String(doors++)), at?: { now: number }): Door =>
  openDoor(data, env, at);

interface Listed {
  readonly sign_ins: { id: string; name: string; kind: string; this_one: boolean }[];
}
const listed = async (d: Door, cookie: string) =>
  ((await (await d.ask("/access", { cookie })).json()) as Listed).sign_ins;
const post = (d: Door, path: string, cookie: string, body: Record<string, string> = {}) =>
  d.ask(path, { ...OWN, cookie }, JSON.stringify(body));

test("sign-ins are listed and ended: one, all of mine, everybody's", async () => {
  const d = door();
  const viktor = await enrolled(d, "viktor");
  const phone = cookieOf(await signInWith(d, { name: "viktor", password: PASSWORD }));
  const anna = (await enrolled(d, "anna")).cookie;
  const all = await listed(d, phone);
  expect(all.map(({ name }) => name).sort()).toEqual(["local:anna", "local:viktor", "local:viktor"]);
  expect(all.filter(({ this_one }) => this_one).length).toBe(1);
  const other = all.find(({ name, this_one }) => name === "local:viktor" && !this_one)!;
  await post(d, "/access/revoke", phone, { sign_in: other.id });
  expect((await d.ask("/status", { cookie: viktor.cookie })).status).toBe(401);
  expect((await post(d, "/access/revoke", phone, { sign_in: other.id })).status).toBe(404);
  await post(d, "/access/revoke", phone, { all: "mine" });
  expect([
    (await d.ask("/status", { cookie: phone })).status,
    (await d.ask("/status", { cookie: anna })).status,
  ]).toEqual([401, 200]);
  await post(d, "/access/revoke", anna, { all: "everybody" });
  expect((await d.ask("/status", { cookie: anna })).status).toBe(401);
  expect(d.told.filter(({ is }) => is === "revoked").length).toBe(3);
});

test("revoking twice with one request id is one revocation: the first answer, after a restart as well; another body is refused", async () => {
  const at = { now: Date.UTC(2026, 0, 1) };
  const d = door({}, undefined, at);
  const me = (await enrolled(d, "viktor")).cookie;
  const sign_in = async (name: string) => {
    const cookie = cookieOf(await signInWith(d, { name, password: PASSWORD }));
    return { cookie, id: (await listed(d, cookie)).find(({ this_one }) => this_one)!.id };
  };
  const [other, third] = [await sign_in("viktor"), await sign_in("viktor")];
  const body = { sign_in: other.id, request_id: "revoke-twice-0001" };
  const said = async (at: Door, cookie: string, body: Record<string, string>) => {
    const answer = await post(at, "/access/revoke", cookie, body);
    return [answer.status, await answer.json()];
  };
  const first = [200, { ended: 1, for_good: true }];
  expect(await said(d, me, body)).toEqual(first);
  expect(await said(d, me, body)).toEqual(first);
  expect((await post(d, "/access/revoke", me, { ...body, sign_in: third.id })).status).toBe(422);
  expect((await d.ask("/status", { cookie: third.cookie })).status).toBe(200);
  expect(d.told.filter(({ is }) => is === "revoked").length).toBe(1);
  // A page gets the way that it got before, by the form and by the header of a program alike.
  const form = await d.ask("/access/revoke", { ...OWN, cookie: me, accept: "text/html" }, JSON.stringify(body));
  expect([form.status, form.headers.get("location")]).toEqual([303, "/access"]);
  const program = { authorization: `Bearer ${TOKEN}`, "idempotency-key": "everybody-0001" };
  const all = JSON.stringify({ all: "everybody" });
  expect(await (await d.ask("/access/revoke", program, all)).json()).toEqual({ ended: 2, for_good: true });
  const later = await sign_in("viktor");
  expect(await (await d.ask("/access/revoke", program, all)).json()).toEqual({ ended: 2, for_good: true });
  expect((await d.ask("/status", { cookie: later.cookie })).status).toBe(200); // or the second would have ended it, too
  d.access.close();
  const restarted = door({}, dirname(d.data_dir), at);
  expect(await said(restarted, later.cookie, body)).toEqual(first);
  // Without an id, or by somebody else, it is another request, and that sign-in has ended.
  expect((await post(restarted, "/access/revoke", later.cookie, { sign_in: other.id })).status).toBe(404);
  expect(
    (await restarted.ask("/access/revoke", { authorization: `Bearer ${TOKEN}` }, JSON.stringify(body))).status,
  ).toBe(404);
});

test("a wall board asked for twice with one request id is one board with one cookie; once it is over, it is not opened again", async () => {
  const d = door({ BREAKGLASS_TRUSTED_PROXIES: "10.0.0.9" });
  const edge = { ...OWN, "x-test-peer": "10.0.0.9", "x-authentik-username": "viktor" };
  const bearer = { authorization: `Bearer ${TOKEN}` };
  for (const who of [bearer, edge]) {
    const open = (id: string) => d.ask("/access/kiosk", who, JSON.stringify({ request_id: id }));
    const both = [await open("a-board-0001"), await open("a-board-0001")];
    expect(both.map(({ status }) => status)).toEqual([200, 200]);
    const [first, second] = both.map(cookieOf);
    expect([first !== "", second]).toEqual([true, first!]);
    const another = cookieOf(await open("a-board-0002"));
    expect(another).not.toBe(first!);
    const boards = async () =>
      ((await (await d.ask("/access", who)).json()) as Listed).sign_ins.filter(({ kind }) => kind === "kiosk");
    expect((await boards()).length).toBe(2);
    expect((await d.ask("/kiosk", { cookie: first! })).status).toBe(200);
    await d.ask("/access/revoke", who, JSON.stringify({ all: "everybody" }));
    expect((await open("a-board-0001")).status).toBe(409);
    expect([(await boards()).length, (await d.ask("/kiosk", { cookie: first! })).status]).toEqual([0, 401]);
  }
  // Without an id each asking is a board of its own.
  const [one, two] = [await d.ask("/access/kiosk", bearer, "{}"), await d.ask("/access/kiosk", bearer, "{}")];
  expect(cookieOf(one!)).not.toBe(cookieOf(two!));
});

test("what the terminal ends, the running console ends too, and the streams that are open under it", async () => {
  const d = door();
  const { cookie } = await enrolled(d, "viktor");
  const stream = await d.ask("/api/session/x/stream", { cookie });
  const reader = stream.body!.getReader();
  expect((await reader.read()).done).toBe(false);
  const store = openStore(d.data_dir);
  expect(new SignIns(store, () => d.at.now, TOKEN_UNKNOWN).end(() => true).ended.length).toBe(1);
  store.close();
  expect((await d.ask("/status", { cookie })).status).toBe(401);
  expect((await reader.read()).done).toBe(true);
});

test("an open stream ends with its sign-in, and reading it keeps nobody signed in", async () => {
  const d = door();
  const { cookie } = await enrolled(d, "viktor");
  const reader = (await d.ask("/api/session/x/stream", { cookie })).body!.getReader();
  await reader.read();
  d.at.now += IDLE_MS - 1;
  await d.ask("/api/session/x/stream", { cookie });
  d.at.now += 1;
  expect((await d.ask("/status", { cookie })).status).toBe(401);
  const again = cookieOf(await signInWith(d, { name: "viktor", password: PASSWORD }));
  const second = (await d.ask("/api/session/x/stream", { cookie: again })).body!.getReader();
  await second.read();
  await post(d, "/logout", again);
  expect((await second.read()).done).toBe(true);
});

test("the wall board: opened from a signed-in page, it sees the board and its stream, and nothing else, without a limit", async () => {
  const d = door();
  const { cookie } = await enrolled(d, "viktor");
  const opened = await d.ask("/access/kiosk", { ...OWN, accept: "text/html", cookie }, "{}");
  expect([opened.status, opened.headers.get("location")]).toEqual([303, "/kiosk"]);
  const board = cookieOf(opened);
  expect((await d.ask("/status", { cookie })).status).toBe(401); // the operator's own rights left the tablet with them
  expect(await (await d.ask("/kiosk", { cookie: board })).text()).toBe("kiosk:local:viktor");
  expect((await d.ask("/kiosk/stream", { cookie: board })).status).toBe(200);
  for (const path of ["/status", "/access", "/api/session/x/stream", "/no-such"])
    expect([path, (await d.ask(path, { cookie: board })).status]).toEqual([path, 403]);
  for (const path of ["/api/pve/cycle", "/access/kiosk", "/access/revoke", "/kiosk"])
    expect([path, (await post(d, path, board)).status]).toEqual([path, 403]);
  // Not even where the edge would let the tablet in.
  d.at.now += 3 * LONGEST_MS;
  const years = await d.ask("/kiosk", { cookie: board });
  expect([years.status, cookieOf(years)]).toEqual([200, board]);
  const anna = (await enrolled(d, "anna")).cookie;
  const [one] = (await listed(d, anna)).filter(({ kind }) => kind === "kiosk");
  await post(d, "/access/revoke", anna, { sign_in: one!.id });
  expect((await d.ask("/kiosk", { cookie: board })).status).toBe(401);
});

/** At the server's own terminal: a process of its own, on the same file. */
function atTheTerminal(d: Door, ...words: string[]): string {
  const run = Bun.spawnSync([process.execPath, join(import.meta.dir, "../../src/terminal.ts"), ...words], {
    env: scrubbed({ BREAKGLASS_DATA_DIR: dirname(d.data_dir), API_BEARER_TOKEN: TOKEN }),
  });
  return `${run.exitCode} ${run.stdout}`;
}

test("whatever ends an operator's sign-ins ends the wall boards they opened: removed, revoked, another password, enrolled anew", async () => {
  const d = door({}, undefined, { now: Date.now() });
  const next = "quite another set of words";
  const open = async (signed_in: string) => cookieOf(await post(d, "/access/kiosk", signed_in));
  const holds = async (board: string) => (await d.ask("/kiosk", { cookie: board })).status;
  const annas = await open((await enrolled(d, "anna")).cookie);
  let board = await open((await enrolled(d, "viktor")).cookie);
  expect([await holds(board), await holds(annas)]).toEqual([200, 200]);

  const { cookie } = await enrolled(d, "viktor");
  expect(await holds(board)).toBe(401);
  board = await open(cookieOf(await signInWith(d, { name: "viktor", password: PASSWORD })));
  await post(d, "/access/password", cookie, { password: next, again: next });
  expect(await holds(board)).toBe(401);
  board = await open(cookieOf(await signInWith(d, { name: "viktor", password: next })));
  expect(atTheTerminal(d, "revoke", "viktor")).toStartWith("0 2 ended.");
  expect(await holds(board)).toBe(401);
  board = await open(cookieOf(await signInWith(d, { name: "viktor", password: next })));
  expect(await holds(board)).toBe(200);
  expect(atTheTerminal(d, "remove", "viktor")).toBe("0 Removed viktor; 1 sign-ins ended.\n");
  expect([await holds(board), await holds(annas)]).toEqual([401, 200]);
});

test("a wall board that the token opened ends with another token, one that an operator opened does not", async () => {
  const d = door();
  const by_token = cookieOf(await post(d, "/access/kiosk", cookieOf(await signInWith(d, { token: TOKEN }))));
  const by_bearer = cookieOf(await d.ask("/access/kiosk", { authorization: `Bearer ${TOKEN}` }, "{}"));
  const by_operator = cookieOf(await post(d, "/access/kiosk", (await enrolled(d, "viktor")).cookie));
  const seen = async (at: Door) =>
    Promise.all([by_token, by_bearer, by_operator].map(async (cookie) => (await at.ask("/kiosk", { cookie })).status));
  expect(await seen(d)).toEqual([200, 200, 200]);
  d.access.close();
  const data = dirname(d.data_dir);
  expect(await seen(door({}, data, d.at))).toEqual([200, 200, 200]);
  const other = door({ API_BEARER_TOKEN: "another-long-enough-token" }, data, d.at);
  expect(await seen(other)).toEqual([401, 401, 200]);
});

test("a sign-in that was revoked while one of its requests was at work stays ended, in memory and on disk", () => {
  const data = join(folder, String(doors++));
  const at = { now: Date.now() };
  const [store, other] = [openStore(data), openStore(data)];
  const here = new SignIns(store, () => at.now, "");
  const { value } = here.begin({
    name: "local:viktor",
    kind: "operator",
    how: "password",
    came_from: "203.0.113.5",
    device: "a program",
  });
  const found = here.find(value)!;
  expect(new SignIns(other, () => at.now, TOKEN_UNKNOWN).end(() => true).ended.length).toBe(1);
  at.now += 5 * 60_000;
  here.seen(found);
  here.proved(found.id);
  expect(here.find(value)).toBeNull();
  expect(other.db.query("select count(*) as n from sign_in").get()).toEqual({ n: 0 });
  store.close();
  other.close();
});

test("a wall board's cookie counts before the edge's header, and its device signs in or out like any other", async () => {
  const d = door({ BREAKGLASS_TRUSTED_PROXIES: "10.0.0.9" });
  const edge = { "x-test-peer": "10.0.0.9", "x-authentik-username": "viktor" };
  const board = cookieOf(await d.ask("/access/kiosk", { ...OWN, ...edge }, "{}"));
  expect((await d.ask("/status", edge)).status).toBe(200);
  expect((await d.ask("/status", { ...edge, cookie: board })).status).toBe(403);
  const page = await d.ask("/login", { cookie: board, accept: "text/html" });
  const id = /action="\/logout".*?name="request_id" value="([^"]+)"/s.exec(await page.text())![1]!;
  // By its form alone, as a text browser sends it.
  const body = new URLSearchParams({ request_id: id }).toString();
  const out = await d.ask("/logout", { ...edge, cookie: board, accept: "text/html", "content-type": FORM }, body);
  expect([out.status, out.headers.get("location")]).toEqual([303, "/login"]);
  expect((await d.ask("/status", { ...edge, cookie: board })).status).toBe(200);
});

test("step-up: stop, reset and cycle want the password of the last five minutes, where it is asked for", async () => {
  const plain = door();
  const there = (await enrolled(plain, "viktor")).cookie;
  plain.at.now += PROOF_HOLDS_MS;
  expect((await post(plain, "/api/pve/cycle", there)).status).toBe(200);

  const d = door({ BREAKGLASS_STEP_UP: "1", BREAKGLASS_TRUSTED_PROXIES: "10.0.0.9" });
  const { cookie } = await enrolled(d, "viktor");
  expect((await post(d, "/api/pve/cycle", cookie)).status).toBe(200);
  d.at.now += PROOF_HOLDS_MS;
  // In any spelling that the route reads as the verb, too.
  for (const verb of [
    "stop",
    "reset",
    "cycle",
    "c%79cle",
    "%63%79%63%6c%65",
    "c%2579cle",
    "c%252579cle",
    "stop?target=devvm",
  ])
    expect([verb, (await post(d, `/api/pve/${verb}`, cookie)).status]).toEqual([verb, 403]);
  for (const verb of ["start", "forensics", "status"])
    expect((await post(d, `/api/pve/${verb}`, cookie)).status).toBe(200);
  const page = await d.ask(
    "/api/pve/cycle",
    { ...OWN, cookie, accept: "text/html", referer: "http://localhost:8080/sessions/7" },
    "{}",
  );
  expect(await page.text()).toContain("/access/again?next=%2Fsessions%2F7");
  expect((await post(d, "/access/again", cookie, { password: "not the right one" })).status).toBe(403);
  expect((await post(d, "/api/pve/cycle", cookie)).status).toBe(403);
  const proved = await d.ask(
    "/access/again",
    { ...OWN, cookie, accept: "text/html" },
    JSON.stringify({ password: PASSWORD, next: "/sessions/7" }),
  );
  expect([proved.status, proved.headers.get("location")]).toEqual([303, "/sessions/7"]);
  expect((await post(d, "/api/pve/cycle", cookie)).status).toBe(200);
  // Who has no password here is not asked for one.
  expect((await d.ask("/api/pve/cycle", { authorization: `Bearer ${TOKEN}` }, "{}")).status).toBe(200);
  const edge = { "x-test-peer": "10.0.0.9", "x-authentik-username": "viktor" };
  expect((await d.ask("/api/pve/cycle", { ...OWN, ...edge }, "{}")).status).toBe(200);
  // Signed in with the token, the token is the proof.
  const token = cookieOf(await signInWith(d, { token: TOKEN }));
  d.at.now += PROOF_HOLDS_MS;
  expect((await post(d, "/api/pve/cycle", token)).status).toBe(403);
  expect((await post(d, "/access/again", token, { password: TOKEN })).status).toBe(200);
  expect((await post(d, "/api/pve/cycle", token)).status).toBe(200);
});

test("password and codes are changed with a fresh proof alone; the other sign-ins of that name end", async () => {
  const d = door();
  const { cookie, codes } = await enrolled(d, "viktor");
  const other = cookieOf(await signInWith(d, { name: "viktor", password: PASSWORD }));
  const next = "quite another set of words";
  d.at.now += PROOF_HOLDS_MS;
  expect((await post(d, "/access/password", cookie, { password: next, again: next })).status).toBe(403);
  expect((await post(d, "/access/codes", cookie)).status).toBe(403);
  await post(d, "/access/again", cookie, { password: PASSWORD });
  expect((await post(d, "/access/password", cookie, { password: "short", again: "short" })).status).toBe(422);
  expect((await post(d, "/access/password", cookie, { password: next, again: next })).status).toBe(200);
  expect([(await d.ask("/status", { cookie })).status, (await d.ask("/status", { cookie: other })).status]).toEqual([
    200, 401,
  ]);
  const made = (await (await post(d, "/access/codes", cookie)).json()) as { recovery_codes: string[] };
  expect(made.recovery_codes.length).toBe(10);
  expect((await signInWith(d, { name: "viktor", code: codes[0]! })).status).toBe(401);
  expect((await signInWith(d, { name: "viktor", code: made.recovery_codes[0]! })).status).toBe(200);
  expect((await signInWith(d, { name: "viktor", password: PASSWORD })).status).toBe(401);
  expect((await signInWith(d, { name: "viktor", password: next })).status).toBe(200);
  // A reload of the page with the codes must not end those that were just written down.
  const once = { request_id: "new-codes-0001" };
  const [first] = ((await (await post(d, "/access/codes", cookie, once)).json()) as { recovery_codes: string[] })
    .recovery_codes;
  const reloaded = await post(d, "/access/codes", cookie, once);
  expect([reloaded.status, await reloaded.text()]).toEqual([409, expect.stringContaining("made already")]);
  expect((await signInWith(d, { name: "viktor", code: first! })).status).toBe(200);
  expect((await post(d, "/access/codes", cookie, { request_id: "odd id" })).status).toBe(422);
  // An old form that is sent again brings no old password back.
  const change = (password: string, request_id: string) =>
    post(d, "/access/password", cookie, { password, again: password, request_id });
  expect((await change("the third set of words", "change-0001")).status).toBe(200);
  expect((await change("the third set of words", "change-0001")).status).toBe(200);
  expect((await change("the fourth set of words", "change-0002")).status).toBe(200);
  expect((await change("the third set of words", "change-0001")).status).toBe(422);
  expect((await signInWith(d, { name: "viktor", password: "the third set of words" })).status).toBe(401);
  expect((await signInWith(d, { name: "viktor", password: "the fourth set of words" })).status).toBe(200);
  expect(d.told.filter(({ is }) => is === "password_changed").length).toBe(3);
  // The token's holder has neither.
  const token = cookieOf(await signInWith(d, { token: TOKEN }));
  expect((await post(d, "/access/codes", token)).status).toBe(422);
});

test("only names of the list count at the edge, and what does not count is told once, with a number", async () => {
  const d = door({ BREAKGLASS_TRUSTED_PROXIES: "10.0.0.9", BREAKGLASS_TRUSTED_USERS: "viktor, anna b" });
  const from = (peer: string, name: string) => d.ask("/status", { "x-test-peer": peer, "x-authentik-username": name });
  for (const [name, status] of [
    ["viktor", 200],
    ["anna b", 200],
    ["mallory", 401],
    ["Viktor", 401],
  ] as const)
    expect([name, (await from("10.0.0.9", name)).status]).toEqual([name, status]);
  for (let i = 0; i < 50; i++) await from("10.0.0.8", "viktor");
  const told = d.told.filter(({ is }) => is === "header_refused");
  expect(told.map(({ name, from: peer }) => [name, peer])).toEqual([
    ["mallory", "10.0.0.9"],
    ["Viktor", "10.0.0.9"],
    ["viktor", "10.0.0.8"],
  ]);
  expect(told[2]!.why).toContain("BREAKGLASS_TRUSTED_PROXIES");
});

test("with a file that takes nothing more, people still sign in and out", async () => {
  const d = door();
  const { codes } = await enrolled(d, "viktor");
  const store = openStore(d.data_dir);
  // Another process that holds the file for longer than anybody waits.
  store.db.run("begin immediate");
  const errors = console.error;
  console.error = () => {};
  try {
    const yes = await signInWith(d, { name: "viktor", code: codes[0]! });
    expect(yes.status).toBe(200);
    expect((await signInWith(d, { name: "viktor", code: codes[0]! })).status).toBe(401);
    expect((await d.ask("/status", { cookie: cookieOf(yes) })).status).toBe(200);
    const out = (await (await post(d, "/logout", cookieOf(yes))).json()) as { for_good: boolean };
    expect((await d.ask("/status", { cookie: cookieOf(yes) })).status).toBe(401);
    expect(out.for_good).toBe(false);
  } finally {
    console.error = errors;
    store.db.run("rollback");
    store.close();
  }
}, 60_000);
