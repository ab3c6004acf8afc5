/** A real place for a console: a PVE host behind sshd with the real script, and a VM behind another sshd with a shell. One key. */
import { appendFileSync, chmodSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type PveHost, type PveWishes, startPveHost } from "./pve-host.ts";
import { tempDir } from "./server.ts";
import { type Sshd, startSshd } from "./sshd.ts";

export const TOKEN = "test-token-of-32-characters-0000";

export interface Far {
  readonly port: number;
  readonly user: string;
  readonly identity: string;
}

export interface RealPlace {
  readonly dir: string;
  readonly host: PveHost;
  readonly vm: Sshd;
  /** The settings of a console here, or of one whose PVE host is another. */
  settings(pve?: Far): Record<string, string>;
  end(): Promise<void>;
}

export async function startRealPlace(wishes: PveWishes = {}): Promise<RealPlace> {
  const dir = tempDir("real");
  const [host, vm] = await Promise.all([startPveHost(wishes), startSshd({ dir: join(dir, "vm") })]);
  // One key for both ends, as a console has it.
  appendFileSync(join(dir, "vm", "authorized_keys"), readFileSync(`${host.sshd.identity}.pub`, "utf8"));
  return {
    dir,
    host,
    vm,
    settings(pve = host.sshd) {
      // Readable by its group, as a mounted secret is; OpenSSH itself would refuse it.
      chmodSync(pve.identity, 0o440);
      return {
        API_BEARER_TOKEN: TOKEN,
        BREAKGLASS_PVE_HOST: "127.0.0.1",
        BREAKGLASS_PVE_PORT: String(pve.port),
        BREAKGLASS_PVE_USER: pve.user,
        BREAKGLASS_DEVVM_HOST: "127.0.0.1",
        BREAKGLASS_DEVVM_PORT: String(vm.port),
        BREAKGLASS_DEVVM_USER: vm.user,
        BREAKGLASS_KEY_PATH: pve.identity,
      };
    },
    async end() {
      await host.end();
      await vm.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
