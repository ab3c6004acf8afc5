/**
 * First contacts, noticed: where the settings pin no host keys, OpenSSH writes a new host's key into our own file
 * (`accept-new`) and refuses a changed one. This reads what it wrote and says so, with the fingerprint to compare.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";

export interface Contact {
  /** As ssh writes it: `10.0.0.5` or `[10.0.0.5]:2222`. */
  readonly host: string;
  readonly type: string;
  /** `SHA256:…`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
}

/** @returns a function that gives the contacts written since it was last called. */
export function firstContacts(known_hosts: string): () => Contact[] {
  const seen = new Set(linesOf(known_hosts));
  return () =>
    linesOf(known_hosts)
      .filter((line) => !seen.has(line) && seen.add(line))
      .map(contactFrom)
      .filter((c) => c !== null);
}

function contactFrom(line: string): Contact | null {
  const [host, type, key] = line.split(/\s+/);
  if (!host || !type || !key) return null;
  const hash = createHash("sha256").update(Buffer.from(key, "base64")).digest("base64").replace(/=+$/, "");
  return { host, type, fingerprint: `SHA256:${hash}` };
}

const linesOf = (path: string): string[] =>
  existsSync(path)
    ? readFileSync(path, "utf8")
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"))
    : [];
