/** Asks a machine for the host key it shows now, with `ssh-keyscan`: no sign-in, nothing is sent but the question. */
import { runChild } from "../child.ts";
import { type HostKey, readHostKey } from "./host-key.ts";
import type { SshPlace } from "./target.ts";

const LIMIT_S = 5;
/** In all, over the types that are tried, ms. */
const LIMIT_MS = 10_000;

/**
 * The key that ssh would be shown: of the pinned type if the machine has one, as ssh asks for that first. Null: no answer.
 * One type at a time: an sshd of 9.8 or later counts each connection that does not sign in against our address.
 */
export async function keyOffered(
  place: SshPlace,
  pinned_type: string | null,
  env: Readonly<Record<string, string>>,
): Promise<HostKey | null> {
  const types = [...new Set([pinned_type ?? "ssh-ed25519", "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])];
  const began = performance.now();
  for (const type of types) {
    if (performance.now() - began > LIMIT_MS - LIMIT_S * 1000) return null;
    const { stdout } = await runChild({
      argv: ["ssh-keyscan", "-T", String(LIMIT_S), "-t", scanName(type), "-p", String(place.port), "--", place.host],
      env,
      limit_ms: LIMIT_MS - LIMIT_S * 1000 + 1000,
    });
    const keys = stdout
      .split("\n")
      .filter((line) => !line.startsWith("#"))
      .map((line) => readHostKey(line.replace(/^\S+\s+/, "")))
      .filter((key) => key !== null);
    const key = keys.find((k) => k.type === type) ?? keys[0];
    if (key) return key;
  }
  return null;
}

/** ssh-keyscan knows families: `rsa`, `ecdsa`, `ed25519`. */
const scanName = (type: string): string =>
  type.startsWith("ecdsa") ? "ecdsa" : type === "ssh-rsa" ? "rsa" : type.startsWith("sk-") ? "ed25519-sk" : "ed25519";
