/** Which peer is inside which network, in both families and in the IPv6 coat of an IPv4 address. */
import { expect, test } from "bun:test";
import {
  contains,
  isEverybody,
  isLoopback,
  type Network,
  parseAddress,
  parseNetwork,
} from "../../src/access/network.ts";

const network = (text: string): Network => {
  const parsed = parseNetwork(text);
  if (typeof parsed === "string") throw new Error(parsed);
  return parsed;
};

test.each([
  ["10.0.0.0/8", "10.255.0.1", true],
  ["10.0.0.0/8", "11.0.0.1", false],
  ["10.0.0.0/8", "::ffff:10.1.2.3", true],
  ["10.0.0.0/8", "::ffff:a01:203", true],
  ["10.0.0.0/8", "::10.1.2.3", false],
  ["192.168.1.7", "192.168.1.7", true],
  ["192.168.1.7", "192.168.1.8", false],
  ["192.168.1.128/25", "192.168.1.127", false],
  ["192.168.1.128/25", "192.168.1.128", true],
  ["0.0.0.0/0", "203.0.113.9", true],
  ["0.0.0.0/0", "2001:db8::1", false],
  ["::/0", "203.0.113.9", false],
  ["::/0", "2001:db8::1", true],
  ["::ffff:10.0.0.0/104", "10.9.9.9", true],
  ["::ffff:10.0.0.0/104", "11.9.9.9", false],
  ["fd00::/8", "fd12:3456::1", true],
  ["fd00::/8", "fe80::1%eth0", false],
  ["fe80::/10", "fe80::1%eth0", true],
  ["2001:db8:0:0:1::/80", "2001:db8::1:2:3:4", true],
  ["::1", "0:0:0:0:0:0:0:1", true],
  ["10.0.0.0/8", "", false],
  ["10.0.0.0/8", "10.0.0", false],
  ["10.0.0.0/8", "010.0.0.1", false],
  ["10.0.0.0/8", "10.0.0.1, 10.0.0.2", false],
  ["10.0.0.0/8", "edge.example", false],
])("%s holds %s: %p", (text, peer, inside) => {
  expect(contains(network(text), peer)).toBe(inside);
});

test.each([
  "",
  "10.0.0.0/33",
  "10.0.0.0/",
  "10.0.0.0/8/8",
  "10.0.0.0/-1",
  "10.0.0.5/8",
  "300.0.0.1",
  "::/129",
  "1::2::3",
  "1:2:3:4:5:6:7:8:9",
  "fe80::1%eth0/64",
  "example.org",
  "::ffff:0.0.0.0/95",
  "*",
])("%p is no network, and a sentence says why", (text) => {
  expect(typeof parseNetwork(text)).toBe("string");
});

test("a network with host bits set names both things that may have been meant", () => {
  expect(parseNetwork("10.0.0.5/8")).toContain("10.0.0.5/32");
});

test("as good as everybody: wider than all of 10.0.0.0/8, wider than all private IPv6", () => {
  expect(
    ["0.0.0.0/0", "128.0.0.0/1", "::/0", "2000::/3", "::ffff:0.0.0.0/96"].map((t) => isEverybody(network(t))),
  ).toEqual([true, true, true, true, true]);
  expect(["10.0.0.0/8", "fc00::/7", "127.0.0.1"].map((t) => isEverybody(network(t)))).toEqual([false, false, false]);
});

test("loopback is what no other machine can reach", () => {
  expect(["127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1"].filter((h) => !isLoopback(h))).toEqual([]);
  expect(["0.0.0.0", "::", "10.0.0.1", "localhost.example", "128.0.0.1", ""].filter(isLoopback)).toEqual([]);
});

test("every address that is written differently and means the same is the same", () => {
  const one = parseAddress("2001:db8::ff00:42:8329");
  expect(parseAddress("2001:0db8:0000:0000:0000:FF00:0042:8329")).toEqual(one);
  expect(parseAddress("::ffff:1.2.3.4")).toEqual(parseAddress("1.2.3.4"));
});
