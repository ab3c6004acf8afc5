/**
 * The guest's own word after a mutating verb. The host proves the VM (a new QEMU, its monitor answers); that an operating
 * system came back is only proven when it answers itself. This knocks until it does, or the patience is over.
 */
import type { Target } from "../target/target.ts";

export interface ProveTools {
  /** One knock on the VM's ssh. Never throws. */
  readonly knock: (target: Target) => Promise<{ answered: boolean; why: string }>;
  /** What the guest agent says, through the host's `status`: `answered`, `silent`, `none`, or null when it could not be asked. */
  readonly agent: (target: Target) => Promise<string | null>;
  readonly patience_ms?: number;
  readonly every_ms?: number;
}

export interface Proof {
  /** How long after the run's end ssh answered, ms; null: it did not within the patience. */
  readonly ssh_after_ms: number | null;
  readonly agent: string | null;
  /** Why ssh did not answer; empty when it did. */
  readonly why: string;
  readonly waited_ms: number;
  /** Asked anew after a restart of the console: how long the guest took is not known then. */
  readonly anew?: boolean;
}

/** A guest that needs longer than this to boot is looked at by a person, ms. */
const PATIENCE_MS = 180_000;
const EVERY_MS = 2_000;

export async function proveGuest(target: Target, tools: ProveTools): Promise<Proof> {
  const began = performance.now();
  const waited = () => Math.round(performance.now() - began);
  const patience = tools.patience_ms ?? PATIENCE_MS;
  for (;;) {
    const knock = await tools.knock(target);
    if (knock.answered || waited() >= patience)
      return {
        ssh_after_ms: knock.answered ? waited() : null,
        agent: await tools.agent(target),
        why: knock.answered ? "" : knock.why,
        waited_ms: waited(),
      };
    await Bun.sleep(tools.every_ms ?? EVERY_MS);
  }
}

/** "ssh answered after 14 s · agent answered", or what is missing. */
export function proofInWords(proof: Proof): string {
  const seconds = (ms: number) => `${Math.max(1, Math.round(ms / 1000))} s`;
  const ssh =
    proof.ssh_after_ms !== null
      ? proof.anew
        ? "ssh answers (asked after the console's restart)"
        : `ssh answered after ${seconds(proof.ssh_after_ms)}`
      : `ssh did not answer within ${seconds(proof.waited_ms)}${proof.why ? ` (${proof.why})` : ""}: only the VM is proven`;
  const agent =
    proof.agent === "answered"
      ? "agent answered"
      : proof.agent === "silent"
        ? "agent silent"
        : proof.agent === "none"
          ? "no agent"
          : "agent not asked";
  return `${ssh} · ${agent}`;
}
