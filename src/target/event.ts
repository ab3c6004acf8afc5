/** What is written about a target beside its actions: its state in words when that changed, and first contacts. */
import type { Entry } from "../log/log.ts";
import type { Contact } from "./known-hosts.ts";
import type { StateName } from "./state.ts";

export type TargetBody = {
  observed: { is: StateName; says: string; was: StateName };
  /** A host key was seen for the first time and accepted; compare its fingerprint at the machine itself. */
  contacted: Contact;
};
export type TargetEntry = { [K in keyof TargetBody]: Entry<K, TargetBody[K]> }[keyof TargetBody];
