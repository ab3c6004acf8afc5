/**
 * A host key as a value: how it is written, its fingerprint, and what is known when an end of a target shows another one
 * than the pinned one. Pure; it knows neither files nor the network.
 */
import { createHash } from "node:crypto";
import type { SshPlace, Target } from "./target.ts";

/** The two machines of a target that ssh goes to. */
export type End = "vm" | "pve";
export const ENDS: readonly End[] = ["vm", "pve"];
export const END_WORDS: Readonly<Record<End, string>> = { vm: "the VM", pve: "the PVE host" };

/** What two people compare: `ssh-ed25519 SHA256:…`, as `ssh-keygen -l` prints it. */
export interface KeyPrint {
  readonly type: string;
  readonly fingerprint: string;
}

export interface HostKey extends KeyPrint {
  /** The public key itself, base64. */
  readonly key: string;
}

/** Where a pin comes from: a setting, which only a setting changes, or our own file, written at the first contact. */
export type PinnedBy = "settings" | "contact";

export interface ChangedKey {
  readonly target: string;
  readonly end: End;
  /** As known_hosts has it: `10.0.0.5` or `[10.0.0.5]:2222`. */
  readonly host: string;
  /** Null: no key of this machine is pinned, and the settings allow no first contact. */
  readonly old: KeyPrint | null;
  /** Null: it could not be read just now. */
  readonly offered: KeyPrint | null;
  readonly pinned_by: PinnedBy;
  /** When this was first seen, ms since the epoch. */
  readonly since: number;
}

/** One end of a target, and how it stands. */
export interface PinnedEnd {
  readonly end: End;
  readonly host: string;
  readonly pinned: readonly KeyPrint[];
  readonly pinned_by: PinnedBy;
  readonly changed: ChangedKey | null;
}

export const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}$/;
const TYPES = /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-[a-z0-9-]+@openssh\.com)$/;

/** The name of a place in known_hosts. OpenSSH looks it up in small letters, and names the port where it is not 22. */
export function placeName({ host, port }: Pick<SshPlace, "host" | "port">): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

export function hostKey(type: string, key: string): HostKey {
  const hash = createHash("sha256").update(Buffer.from(key, "base64")).digest("base64").replace(/=+$/, "");
  return { type, key, fingerprint: `SHA256:${hash}` };
}

/** A key as in `ssh_host_ed25519_key.pub`: type, base64, perhaps a comment. Null when it is not one. */
export function readHostKey(text: string): HostKey | null {
  const [type = "", key = ""] = text.trim().split(/[ \t]+/);
  if (!TYPES.test(type) || !/^[A-Za-z0-9+/]{40,}={0,2}$/.test(key)) return null;
  // The key names its own type once more, behind four bytes of length (RFC 4253, 6.6): a mixed-up paste shows here.
  const blob = Buffer.from(key, "base64");
  return blob.subarray(4, 4 + blob.readUInt32BE(0)).toString("latin1") === type ? hostKey(type, key) : null;
}

export const sameKey = (a: KeyPrint | null, b: KeyPrint | null): boolean => a?.fingerprint === b?.fingerprint;
export const printOf = ({ type, fingerprint }: KeyPrint): KeyPrint => ({ type, fingerprint });
export const printInWords = (key: KeyPrint | null): string => (key ? `${key.type} ${key.fingerprint}` : "none");

/** ssh itself refused the far end's key, so nothing was sent. 255 is ssh's own: a far program's stderr can't say this. */
export function keyRefused(exit_code: number | null, stderr: string): boolean {
  return exit_code === 255 && /REMOTE HOST IDENTIFICATION HAS CHANGED|^Host key verification failed/m.test(stderr);
}

export const REFUSED_WORDS = "it shows a host key that is not the pinned one";

/** What an action says whose host was not the pinned one. */
export const strangeHost = (target: Pick<Target, "id">): string =>
  `the PVE host shows a host key that is not the pinned one, so nothing was sent to it; compare the two keys, then at the server's own terminal: ${terminalCommand("pve", target)}`;

/** The file of a machine's own public key of this type, where Debian and Proxmox VE keep it. */
export function keyFile(type: string): string {
  const name = type.startsWith("ecdsa") ? "ecdsa" : type === "ssh-rsa" ? "rsa" : "ed25519";
  return `/etc/ssh/ssh_host_${name}_key.pub`;
}

/** What accepts a key where this page may not. */
export const terminalCommand = (end: End, target: Pick<Target, "id">): string =>
  `bun run access accept-key ${end} ${target.id}`;

export const SETTING_RULES =
  "this key is pinned by a setting (BREAKGLASS_KNOWN_HOSTS, or vm_host_key and pve_host_key in BREAKGLASS_CONFIG), so only that setting can change it: compare the keys, correct it, and start the console again";
