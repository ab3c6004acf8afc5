/**
 * Starts, finds and ends the process that plays QEMU. Found as a PVE host finds it: the pid file, and that pid's command
 * line carrying this `-pidfile`. It knows nothing of the world's state.
 */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import type { World } from "./world.ts";

const pidFile = (dir: string, vmid: number) => `${dir}/run/${vmid}.pid`;

/** Null when no QEMU of this VM is found by its pid file. */
export function qemuPid(dir: string, vmid: number): number | null {
  try {
    const file = pidFile(dir, vmid);
    const pid = Number(readFileSync(file, "utf8").trim());
    if (!Number.isInteger(pid) || pid <= 1) return null;
    // A zombie has an empty command line, so it counts as gone.
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return words[words.indexOf("-pidfile") + 1] === file ? pid : null;
  } catch {
    return null;
  }
}

/** The words after the program's name, in the order a PVE host gives them. */
export function qemuArgs(dir: string, world: World): string[] {
  return [
    ...["-id", String(world.vmid), "-name", `${world.name},debug-threads=on`, "-no-shutdown"],
    ...["-pidfile", pidFile(dir, world.vmid), "-daemonize"],
    ...["-smp", `${world.config.cores},sockets=1`, "-m", world.config.memory ?? "4096"],
    ...["-lab", dir, "-lab-idle", String(world.idle_s)],
  ];
}

/** Returns when its pid file names it. Throws when it does not come up. */
export function startQemu(dir: string, world: World): number {
  mkdirSync(`${dir}/run`, { recursive: true });
  rmSync(pidFile(dir, world.vmid), { force: true });
  const child = Bun.spawn(
    ["bash", "-c", 'exec -a kvm bash "$@"', "kvm", `${import.meta.dir}/qemu.sh`, ...qemuArgs(dir, world)],
    // Its own session: it belongs to the host, and outlives the qm that started it and the console.
    { stdio: ["ignore", "ignore", "ignore"], detached: true, env: { PATH: process.env.PATH ?? "/usr/bin:/bin" } },
  );
  child.unref();
  const began = performance.now();
  while (performance.now() - began < 5000) {
    const pid = qemuPid(dir, world.vmid);
    if (pid !== null) return pid;
    Bun.sleepSync(5);
  }
  throw new Error(`start failed: QEMU exited with code 1`);
}

/** TERM, then KILL. Returns when it is gone. */
export function stopQemu(dir: string, vmid: number): void {
  const pid = qemuPid(dir, vmid);
  if (pid === null) return;
  for (const [signal, wait_ms] of [
    ["SIGTERM", 2000],
    ["SIGKILL", 2000],
  ] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      // it went by itself
    }
    const began = performance.now();
    while (performance.now() - began < wait_ms) {
      if (qemuPid(dir, vmid) !== pid) {
        if (signal === "SIGKILL") rmSync(pidFile(dir, vmid), { force: true });
        return;
      }
      Bun.sleepSync(5);
    }
  }
}
