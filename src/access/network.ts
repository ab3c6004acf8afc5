/**
 * Addresses and networks (CIDR), IPv4 and IPv6, as values: which peer is inside which network. An IPv4 address that
 * arrives in its IPv6 coat (`::ffff:10.0.0.1`, as a dual-stack listener reports it) is the IPv4 address, everywhere.
 * It knows no names: nothing here asks DNS.
 */
export interface Network {
  readonly family: 4 | 6;
  readonly base: bigint;
  readonly prefix: number;
  /** As it was written. */
  readonly text: string;
}

interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

const MAPPED = 0xffffn << 32n;
const bitsOf = (family: 4 | 6): number => (family === 4 ? 32 : 128);

/** Null when it is no address. A zone (`%eth0`) is not part of the address. */
export function parseAddress(text: string): Address | null {
  const bare = text.replace(/%[\w.-]+$/, "");
  if (!bare.includes(":")) {
    const value = v4(bare);
    return value === null ? null : { family: 4, value };
  }
  const value = v6(bare);
  if (value === null) return null;
  return value >> 32n === MAPPED >> 32n ? { family: 4, value: value & 0xffffffffn } : { family: 6, value };
}

/** A network, or the sentence that says what is wrong with it. A single address is a network of one. */
export function parseNetwork(text: string): Network | string {
  const [head = "", tail, extra] = text.split("/");
  const address = parseAddress(head);
  if (!address || extra !== undefined || head.includes("%")) return `"${text}" is no address or CIDR`;
  const mapped = address.family === 4 && head.includes(":");
  const written = bitsOf(mapped ? 6 : address.family);
  if (tail !== undefined && !/^\d{1,3}$/.test(tail)) return `"${text}" has no number after the slash`;
  const prefix = (tail === undefined ? written : Number(tail)) - (mapped ? 96 : 0);
  const bits = bitsOf(address.family);
  if (prefix < 0 || prefix > bits) return `"${text}" has a prefix outside 0 to ${written}`;
  const host = (1n << BigInt(bits - prefix)) - 1n;
  // 10.0.0.5/8 trusts sixteen million addresses where one may have been meant; we do not guess.
  if ((address.value & host) !== 0n)
    return `"${text}" has bits set past /${tail}: write ${head}/${written} for the one address, or the network's first address`;
  return { family: address.family, base: address.value, prefix, text };
}

export function contains(network: Network, peer: string): boolean {
  const address = parseAddress(peer);
  if (!address || address.family !== network.family) return false;
  const shift = BigInt(bitsOf(network.family) - network.prefix);
  return address.value >> shift === network.base >> shift;
}

/** As widely as one household or one phone holds addresses: an IPv4 address, an IPv6 /64. Told apart by it, never trusted by it. */
export function neighbourhood(from: string): string {
  const address = parseAddress(from.split(" ")[0]!);
  if (!address) return from;
  return address.family === 4 ? `4:${address.value}` : `6:${address.value >> 64n}`;
}

/** So wide that it is as good as everybody: anything wider than 10.0.0.0/8 or than all private IPv6 (fc00::/7). */
export const isEverybody = (network: Network): boolean => network.prefix < (network.family === 4 ? 8 : 7);

/** `HOST` values that only this machine can reach. `localhost` is what every system resolves without asking anybody. */
export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === "localhost") return true;
  const address = parseAddress(host);
  if (!address) return false;
  return address.family === 4 ? address.value >> 24n === 127n : address.value === 1n;
}

function v4(text: string): bigint | null {
  const parts = text.split(".");
  // A leading zero is octal to some programs and decimal to others, so it is nothing to us.
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return null;
  return parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

function v6(text: string): bigint | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const left = groups(halves[0]!, halves.length === 1);
  const right = halves.length === 2 ? groups(halves[1]!, true) : [];
  if (!left || !right) return null;
  const missing = 8 - left.length - right.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const all = [...left, ...new Array<bigint>(missing).fill(0n), ...right];
  return all.reduce((sum, group) => (sum << 16n) | group, 0n);
}

/** The 16-bit groups of one side of `::`; a dotted IPv4 tail counts as two, at the end only. */
function groups(text: string, last: boolean): bigint[] | null {
  if (text === "") return [];
  const out: bigint[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (part.includes(".")) {
      const value = last && i === parts.length - 1 ? v4(part) : null;
      if (value === null) return null;
      out.push(value >> 16n, value & 0xffffn);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) out.push(BigInt(`0x${part}`));
    else return null;
  }
  return out;
}
