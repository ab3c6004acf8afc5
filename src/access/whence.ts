/**
 * From where a request comes, for the audit: the peer's address, and behind a trusted edge the address that it forwards for.
 * What anybody else says of itself is not repeated. Pure.
 */
import { type EdgeTrust, fromEdge } from "./edge.ts";
import { contains, parseAddress } from "./network.ts";

/** "203.0.113.7 via 10.0.0.9", or the peer alone. */
export function whence(trust: EdgeTrust, peer: string, headers: Headers): string {
  const told = headers.get("x-forwarded-for");
  if (told === null || !fromEdge(trust, peer, headers)) return peer;
  // Each proxy adds at the end, so the last one that is no proxy of ours is the first that nobody but ours has written.
  const client = told
    .split(",")
    .map((part) => part.trim())
    .reverse()
    .find((address) => !trust.trusted_proxies.some((network) => contains(network, address)));
  return client !== undefined && parseAddress(client) ? `${client} via ${peer}` : peer;
}
