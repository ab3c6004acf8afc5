/** What `qm` prints about the simulated VM: texts as qemu-server words them. Pure; `qm.ts` does what changes something. */
import { counters, guestIsUp, type World } from "./world.ts";

export interface Said {
  readonly code: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

export function status(world: World, now: number, verbose: boolean): Said {
  if (!verbose) return { code: 0, stdout: `status: ${world.power}\n` };
  const n = counters(world, now);
  const runs = world.power === "running";
  const memory = Number(world.config.memory) * 1024 * 1024;
  const lines = [
    ...(runs
      ? [
          "blockstat:",
          "\tscsi0:",
          "\t\taccount_failed: 1",
          "\t\taccount_invalid: 1",
          `\t\tflush_operations: ${Math.floor(n.writes / 9)}`,
          `\t\trd_bytes: ${n.read_bytes}`,
          `\t\trd_operations: ${n.reads}`,
          `\t\twr_bytes: ${n.written_bytes}`,
          "\t\twr_highest_offset: 61203283968",
          `\t\twr_operations: ${n.writes}`,
        ]
      : []),
    `cpus: ${world.config.cores}`,
    "disk: 0",
    `diskread: ${runs ? n.read_bytes : 0}`,
    `diskwrite: ${runs ? n.written_bytes : 0}`,
    ...(world.lock ? [`lock: ${world.lock}`] : []),
    "maxdisk: 68719476736",
    `maxmem: ${memory}`,
    `mem: ${runs ? Math.floor(memory * (world.fault === "out_of_memory" ? 0.993 : 0.31)) : 0}`,
    `name: ${world.name}`,
    `netin: ${runs ? n.net_in : 0}`,
    `netout: ${runs ? n.net_out : 0}`,
    ...(runs
      ? [
          "nics:",
          `\ttap${world.vmid}i0:`,
          `\t\tnetin: ${n.net_in}`,
          `\t\tnetout: ${n.net_out}`,
          `pid: ${world.qemu_pid}`,
          "proxmox-support:",
          "\tbackup-max-workers: 1",
          "\tpbs-dirty-bitmap: 1",
          "\tquery-bitmap-info: 1",
        ]
      : []),
    `qmpstatus: ${world.power}`,
    ...(runs ? ["running-machine: pc-i440fx-10.0+pve0", "running-qemu: 10.0.2"] : []),
    "serial: 1",
    `status: ${world.power}`,
    `uptime: ${runs ? n.uptime_s : 0}`,
    `vmid: ${world.vmid}`,
  ];
  return { code: 0, stdout: `${lines.join("\n")}\n` };
}

/** Real `qm config` shows staged values as if they were in force; `--current` does not. */
export function config(world: World, current: boolean): Said {
  const shown = current ? world.config : { ...world.config, ...world.staged };
  const lines = Object.entries({ ...shown, ...(world.lock ? { lock: world.lock } : {}) })
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value}`);
  return { code: 0, stdout: `${lines.join("\n")}\n` };
}

export function pending(world: World): Said {
  const keys = [...new Set([...Object.keys(world.config), ...Object.keys(world.staged)])].sort();
  const lines = keys.flatMap((key) => [
    ...(key in world.config ? [`cur ${key}: ${world.config[key]}`] : []),
    ...(key in world.staged ? [`new ${key}: ${world.staged[key]}`] : []),
  ]);
  return { code: 0, stdout: `${lines.join("\n")}\n` };
}

export function list(world: World): Said {
  const row = [
    String(world.vmid).padStart(10),
    world.name.padEnd(20),
    world.power.padEnd(10),
    (world.config.memory ?? "").padEnd(10),
    "64.00".padStart(12),
    String(world.qemu_pid ?? 0),
  ];
  return {
    code: 0,
    stdout: `      VMID NAME                 STATUS     MEM(MB)    BOOTDISK(GB) PID       \n${row.join(" ")}         \n`,
  };
}

export function agentPing(world: World, now: number): Said {
  if (world.power !== "running") return notRunning(world);
  return guestIsUp(world, now) ? { code: 0 } : { code: 255, stderr: "QEMU guest agent is not running\n" };
}

export const listSnapshots = (): Said => ({
  code: 0,
  stdout: "`-> current                                             You are here!\n",
});

export const notRunning = (world: World): Said => ({ code: 255, stderr: `VM ${world.vmid} not running\n` });
export const isLocked = (world: World): Said => ({ code: 255, stderr: `VM is locked (${world.lock})\n` });
export const missing = (vmid: string): Said => ({
  code: 2,
  stderr: `Configuration file 'nodes/lab/qemu-server/${vmid}.conf' does not exist\n`,
});
