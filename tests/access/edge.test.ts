/** The edge's word: peer × secret × header, every cell. */
import { expect, test } from "bun:test";
import { type EdgeTrust, edgeUser } from "../../src/access/edge.ts";
import { type Network, parseNetwork } from "../../src/access/network.ts";

const trust = (proxy_secret: string | null): EdgeTrust => ({
  trusted_proxies: ["10.0.0.0/24", "fd00::7"].map((text) => parseNetwork(text) as Network),
  proxy_secret,
  user_header: "x-authentik-username",
});

const PEERS = {
  "10.0.0.9": true,
  "::ffff:10.0.0.9": true,
  "fd00::7": true,
  "FD00:0:0::7": true,
  "10.0.1.9": false,
  "::ffff:10.0.1.9": false,
  "fd00::8": false,
  "127.0.0.1": false,
  "::1": false,
  "": false,
  unix: false,
} as const;

const SECRETS = [
  { set: null, shown: null, right: true },
  { set: null, shown: "whatever", right: true },
  { set: "open-sesame", shown: null, right: false },
  { set: "open-sesame", shown: "", right: false },
  { set: "open-sesame", shown: "open-sesam", right: false },
  { set: "open-sesame", shown: "Open-sesame", right: false },
  { set: "open-sesame", shown: ["open-sesame", "open-sesame"], right: false },
  { set: "open-sesame", shown: "open-sesame", right: true },
] as const;

const HEADERS: { is: string; shown: readonly string[]; gives: "nobody" | "somebody" | "refused" }[] = [
  { is: "absent", shown: [], gives: "nobody" },
  { is: "empty", shown: [""], gives: "nobody" },
  { is: "blank", shown: ["  "], gives: "nobody" },
  { is: "one", shown: ["viktor"], gives: "somebody" },
  { is: "one in UTF-8 bytes", shown: [Buffer.from("jürgen").toString("latin1")], gives: "somebody" },
  { is: "two headers", shown: ["viktor", "admin"], gives: "refused" },
  { is: "a comma", shown: ["viktor,admin"], gives: "refused" },
  { is: "only a comma", shown: [","], gives: "refused" },
  { is: "too long", shown: ["v".repeat(129)], gives: "refused" },
  { is: "a right-to-left trick", shown: [Buffer.from("viktor\u202enimda").toString("latin1")], gives: "refused" },
];

test("peer × secret × header: every cell", () => {
  const wrong: string[] = [];
  let cells = 0;
  let letIn = 0;
  for (const [peer, trusted] of Object.entries(PEERS))
    for (const secret of SECRETS)
      for (const header of HEADERS) {
        const headers = new Headers();
        for (const value of header.shown) headers.append("X-Authentik-Username", value);
        for (const value of [secret.shown ?? []].flat()) headers.append("X-Breakglass-Proxy-Secret", value as string);
        const verdict = edgeUser(trust(secret.set), peer, headers);
        const expected =
          header.gives === "nobody" && header.shown.length === 0
            ? "nobody"
            : !trusted || !secret.right
              ? "refused"
              : header.gives;
        if (verdict.is !== expected)
          wrong.push(
            `${peer || "no peer"} × ${secret.set}/${secret.shown} × ${header.is}: ${verdict.is}, not ${expected}`,
          );
        if (verdict.is === "somebody") letIn++;
        cells++;
      }
  expect(wrong).toEqual([]);
  expect(cells).toBe(11 * 8 * 10);
  // 4 peers × 3 right secrets × 2 good headers: else the matrix lets nobody in and proves nothing.
  expect(letIn).toBe(24);
});

test("with no trusted proxies the header signs nobody in, from anywhere", () => {
  const nobody = { ...trust(null), trusted_proxies: [] };
  for (const peer of Object.keys(PEERS))
    expect(edgeUser(nobody, peer, new Headers({ "x-authentik-username": "admin" })).is).toBe("refused");
});

test("another header's name does not count", () => {
  expect(edgeUser(trust(null), "10.0.0.9", new Headers({ "x-forwarded-user": "admin" }))).toEqual({ is: "nobody" });
});

test("a name in UTF-8 arrives as it was written", () => {
  const headers = new Headers({ "x-authentik-username": Buffer.from("jürgen").toString("latin1") });
  expect(edgeUser(trust(null), "10.0.0.9", headers)).toEqual({ is: "somebody", name: "jürgen" });
});

test("a refusal names the setting to look at", () => {
  const shown = new Headers({ "x-authentik-username": "viktor" });
  const far = edgeUser(trust(null), "10.9.9.9", shown);
  const mute = edgeUser(trust("s"), "10.0.0.9", shown);
  expect(far.is === "refused" && far.why).toContain("BREAKGLASS_TRUSTED_PROXIES");
  expect(mute.is === "refused" && mute.why).toContain("BREAKGLASS_PROXY_SECRET");
});
