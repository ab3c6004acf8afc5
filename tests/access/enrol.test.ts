/** The way in for the day when the edge is down: enrolment by a link, the password, the recovery codes; with real argon2. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CODES } from "../../src/access/enrolled.ts";
import { whyNot } from "../../src/access/password.ts";
import { readConfig } from "../../src/config.ts";
import {
  cookieOf,
  cookiesOf,
  type Door,
  enrolled,
  FORM,
  LINK_HOLDS_MS,
  OWN,
  openDoor,
  PASSWORD,
  signInWith,
} from "../support/door.ts";

let folder = "";
let doors = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "enrol-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const door = (env: Record<string, string> = {}): Door => openDoor(join(folder, String(doors++)), env);
const who = async (d: Door, cookie: string) => {
  const answer = await d.ask("/status", { cookie });
  return answer.status === 200 ? answer.text() : answer.status;
};

test("a link enrols by its form alone, without a header that proves our page; the codes are shown, and it signs in", async () => {
  const d = door();
  const link = d.link("viktor");
  const page = await d.ask(link, { accept: "text/html" });
  const html = await page.text();
  expect([page.status, html.includes("viktor"), html.includes("At least 12 characters")]).toEqual([200, true, true]);
  const request_id = /name="request_id" value="([^"]+)"/.exec(html)![1]!;
  const done = await d.ask(
    link,
    { accept: "text/html", "content-type": FORM, cookie: cookiesOf(page) },
    new URLSearchParams({ request_id, password: PASSWORD, again: PASSWORD }).toString(),
  );
  const shown = [...(await done.text()).matchAll(/<code class="lead">([a-z0-9-]{17})<\/code>/g)].map(
    ([, code]) => code,
  );
  expect([done.status, shown.length, new Set(shown).size]).toEqual([200, CODES, CODES]);
  expect(await who(d, cookieOf(done))).toBe("local:viktor");
  expect(d.told.map((event) => event.is)).toEqual(["enrolled", "signed_in"]);
});

test("looking at a link uses nothing up; setting the password does, and so do 15 minutes", async () => {
  const d = door();
  const link = d.link("viktor");
  for (let i = 0; i < 3; i++) expect((await d.ask(link, { accept: "text/html" })).status).toBe(200);
  const body = JSON.stringify({ password: PASSWORD, again: PASSWORD });
  const both = await Promise.all([d.ask(link, OWN, body), d.ask(link, OWN, body)]);
  expect(both.map(({ status }) => status).sort()).toEqual([200, 410]);
  expect((await d.ask(link, { accept: "text/html" })).status).toBe(410);
  const late = d.link("anna");
  d.at.now += LINK_HOLDS_MS;
  const answer = await d.ask(late, OWN, body);
  expect([answer.status, await answer.text()]).toEqual([410, expect.stringContaining("bun run access enrol")]);
  const first = d.link("anna");
  const second = d.link("anna");
  expect([(await d.ask(first)).status, (await d.ask(second)).status]).toEqual([410, 200]);
});

test("the second of two taps sees the same codes and is signed in; another password, or another form, finds the link used", async () => {
  const d = door();
  const link = d.link("viktor");
  const page = await d.ask(link, { accept: "text/html" });
  const request_id = /name="request_id" value="([^"]+)"/.exec(await page.text())![1]!;
  const tap = (said: Record<string, string> = {}) =>
    d.ask(
      link,
      { "content-type": FORM, cookie: cookiesOf(page) },
      new URLSearchParams({ request_id, password: PASSWORD, again: PASSWORD, ...said }).toString(),
    );
  const both = await Promise.all([tap(), tap()]);
  both.push(await tap());
  expect(both.map(({ status }) => status)).toEqual([200, 200, 200]);
  const codes = await Promise.all(
    both.map(async (one) => ((await one.json()) as { recovery_codes: string[] }).recovery_codes),
  );
  expect([codes[0]!.length, codes[1], codes[2]]).toEqual([CODES, codes[0]!, codes[0]!]);
  // One enrolment and one sign-in, that of the answer that came last.
  expect(await Promise.all(both.map((one) => who(d, cookieOf(one))))).toEqual([401, 401, "local:viktor"]);
  expect(d.told.filter(({ is }) => is === "enrolled").length).toBe(1);
  expect((await tap({ password: "quite other words of mine", again: "quite other words of mine" })).status).toBe(410);
  expect((await tap({ request_id: d.access.ids.make("nobody", "login") })).status).toBe(403);
  expect((await d.ask(link, OWN, JSON.stringify({ password: PASSWORD, again: PASSWORD }))).status).toBe(410);
});

test("a form from elsewhere enrols nobody", async () => {
  const d = door();
  const link = d.link("viktor");
  const body = JSON.stringify({ password: PASSWORD, again: PASSWORD });
  for (const headers of [{ "sec-fetch-site": "cross-site" }, { origin: "https://evil.example" }, {}] as Record<
    string,
    string
  >[])
    expect((await d.ask(link, { "content-type": "application/json", ...headers }, body)).status).toBe(403);
  expect((await d.ask(link)).status).toBe(200);
});

test.each([
  ["a short one", "short"],
  ["one of few characters", "aaaaaaaaaaaaaaaa"],
  ["hardly more than the name", "viktorviktorviktor1234"],
  ["endless", "x1y2z3w4".repeat(40)],
])("a password is refused in a sentence: %s", (_, password) => {
  expect(whyNot(password, "viktor")).toMatch(/^That password .*\.$/);
});

test("a password of 12 characters will do, and so will any script", () => {
  for (const password of ["kahn0fliege!", "пять слов про лампы", PASSWORD])
    expect(whyNot(password, "viktor")).toBeNull();
});

test("passwords that differ, or are too short, leave the link good", async () => {
  const d = door();
  const link = d.link("viktor");
  for (const body of [
    { password: PASSWORD, again: `${PASSWORD}x` },
    { password: "short", again: "short" },
  ])
    expect((await d.ask(link, OWN, JSON.stringify(body))).status).toBe(422);
  expect((await d.ask(link)).status).toBe(200);
});

test("name and password sign in, however the name is typed; a wrong one of either does not, after a moment", async () => {
  const d = door();
  await enrolled(d, "viktor");
  const yes = await signInWith(d, { name: " Viktor ", password: PASSWORD });
  expect([yes.status, await who(d, cookieOf(yes))]).toEqual([200, "local:viktor"]);
  for (const [name, password] of [
    ["viktor", `${PASSWORD} `],
    ["viktor", PASSWORD.toUpperCase()],
    ["anna", PASSWORD],
    ["token", PASSWORD],
    ["../x", PASSWORD],
  ] as const) {
    const no = await signInWith(d, { name, password });
    expect([name, no.status, cookieOf(no)]).toEqual([name, 401, ""]);
  }
  expect(d.waited.length).toBe(5);
  const empty = await signInWith(d, { name: "viktor" });
  expect([empty.status, ((await empty.json()) as { detail: string }).detail]).toEqual([
    422,
    expect.stringContaining("something is missing"),
  ]);
});

test("the same letters in other bytes are the same password", async () => {
  const d = door();
  await enrolled(d, "jan", "caf\u00e9 und kirschkuchen");
  expect((await signInWith(d, { name: "jan", password: "cafe\u0301 und kirschkuchen" })).status).toBe(200);
});

test("each recovery code signs in once, typed with or without its dashes, and for its own name alone", async () => {
  const d = door();
  const { codes } = await enrolled(d, "viktor");
  await enrolled(d, "anna");
  const [first, second] = codes as [string, string];
  expect((await signInWith(d, { name: "anna", code: first })).status).toBe(401);
  const yes = await signInWith(d, { name: "viktor", code: first.replaceAll("-", " ").toUpperCase() });
  expect([yes.status, await who(d, cookieOf(yes))]).toEqual([200, "local:viktor"]);
  expect((await signInWith(d, { name: "viktor", code: first })).status).toBe(401);
  const twice = await Promise.all([1, 2, 3].map(() => signInWith(d, { name: "viktor", code: second })));
  expect(twice.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
});

test("a wrong code gives back the form of the codes, open, with the name in it", async () => {
  const d = door();
  await enrolled(d, "viktor");
  const again = async (body: Record<string, string>) => {
    const answer = await d.ask("/login", { ...OWN, accept: "text/html" }, JSON.stringify(body));
    return [answer.status, ...[...(await answer.text()).matchAll(/<details([^>]*)>/g)].map(([, open]) => open!.trim())];
  };
  expect(await again({ name: "viktor", code: "abcde-fghjk-mnpqr" })).toEqual([401, 'open=""', ""]);
  expect(await again({ token: "not the token" })).toEqual([401, "", 'open=""']);
  expect(await again({ name: "viktor", password: "not the password" })).toEqual([401, "", ""]);
});

test("neither password nor code nor link stands in a file", async () => {
  const d = door();
  const { codes, cookie } = await enrolled(d, "viktor");
  const link = d.link("anna").split("/").at(-1)!;
  const access = join(d.data_dir, "access");
  const files = readdirSync(access).map((name) => readFileSync(join(access, name)));
  for (const secret of [PASSWORD, codes[0]!, codes[0]!.replaceAll("-", ""), link, cookie.split("=")[1]!])
    expect([secret, files.some((bytes) => bytes.includes(secret))]).toEqual([secret, false]);
  expect(files.some((bytes) => bytes.includes("$argon2id$v=19$m=19456,t=2"))).toBe(true);
});

test("enrolling a name again ends its password, its codes and its sign-ins", async () => {
  const d = door();
  const before = await enrolled(d, "viktor");
  await enrolled(d, "viktor", "another five words of mine");
  expect(await who(d, before.cookie)).toBe(401);
  expect((await signInWith(d, { name: "viktor", password: PASSWORD })).status).toBe(401);
  expect((await signInWith(d, { name: "viktor", code: before.codes[0]! })).status).toBe(401);
  expect((await signInWith(d, { name: "viktor", password: "another five words of mine" })).status).toBe(200);
});

test("the sign-in page asks for a name only where somebody is enrolled, and for the token only where there is one", async () => {
  const d = door();
  const page = async (of: Door) => (await of.ask("/login", { accept: "text/html" })).text();
  expect([(await page(d)).includes('name="name"'), (await page(d)).includes('name="token"')]).toEqual([false, true]);
  await enrolled(d, "viktor");
  expect([(await page(d)).includes('name="name"'), (await page(d)).includes('name="token"')]).toEqual([true, true]);
});

test("a real target starts with an enrolled operator, or one who holds a link, as the only way in", async () => {
  const REAL = { BREAKGLASS_PVE_HOST: "192.0.2.1", BREAKGLASS_DEVVM_HOST: "192.0.2.2" };
  const data = join(folder, String(doors++));
  const start = () => readConfig({ ...REAL, BREAKGLASS_DATA_DIR: data });
  expect(start).toThrow("bun run access enrol");
  const d = openDoor(data, REAL, { now: Date.now() });
  expect(start).toThrow("Nobody could sign in");
  const link = d.link("viktor");
  expect(start().access.bearer).toBeNull();
  await d.ask(link, OWN, JSON.stringify({ password: PASSWORD, again: PASSWORD }));
  expect(start().access.bearer).toBeNull();
  const alone = openDoor(data, { ...REAL, API_BEARER_TOKEN: undefined as never }, d.at);
  expect((await signInWith(alone, { name: "viktor", password: PASSWORD })).status).toBe(200);
  expect(await (await alone.ask("/login", { accept: "text/html" })).text()).not.toContain('name="token"');
});
