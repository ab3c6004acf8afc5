/** A target: one VM and the PVE host it runs on. Names are used as given; nothing here asks DNS. */
import { refuse } from "../refusal.ts";

export interface Target {
  /** Short and stable: `[a-z0-9-]{1,32}`; the first system's single target is `devvm`. */
  readonly id: string;
  /** What people call it. */
  readonly name: string;
  readonly vmid: number;
  readonly vm: SshPlace;
  readonly pve: SshPlace;
  /** What the agent may do here by itself, where that differs from BREAKGLASS_AGENT_POWER. */
  readonly agent_power?: "ask" | "autonomous" | "never";
  /** The built-in simulated target. */
  readonly lab: boolean;
}

export interface SshPlace {
  readonly host: string;
  readonly user: string;
  readonly port: number;
  /** Its host key from the settings, `ssh-ed25519 AAAA…`; left out: what known_hosts has. */
  readonly host_key?: string;
}

/** The target of that id; left out, the first one. Throws Refusal 404. */
export function targetNamed(targets: readonly Target[], id: string | undefined): Target {
  if (id === undefined || id === "") return targets[0]!;
  return targets.find((t) => t.id === id) ?? refuse(404, `there is no target '${id}'; GET /status names them`);
}

export const streamOf = (target: Pick<Target, "id">): string => `target:${target.id}`;
