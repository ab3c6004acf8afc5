/**
 * Who the edge says is there. Its header counts only from a peer in `BREAKGLASS_TRUSTED_PROXIES` that also shows
 * `BREAKGLASS_PROXY_SECRET` when one is set; from anybody else it is a stranger's claim. Pure: peer and headers in, verdict out.
 */

import { sameSecret } from "./digest.ts";
import { contains, type Network } from "./network.ts";

export interface EdgeTrust {
  readonly trusted_proxies: readonly Network[];
  readonly proxy_secret: string | null;
  readonly user_header: string;
  /** Names that count; left out or null: every name that the edge gives. */
  readonly trusted_users?: readonly string[] | null;
}

export type EdgeVerdict =
  | { readonly is: "nobody" }
  | { readonly is: "somebody"; readonly name: string }
  /** A user header was shown and does not count; `why` is a sentence for the person who set the edge up. */
  | { readonly is: "refused"; readonly why: string };

export const SECRET_HEADER = "x-breakglass-proxy-secret";
const LONGEST_NAME = 128;

export function fromEdge(trust: EdgeTrust, peer: string, headers: Headers): boolean {
  if (!trust.trusted_proxies.some((network) => contains(network, peer))) return false;
  return trust.proxy_secret === null || sameSecret(headers.get(SECRET_HEADER) ?? "", trust.proxy_secret);
}

export function edgeUser(trust: EdgeTrust, peer: string, headers: Headers): EdgeVerdict {
  const shown = headers.get(trust.user_header);
  if (shown === null) return { is: "nobody" };
  if (!trust.trusted_proxies.some((network) => contains(network, peer)))
    return {
      is: "refused",
      why: `The ${trust.user_header} header does not count from ${peer || "an unknown address"}: it is not in BREAKGLASS_TRUSTED_PROXIES.`,
    };
  if (!fromEdge(trust, peer, headers))
    return {
      is: "refused",
      why: "The edge did not show the right X-Breakglass-Proxy-Secret: set it there as BREAKGLASS_PROXY_SECRET is set here.",
    };
  const name = decoded(shown).trim();
  if (name === "") return { is: "nobody" };
  // Two headers of one name arrive joined by a comma: the second is perhaps the visitor's own.
  if (name.includes(","))
    return {
      is: "refused",
      why: `More than one ${trust.user_header} arrived: the edge must replace the visitor's header, not add to it.`,
    };
  if (name.length > LONGEST_NAME || /\p{C}/u.test(name))
    return {
      is: "refused",
      why: `The ${trust.user_header} header holds no name of at most ${LONGEST_NAME} printable characters.`,
    };
  if (trust.trusted_users && !trust.trusted_users.includes(name))
    return {
      is: "refused",
      why: `The edge signed in ${name}, who is not named in BREAKGLASS_TRUSTED_USERS.`,
    };
  return { is: "somebody", name };
}

/** Header bytes arrive as Latin-1; edges write UTF-8. */
function decoded(value: string): string {
  if (!/[\x80-\xff]/.test(value) || /[^\x00-\xff]/.test(value)) return value;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(value, (c) => c.charCodeAt(0)));
  } catch {
    return value;
  }
}
