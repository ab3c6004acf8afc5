/**
 * The console's own secret: 32 random bytes in the data directory, readable by nobody else. Request ids and sign-in
 * cookies are sealed with it, so both outlive a restart. It never leaves this process.
 */

import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const SIZE = 32;

export interface Kept {
  readonly secret: Uint8Array;
  /** Null when it is on disk; otherwise the sentence that says why it lives in memory alone. */
  readonly trouble: string | null;
}

/** Never throws: with a full or read-only disk the console must still let its operator in, until the next restart. */
export function keepSecret(path: string): Kept {
  const found = readSecret(path);
  if (found) return { secret: found, trouble: null };
  const fresh = randomBytes(SIZE);
  const draft = `${path}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // Whole or not at all: a secret cut short by a full disk would be somebody's next start.
    writeFileSync(draft, fresh, { mode: 0o600 });
    renameSync(draft, path);
    return { secret: fresh, trouble: null };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return {
      secret: fresh,
      trouble: `Sign-ins will not outlive a restart: the secret can't be kept at ${path} (${why}).`,
    };
  }
}

function readSecret(path: string): Uint8Array | null {
  try {
    const bytes = readFileSync(path);
    if (bytes.length !== SIZE) return null;
    closeToOthers(path);
    return bytes;
  } catch {
    return null;
  }
}

function closeToOthers(path: string): void {
  try {
    chmodSync(path, 0o600);
  } catch {
    // a read-only disk: it stays as it was laid
  }
}
