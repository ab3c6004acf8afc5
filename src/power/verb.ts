/** The six words that the PVE host obeys: one table, and the only place where a verb is described. */
export interface Verb {
  readonly name: VerbName;
  readonly mutates: boolean;
  /** One line for the button. */
  readonly brief: string;
  /** One sentence that tells a tired person when to use it. */
  readonly use: string;
  /** What the confirmation says will happen, after "Cycle devvm (VM 102)?". */
  readonly will: string;
}

export type VerbName = "status" | "forensics" | "start" | "stop" | "reset" | "cycle";

export const VERBS: Readonly<Record<VerbName, Verb>> = {
  status: {
    name: "status",
    mutates: false,
    brief: "is it up?",
    use: "Asks Proxmox what it believes about the VM. Changes nothing.",
    will: "Asks; changes nothing.",
  },
  forensics: {
    name: "forensics",
    mutates: false,
    brief: "capture the live state",
    use: "Saves what QEMU, the host and the guest agent say right now. Changes nothing.",
    will: "Captures evidence; changes nothing.",
  },
  start: {
    name: "start",
    mutates: true,
    brief: "power on",
    use: "Powers on a VM that is stopped.",
    will: "Powers the VM on.",
  },
  stop: {
    name: "stop",
    mutates: true,
    brief: "pull the plug",
    use: "Hard power-off. Whatever the guest had not written is lost, and it stays off.",
    will: "Pulls the plug: what the guest has not written is lost, and the VM stays off.",
  },
  reset: {
    name: "reset",
    mutates: true,
    brief: "warm, same QEMU",
    use: "Warm reset inside the same QEMU process. For a hung guest; no cure for a stalled disk.",
    will: "Resets the guest at once; the same QEMU process goes on, so a stalled disk stays stalled.",
  },
  cycle: {
    name: "cycle",
    mutates: true,
    brief: "stop, then start",
    use: "Full stop, then start: a new QEMU process. The cure for a stalled disk; staged config applies.",
    will: "Stops it hard, then starts a new QEMU process. Staged config applies.",
  },
};

export function verbNamed(name: string): Verb | null {
  return Object.hasOwn(VERBS, name) ? VERBS[name as VerbName] : null;
}

export const VERB_NAMES = Object.keys(VERBS).sort() as VerbName[];
export const MUTATING = VERB_NAMES.filter((name) => VERBS[name].mutates) as [VerbName, ...VerbName[]];
