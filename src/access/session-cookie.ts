/**
 * What a browser keeps once its operator has signed in: a sealed cookie that proves itself, so that it outlives a restart
 * and even a lost database. Signing out revokes it for good. It is tied to the token it was got with: a new
 * `API_BEARER_TOKEN` signs everybody out.
 */

import { randomBytes } from "node:crypto";
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { digest, sameSecret, seal } from "./digest.ts";

export interface SessionCookies {
  /** The value of a fresh cookie. */
  issue(): string;
  /** True while it is ours, not expired and not revoked. */
  holds(value: string): boolean;
  /** False when it could be revoked in memory alone: a restart would let it in again until it expires. */
  revoke(value: string): boolean;
}

export interface CookieParts {
  readonly secret: Uint8Array;
  /** The token that signs in; null: nobody can, and no cookie holds. */
  readonly bearer: string | null;
  /** A file of revoked cookies, as digests. */
  readonly revoked_path: string;
  readonly now: () => number;
}

/** Long enough for the worst night; there is no idle limit, a phone may sleep through most of it. */
export const SIGNED_IN_FOR_MS = 12 * 60 * 60 * 1000;

export function sessionCookies(parts: CookieParts): SessionCookies {
  const revoked = readRevoked(parts.revoked_path);
  const sealed = (id: string, until: string) =>
    seal(parts.secret, ["cookie", id, until, digest(parts.bearer ?? "").toString("hex")]);
  return {
    issue() {
      const id = randomBytes(16).toString("base64url");
      const until = (parts.now() + SIGNED_IN_FOR_MS).toString(36);
      return `${id}.${until}.${sealed(id, until)}`;
    },
    holds(value) {
      const [id, until, mac, extra] = value.split(".");
      if (parts.bearer === null || !id || !until || !mac || extra !== undefined) return false;
      if (!sameSecret(mac, sealed(id, until))) return false;
      return Number.parseInt(until, 36) > parts.now() && !revoked.has(digest(id).toString("hex"));
    },
    revoke(value) {
      const id = digest(value.split(".")[0] ?? "").toString("hex");
      if (revoked.has(id)) return true;
      revoked.add(id);
      try {
        mkdirSync(dirname(parts.revoked_path), { recursive: true, mode: 0o700 });
        appendFileSync(parts.revoked_path, `${id}\n`, { mode: 0o600, flush: true });
        return true;
      } catch {
        return false; // a full disk
      }
    },
  };
}

function readRevoked(path: string): Set<string> {
  try {
    return new Set(readFileSync(path, "utf8").split("\n").filter(Boolean));
  } catch {
    return new Set();
  }
}
