/**
 * The checks: scripted, read-only diagnoses of the VM (and, for a wedged QEMU, of its host). One table says what is read;
 * `finding.ts` says what it means. No AI, and nothing here changes anything.
 */
export type CheckName = "triage" | "memory" | "disk" | "services" | "qemu";

export interface Check {
  readonly name: CheckName;
  /** The preset's name on the page. */
  readonly title: string;
  /** What "Ask the agent" sends. */
  readonly prompt: string;
  /** Commands on the VM, in order; each has its own limit in seconds. */
  readonly reads: readonly CheckRead[];
  /** Verbs asked of the PVE host first; read-only ones only. */
  readonly host: readonly ("status" | "forensics")[];
}

export interface CheckRead {
  /** A word for the section, `[a-z_]+`, unique in its check. */
  readonly key: string;
  readonly command: string;
  readonly limit_s: number;
}
