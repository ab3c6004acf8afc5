/**
 * The wiring of what lies beyond a wire: the lab's simulated host or the real ones, the ways to them (ssh, its key, its pinned
 * hosts), and what runs over these. It knows no session and no page.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { markOf } from "../agent/claude.ts";
import type { CheckTools } from "../checks/in-session.ts";
import { startChild } from "../child.ts";
import type { Config } from "../config.ts";
import { openLab } from "../lab/lab.ts";
import type { Disk } from "../log/disk.ts";
import type { Log } from "../log/log.ts";
import { endingInWords } from "../outcome.ts";
import { pveOverSsh } from "../power/pve.ts";
import { linesThrough } from "../secrets/as-it-comes.ts";
import { askTarget, knockOn } from "../target/ask.ts";
import { HostKeys } from "../target/host-keys.ts";
import { openKeychain } from "../target/keychain.ts";
import { writePinned } from "../target/known-hosts.ts";
import { type Ssh, sshArgv } from "../target/ssh.ts";
import type { Target } from "../target/target.ts";

export interface FarEndsParts {
  readonly config: Config;
  readonly log: Log;
  readonly disk: Disk;
  readonly clean: (text: string) => string;
  /** True when the outcome of that action on that target is known, or nobody knows the action. */
  readonly isOver: (target_id: string, id: string) => boolean;
  /** Something changed by which these targets may answer now. */
  readonly stirred: (targets: readonly Target[]) => void;
}

export type FarEnds = Awaited<ReturnType<typeof openFarEnds>>;

/** Throws KeyTrouble when the ssh key can't be used. */
export async function openFarEnds({ config, log, disk, clean, isOver, stirred }: FarEndsParts) {
  const data = (name: string) => join(config.data_dir, name);
  const { targets } = config;
  const lab = config.lab ? await openLab({ dir: data("world"), vmid: targets[0].vmid, seed: 1 }) : null;
  const keys = lab
    ? null
    : await openKeychain(config.key_path, process.env.PATH ?? "/usr/bin:/bin", process.env.HOME ?? "/");
  const env = keys?.env ?? { PATH: process.env.PATH ?? "/usr/bin:/bin", LANG: "C.UTF-8" };
  const ssh: Ssh = lab?.ssh ?? realSsh(config, data("known_hosts"), keys !== null && config.key_path !== null);
  const targetsOn = ({ pve }: Target) => targets.filter((o) => o.pve.host === pve.host && o.pve.port === pve.port);
  const pve = pveOverSsh({
    ssh,
    env,
    runs_dir: data("runs"),
    clean,
    isOver,
    disk,
    targetsOn: (target) => targetsOn(target).length,
  });
  const hostKeys = new HostKeys({ log, ssh, env, data_dir: config.data_dir, targets, disk, stirred });
  // Marked, so that the next console ends what a killed one left of reads and repairs. A verb's ssh never carries it.
  const marked = { ...env, BREAKGLASS_TURN: `${markOf(config.data_dir)}.vm` };
  const vmSpawn = (target: Target, command: string) => ({ argv: sshArgv(ssh, target.vm, command), env: marked });

  return {
    lab,
    pve,
    hostKeys,
    vmSpawn,
    knock: (target: Target) => knockOn(target, { ssh, env }),
    ask: (target: Target) => askTarget(target, { pve, ssh, env }),
    /** What a check reads with. */
    toolsFor: (target: Target): CheckTools => ({
      vm: async (command, limit_ms, heard) => {
        const through = linesThrough(clean, heard);
        const ending = await startChild({ ...vmSpawn(target, command), limit_ms }, through.heard).ended;
        through.end();
        return ending;
      },
      host: async (verb) => {
        let stdout = "";
        let why = "";
        const ending = await pve.inspect(target, verb, 60_000, ({ from, text }) => {
          if (from === "stdout") stdout += `${text}\n`;
          else if (text.trim() !== "") why = text.trim();
        });
        const code = ending.is === "exited" ? ending.code : null;
        return { exit_code: code, stdout, why: code === 0 ? "" : why || endingInWords(ending) };
      },
    }),
    /** A run at work goes on at its host, and in the lab the host is here. */
    close: async (idle: boolean) => {
      await keys?.close();
      await lab?.close({ endVm: idle });
    },
  };
}

function realSsh(config: Config, own: string, agent: boolean): Ssh {
  if (!config.known_hosts && !existsSync(own)) writeFileSync(own, "", { mode: 0o600 });
  const pinned = `${own}.settings`;
  writePinned(pinned, config.targets);
  return {
    program: ["ssh"],
    pinned,
    known_hosts: config.known_hosts ?? own,
    host_keys: config.known_hosts ? "yes" : "accept-new",
    identity: agent ? "agent" : null,
  };
}
