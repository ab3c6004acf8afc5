/**
 * Where a request that changes something comes from, decided from what a browser can't be talked into lying about. Pure.
 * Whatever the content type: a JSON body is no proof, since a plain form can be made to send one.
 */
export interface Origins {
  readonly method: string;
  readonly sec_fetch_site: string | null;
  readonly origin: string | null;
  /** Our own origins, exactly as a browser writes them. */
  readonly ours: readonly string[];
  /** A page elsewhere can't know the token, so a caller that showed it needs no further proof. */
  readonly bearer: boolean;
}

/**
 * `ours`: proven, go on. `foreign`: a browser says that it is not. `silent`: nothing was said (text browsers send neither
 * header), so only a request id of this operator's proves it.
 */
export type Provenance = "ours" | "foreign" | "silent";

export const isSafe = (method: string): boolean => method === "GET" || method === "HEAD" || method === "OPTIONS";

export function provenance(q: Origins): Provenance {
  if (isSafe(q.method) || q.bearer) return "ours";
  // Before Origin: with `Referrer-Policy: no-referrer` a browser sends our own forms with `Origin: null`.
  if (q.sec_fetch_site !== null) return q.sec_fetch_site === "same-origin" ? "ours" : "foreign";
  if (q.origin !== null) return q.ours.includes(q.origin) ? "ours" : "foreign";
  return "silent";
}
