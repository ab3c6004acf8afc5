/** A target: one VM and the PVE host it runs on. Names are used as given; nothing here asks DNS. */
export interface Target {
  /** Short and stable: `[a-z0-9-]{1,32}`; the first system's single target is `devvm`. */
  readonly id: string;
  /** What people call it. */
  readonly name: string;
  readonly vmid: number;
  readonly vm: SshPlace;
  readonly pve: SshPlace;
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

export const streamOf = (target: Pick<Target, "id">): string => `target:${target.id}`;
