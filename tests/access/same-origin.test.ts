/** Where a change comes from, decided from the method, Fetch metadata, Origin and the bearer token: every cell. */
import { expect, test } from "bun:test";
import { isOurHost } from "../../src/access/host-check.ts";
import { type Provenance, provenance } from "../../src/access/same-origin.ts";

const OURS = ["http://localhost:8080", "https://bg.example.org"];
const SAFE = ["GET", "HEAD", "OPTIONS"];
const UNSAFE = ["POST", "PUT", "PATCH", "DELETE", "TRACE", "get", "PROPFIND"];
const SITES = [null, "same-origin", "same-site", "cross-site", "none", "", "same-origin, cross-site"];
const ORIGINS = [
  null,
  "http://localhost:8080",
  "https://bg.example.org",
  "http://bg.example.org",
  "http://localhost:8081",
  "http://localhost",
  "http://localhost:8080.evil.example",
  "https://bg.example.org/",
  "HTTPS://BG.EXAMPLE.ORG",
  "null",
  "",
];

test("method × Sec-Fetch-Site × Origin × bearer: every cell", () => {
  const wrong: string[] = [];
  const seen = { ours: 0, foreign: 0, silent: 0 };
  for (const method of [...SAFE, ...UNSAFE])
    for (const sec_fetch_site of SITES)
      for (const origin of ORIGINS)
        for (const bearer of [false, true]) {
          const verdict = provenance({ method, sec_fetch_site, origin, ours: OURS, bearer });
          const expected: Provenance =
            SAFE.includes(method) || bearer || sec_fetch_site === "same-origin"
              ? "ours"
              : sec_fetch_site !== null
                ? "foreign"
                : origin === null
                  ? "silent"
                  : origin === "http://localhost:8080" || origin === "https://bg.example.org"
                    ? "ours"
                    : "foreign";
          if (verdict !== expected)
            wrong.push(JSON.stringify({ method, sec_fetch_site, origin, bearer, verdict, expected }));
          seen[verdict]++;
        }
  expect(wrong).toEqual([]);
  // Unsafe and without a bearer: only the two true origins, and same-origin, may pass; only silence may ask for an id.
  expect(seen).toEqual({ ours: 3 * 7 * 11 * 2 + 7 * (7 * 11 + 11 + 2), foreign: 7 * (5 * 11 + 8), silent: 7 });
});

test.each([
  ["localhost:8080", true],
  ["LOCALHOST:8080", true],
  ["bg.example.org", true],
  ["bg.example.org:443", true],
  ["bg.example.org:80", false],
  ["bg.example.org:8080", false],
  ["bg.example.org.", false],
  ["localhost", false],
  ["localhost:8081", false],
  ["evil.example", false],
  ["localhost:8080.evil.example", false],
  ["evil.example:8080", false],
  ["bg.example.org@evil.example", false],
  ["localhost:8080, evil.example", false],
  ["", false],
  [null, false],
])("Host %p is one of ours: %p", (host, ours) => {
  expect(isOurHost(host, OURS)).toBe(ours);
});
