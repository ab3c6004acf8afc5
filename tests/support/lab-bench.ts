/** A lab of its own for a test: a temp folder, its own simulated QEMU, and the console's own way of reaching both machines. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CheckTools } from "../../src/checks/run.ts";
import { runChild, startChild } from "../../src/child.ts";
import { type Lab, openLab } from "../../src/lab/lab.ts";
import { exitCode } from "../../src/outcome.ts";
import { sshArgv } from "../../src/target/ssh.ts";

/** Neither bun nor ssh nor anything of a PVE host is here. */
const ENV = { PATH: "/usr/bin:/bin" };

export interface Heard {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LabBench {
  readonly lab: Lab;
  readonly dir: string;
  vm(command: string): Promise<Heard>;
  pve(command: string): Promise<Heard>;
  readonly tools: CheckTools;
  /** Opens the same lab a second time, as a console that restarts. */
  reopen(): Promise<Lab>;
  end(): Promise<void>;
}

export async function startLab(wishes: { seed?: number; idle_s?: number } = {}): Promise<LabBench> {
  const dir = mkdtempSync(join(tmpdir(), "breakglass lab "));
  const open = () => openLab({ dir, vmid: 102, seed: wishes.seed ?? 7, idle_s: wishes.idle_s });
  const lab = await open();
  const ask = async (where: "vm" | "pve", command: string): Promise<Heard> => {
    const { ending, stdout, stderr } = await runChild({ argv: sshArgv(lab.ssh, lab.target[where], command), env: ENV });
    return { code: exitCode(ending), stdout, stderr };
  };
  return {
    lab,
    dir,
    vm: (command) => ask("vm", command),
    pve: (command) => ask("pve", command),
    tools: {
      vm: (command, limit_ms, heard) =>
        startChild({ argv: sshArgv(lab.ssh, lab.target.vm, command), env: ENV, limit_ms }, heard).ended,
      host: async (verb) => {
        const { code, stdout, stderr } = await ask("pve", `${verb}@102`);
        return { exit_code: code, stdout, why: stderr.trim() };
      },
    },
    reopen: open,
    end: async () => {
      await lab.close({ endVm: true });
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** True as long as the process is there and no zombie. */
export async function lives(pid: number): Promise<boolean> {
  const stat = await Bun.file(`/proc/${pid}/stat`)
    .text()
    .catch(() => "");
  return stat !== "" && !/\) [ZX] /.test(stat);
}

/** Waits for what must come true; false after `ms`. */
export async function comesTrue(holds: () => boolean | Promise<boolean>, ms = 15_000): Promise<boolean> {
  const until = performance.now() + ms;
  while (performance.now() < until) {
    if (await holds()) return true;
    await Bun.sleep(25);
  }
  return false;
}
