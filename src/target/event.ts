/** What is written about a target beside its actions: its state in words when that changed, and what became of its host keys. */
import type { Entry } from "../log/log.ts";
import type { End, KeyPrint } from "./host-key.ts";
import type { Contact } from "./known-hosts.ts";
import type { StateName } from "./state.ts";

export type TargetBody = {
  observed: { is: StateName; says: string; was: StateName };
  /** A host key was seen for the first time and accepted; compare its fingerprint at the machine itself. */
  contacted: Contact;
  /** An end shows another key than the pinned one, and ssh refuses it. Once per key. */
  key_changed: { end: End; host: string; old: KeyPrint | null; offered: KeyPrint | null };
  /** An operator put the new key in the place of the old one. */
  key_accepted: { by: string; end: End; host: string; old: KeyPrint | null; new: KeyPrint };
};
export type TargetEntry = { [K in keyof TargetBody]: Entry<K, TargetBody[K]> }[keyof TargetBody];
