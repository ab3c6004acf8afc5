/** Secrets compared as digests, in a time that says nothing about where they differ or how long they are. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

export const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

export const sameSecret = (shown: string, ours: string): boolean => timingSafeEqual(digest(shown), digest(ours));

/** HMAC-SHA256 cut to 128 bits, base64url: 22 characters. The parts can't run into one another. */
export function seal(key: Uint8Array, parts: readonly string[]): string {
  return createHmac("sha256", key).update(JSON.stringify(parts)).digest().subarray(0, 16).toString("base64url");
}
