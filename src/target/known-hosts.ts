/**
 * The files that ssh reads pinned keys from: one that the settings name, one written from the settings, and one of our own,
 * where OpenSSH writes a new host's key (`accept-new`) and refuses a changed one. It decides nothing about a key.
 */
import { createHmac } from "node:crypto";
import { chownSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { ENDS, type End, type HostKey, hostKey, type KeyPrint, type PinnedBy, placeName } from "./host-key.ts";
import type { Ssh } from "./ssh.ts";
import type { SshPlace, Target } from "./target.ts";

export interface Contact extends KeyPrint {
  /** As ssh writes it: `10.0.0.5` or `[10.0.0.5]:2222`. */
  readonly host: string;
  /** Which end of the target it is; left out in entries of older consoles. */
  readonly end?: End;
}

/** Which file pins this place, and who may change it. */
export function pinOf(ssh: Ssh, place: SshPlace): { path: string; by: PinnedBy } {
  if (place.host_key && ssh.pinned) return { path: ssh.pinned, by: "settings" };
  return { path: ssh.known_hosts, by: ssh.host_keys === "yes" ? "settings" : "contact" };
}

/** The keys pinned for a place, in the order of the file. */
export function keysPinned(path: string, place: SshPlace): HostKey[] {
  const name = placeName(place);
  return linesOf(path)
    .map((line) => line.split(/\s+/))
    .filter(([names, type, key]) => names && type && key && names.split(",").some((pattern) => matches(pattern, name)))
    .map(([, type, key]) => hostKey(type!, key!));
}

/**
 * Puts one key in the place of all that our own file has for this machine. In two steps, so that what is written between
 * them (the log) is written before ssh trusts the key, and not without it.
 * @returns what makes it true; it can hardly fail any more.
 */
export function replacing(path: string, place: SshPlace, key: HostKey): () => void {
  const name = placeName(place);
  const kept = linesOf(path).filter((line) => !line.split(/\s+/)[0]!.split(",").includes(name));
  const beside = `${path}.new`;
  writeFileSync(beside, `${[...kept, `${name} ${key.type} ${key.key}`].join("\n")}\n`, { mode: 0o600 });
  ownedLike(dirname(path), beside);
  return () => renameSync(beside, path);
}

/** Writes the file of the keys that stand in the settings; without any it is removed. */
export function writePinned(path: string, targets: readonly Target[]): void {
  const lines = targets.flatMap((target) =>
    ENDS.filter((end) => target[end].host_key).map((end) => `${placeName(target[end])} ${target[end].host_key}`),
  );
  rmSync(path, { force: true });
  if (lines.length === 0) return;
  const text = `# From BREAKGLASS_CONFIG, written anew at each start.\n${[...new Set(lines)].join("\n")}\n`;
  writeFileSync(path, text, { mode: 0o600 });
}

/** @returns a function that gives the contacts written since it was last called; a machine known before is not a new one. */
export function firstContacts(known_hosts: string): () => Contact[] {
  const hosts = () => linesOf(known_hosts).map((line) => line.split(/\s+/));
  const seen = new Set(hosts().map(([host]) => host));
  return () =>
    hosts().flatMap(([host, type, key]) => {
      if (!host || !type || !key || seen.has(host)) return [];
      seen.add(host);
      const { fingerprint } = hostKey(type, key);
      return [{ host, type, fingerprint }];
    });
}

/** A root terminal must not take a file away from the console, which runs as somebody else. */
export function ownedLike(folder: string, path: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(folder);
  if (uid !== 0) chownSync(path, uid, gid);
}

const linesOf = (path: string): string[] =>
  existsSync(path)
    ? readFileSync(path, "utf8")
        .split("\n")
        .filter((line) => line.trim() !== "" && !/^[#@]/.test(line))
    : [];

/** Names as sshd(8) describes them: plain, hashed (`|1|salt|hash`), or with `*` and `?`. A negation is left to ssh. */
function matches(pattern: string, name: string): boolean {
  const [, salt, hash] = /^\|1\|([^|]+)\|(.+)$/.exec(pattern) ?? [];
  if (salt && hash) return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === hash;
  if (!/[*?]/.test(pattern)) return pattern.toLowerCase() === name;
  const glob = pattern
    .toLowerCase()
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${glob}$`).test(name);
}
