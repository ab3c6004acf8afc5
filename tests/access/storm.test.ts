/** A storm of guesses with real argon2: who is right comes in within 5 s each time, and who is signed in does not notice. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { delays } from "../../src/access/delay.ts";
import { AT_A_TIME, HashTurns, MOST_WAITING, type Whose } from "../../src/access/turns.ts";
import type { Refusal } from "../../src/refusal.ts";
import { cookiesOf, type Door, enrolled, OWN, openDoor, PASSWORD, signInWith } from "../support/door.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "storm-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const EVERY_MS = 20;
const WITHIN_MS = 5_000;

/** 50 wrong sign-ins a second, each from an address and with a cookie of its kind, until it is told to end. */
function storm(d: Door, headersOf: (n: number) => Record<string, string>) {
  let n = 0;
  const answers: Promise<number>[] = [];
  const timer = setInterval(() => {
    const body = { name: n % 2 ? "viktor" : "nobody", password: `a wrong password no ${n}` };
    answers.push(signInWith(d, body, headersOf(n++)).then(({ status }) => status));
  }, EVERY_MS);
  return async () => {
    clearInterval(timer);
    return Promise.all(answers);
  };
}

/** What the phone of the right person does: open the page, fill it in, send it. A fresh device each time. */
async function signInOnAFreshPhone(d: Door, peer: string): Promise<number> {
  const page = await d.ask("/login", { accept: "text/html", "x-test-peer": peer });
  const cookie = cookiesOf(page);
  await Bun.sleep(50);
  const began = performance.now();
  const done = await signInWith(d, { name: "viktor", password: PASSWORD }, { cookie, "x-test-peer": peer });
  expect(done.status).toBe(200);
  return performance.now() - began;
}

test.each<[string, (n: number) => Record<string, string>]>([
  ["the right one's own address, as behind one NAT", () => ({ "x-test-peer": "203.0.113.5" })],
  ["another address for each guess", (n) => ({ "x-test-peer": `198.51.${n % 250}.${(n >> 3) % 250}` })],
])(
  "50 bad sign-ins a second from %s: the right one is in within 5 s, 5 times of 5",
  async (_, headersOf) => {
    const d = openDoor(mkdtempSync(join(folder, "door-")));
    const { cookie } = await enrolled(d, "viktor");
    const end = storm(d, headersOf);
    await Bun.sleep(500);
    const took: number[] = [];
    const seen: number[] = [];
    for (let i = 0; i < 5; i++) {
      took.push(await signInOnAFreshPhone(d, "203.0.113.5"));
      const began = performance.now();
      expect((await d.ask("/status", { cookie })).status).toBe(200);
      seen.push(performance.now() - began);
    }
    const statuses = await end();
    expect(took.filter((ms) => ms > WITHIN_MS)).toEqual([]);
    expect(seen.filter((ms) => ms > 1_000)).toEqual([]);
    expect(d.access.hashing.peak).toBe(AT_A_TIME);
    expect(statuses.length).toBeGreaterThan(25); // else there was no storm
    expect([...new Set(statuses)].filter((status) => status !== 401 && status !== 503)).toEqual([]);
  },
  60_000,
);

test("the order: a device that is known, then the form and the address that failed least; the last in line is told so", async () => {
  const failures = delays(
    async () => {},
    () => 0,
  );
  for (let i = 0; i < 3; i++) failures.count("bad form");
  failures.count("bad address");
  const turns = new HashTurns(failures);
  const open: (() => void)[] = [];
  const order: string[] = [];
  const take = (name: string, whose: Partial<Whose>) =>
    turns
      .take({ known: false, form: "form", peer: "address", ...whose }, async () => {
        order.push(name);
        if (name === "busy") await new Promise<void>((done) => open.push(done));
      })
      .catch((error) => order.push(`${name}: ${(error as Refusal).status}`));
  for (let i = 0; i < 5; i++) failures.count("copied device");
  const all = [take("busy", {}), take("busy", {})];
  all.push(take("a device that guesses", { known: true, form: "copied device" }));
  all.push(take("a guess from a bad form", { form: "bad form" }));
  all.push(take("a guess from a bad address", { peer: "bad address" }));
  all.push(take("a stranger", {}));
  all.push(take("a known device at a bad address", { known: true, peer: "bad address" }));
  await Bun.sleep(1);
  expect(order).toEqual(["busy", "busy"]);
  for (const done of open) done();
  await Promise.all(all);
  expect(order.slice(2)).toEqual([
    "a known device at a bad address",
    "a stranger",
    "a guess from a bad address",
    "a guess from a bad form",
    "a device that guesses",
  ]);

  order.length = 0;
  open.length = 0;
  const flood = [take("busy", {}), take("busy", {})];
  for (let i = 0; i < MOST_WAITING; i++) flood.push(take("guess", { form: "bad form" }));
  flood.push(take("a stranger", {}));
  await Bun.sleep(1);
  expect(order).toEqual(["busy", "busy", "guess: 503"]);
  for (const done of open) done();
  await Promise.all(flood);
  expect(order.indexOf("a stranger")).toBe(3);
});

test("a wrong password waits longer each time at its own address, and nowhere else", async () => {
  const waited: number[] = [];
  let now = 0;
  const slow = delays(
    async (ms) => void waited.push(ms),
    () => now,
  );
  for (let i = 0; i < 8; i++) await slow.afterAFailure("here");
  await slow.afterAFailure("there");
  expect(waited).toEqual([50, 100, 200, 400, 800, 1000, 1000, 1000, 50]);
  now = 61_000;
  await slow.afterAFailure("here");
  expect(waited.at(-1)).toBe(50);
});

test("nobody can tell by the answer whether a name is enrolled", async () => {
  const d = openDoor(mkdtempSync(join(folder, "door-")));
  await enrolled(d, "viktor");
  const answers = await Promise.all(
    ["viktor", "nobody"].map(async (name) => {
      const body = new URLSearchParams({ name, password: "a wrong password of his" }).toString();
      const headers = { ...OWN, accept: "text/html", "content-type": "application/x-www-form-urlencoded" };
      const html = await (await d.ask("/login", headers, body)).text();
      return html.replaceAll(name, "NAME").replace(/name="request_id" value="[^"]+"/g, "");
    }),
  );
  expect(answers[0]).toBe(answers[1]!);
});
