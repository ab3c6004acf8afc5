/** Request ids that prove our own page, and the secret they are sealed with. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRequestId, requestIds } from "../../src/access/request-id.ts";
import { keepSecret } from "../../src/access/secret.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "access-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ids = requestIds(new Uint8Array(32).fill(7));

test("an id proves itself for its operator and its purpose, and for nobody else", () => {
  const id = ids.make("edge:viktor");
  expect(ids.proves(id, "edge:viktor")).toBe(true);
  for (const other of ["edge:viktor2", "edge:", "viktor", "", "local:token"]) expect(ids.proves(id, other)).toBe(false);
  expect(ids.proves(id, "edge:viktor", "login")).toBe(false);
  expect(ids.proves(ids.make("edge:viktor", "login"), "edge:viktor")).toBe(false);
});

test("the ids of one page differ, are of the allowed form, prove as one, and nothing but a form's name may follow the seal", () => {
  const idFor = ids.forPage("lab");
  const made = ["cycle", "stop", "check-services", "ask-services"].map(idFor);
  expect(new Set(made).size).toBe(4);
  for (const id of made) {
    expect(isRequestId(id)).toBe(true);
    expect(ids.proves(id, "lab")).toBe(true);
    expect(ids.proves(id, "edge:viktor")).toBe(false);
    expect(ids.proves(id.replace("-", "x"), "lab")).toBe(false);
  }
  const seal = made[0]!.slice(0, -"-cycle".length);
  for (const after of ["x", "-", "-X", "-1", "--", "_cycle", "-cycle-"])
    expect(ids.proves(seal + after, "lab")).toBe(false);
  expect(ids.proves(seal.slice(0, -1), "lab")).toBe(false);
});

test("another console's id proves nothing here", () => {
  expect(ids.proves(requestIds(new Uint8Array(32).fill(8)).make("lab"), "lab")).toBe(false);
});

test("1,000 ids: all different, all of the allowed form, none begins like an option", () => {
  const made = Array.from({ length: 1000 }, () => ids.make("lab"));
  expect(new Set(made).size).toBe(1000);
  expect(made.filter((id) => !isRequestId(id) || id.startsWith("-") || !ids.proves(id, "lab"))).toEqual([]);
});

test("no single changed character proves anything", () => {
  const id = ids.make("lab");
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const proven: string[] = [];
  for (let i = 0; i < id.length; i++)
    for (const letter of letters) {
      const changed = id.slice(0, i) + letter + id.slice(i + 1);
      if (changed !== id && ids.proves(changed, "lab")) proven.push(changed);
    }
  expect(proven).toEqual([]);
});

test.each(["", "short", "a".repeat(65), "with space!", "é".repeat(10), "a\nb".repeat(4), "../../etc"])(
  "%p is no request id and proves nothing",
  (text) => {
    expect(isRequestId(text)).toBe(false);
    expect(ids.proves(text, "lab")).toBe(false);
  },
);

test("a program's own id is fine, and proves nothing", () => {
  const own = "018f3a2e-7c11-7e9c-8a53-6c1f0f6c2a11";
  expect(isRequestId(own)).toBe(true);
  expect(ids.proves(own, "lab")).toBe(false);
});

test("the secret is made once, readable by its owner alone, and outlives a restart", () => {
  const path = join(folder, "a", "access", "secret");
  const first = keepSecret(path);
  expect(first.trouble).toBeNull();
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(keepSecret(path).secret).toEqual(first.secret);
  const id = requestIds(first.secret).make("lab");
  expect(requestIds(keepSecret(path).secret).proves(id, "lab")).toBe(true);
});

test("a secret cut short is replaced, not used", () => {
  const path = join(folder, "short");
  writeFileSync(path, "x");
  expect(keepSecret(path).secret.length).toBe(32);
  expect(statSync(path).size).toBe(32);
});

test("where the disk can't be written there is a secret all the same, and a sentence", () => {
  writeFileSync(join(folder, "file"), "");
  const kept = keepSecret(join(folder, "file", "secret"));
  expect(kept.secret.length).toBe(32);
  expect(kept.trouble).toContain("restart");
});
