/**
 * The simulated world as a value: one VM, its QEMU, what is wrong with them. Transitions are pure; the clock comes in.
 * It knows no file, no process and no wording of `qm`: `qm-answers.ts` and the guest's programs say what this shows.
 */
export const FAULTS = [
  "none",
  "qemu_wedged",
  "disk_full",
  "out_of_memory",
  "service_dead",
  "host_unreachable",
] as const;
export type Fault = (typeof FAULTS)[number];

export interface World {
  readonly form: 1;
  readonly vmid: number;
  readonly name: string;
  readonly seed: number;
  readonly power: "running" | "stopped";
  /** The process that plays QEMU; null when stopped. */
  readonly qemu_pid: number | null;
  /** When this QEMU began, ms since the epoch. Its counters begin at zero then. */
  readonly qemu_since: number | null;
  /** When the guest booted last: at the start of its QEMU, or at a reset that it survived. */
  readonly booted_at: number | null;
  readonly fault: Fault;
  readonly fault_since: number | null;
  /** The configuration in force, as `qm` writes it. */
  readonly config: Readonly<Record<string, string>>;
  /** What the next QEMU will apply; a reset applies nothing. */
  readonly staged: Readonly<Record<string, string>>;
  readonly lock: string | null;
  /** The simulated QEMU ends by itself when no console has been there for this long, seconds. */
  readonly idle_s: number;
}

/** From power-on until sshd and the guest agent answer, ms. Short, so that a rehearsal does not bore. */
export const BOOT_MS = 2000;

export function newWorld(made: { vmid: number; name: string; seed: number; idle_s?: number }): World {
  return {
    form: 1,
    ...made,
    idle_s: made.idle_s ?? 600,
    // Meant to run; `lab.ts` starts what is meant to run and is not there.
    power: "running",
    qemu_pid: null,
    qemu_since: null,
    booted_at: null,
    fault: "none",
    fault_since: null,
    config: {
      agent: "enabled=1",
      balloon: "0",
      boot: "order=scsi0",
      cores: "32",
      cpu: "host",
      memory: "24064",
      name: made.name,
      net0: "virtio=BC:24:11:1A:B0:66,bridge=vmbr0",
      onboot: "1",
      ostype: "l26",
      scsi0: `local-lvm:vm-${made.vmid}-disk-0,discard=on,iothread=1,size=64G`,
      scsihw: "virtio-scsi-pci",
      serial0: "socket",
    },
    staged: { scsihw: "virtio-scsi-single" },
    lock: null,
  };
}

/** What an operator does on the fault panel. `none` mends everything at once. */
export function breakVm(world: World, fault: Fault, now: number): World {
  return { ...world, fault, fault_since: fault === "none" ? null : now };
}

/** Faults that live in the guest or its QEMU need one that runs. */
export function needsRunningVm(fault: Fault): boolean {
  return fault === "qemu_wedged" || fault === "out_of_memory" || fault === "service_dead";
}

export function afterStart(world: World, pid: number, now: number): World {
  return {
    ...mended(world, "start"),
    power: "running",
    qemu_pid: pid,
    qemu_since: now,
    booted_at: now,
    config: { ...world.config, ...world.staged },
    staged: {},
  };
}

export function afterStop(world: World): World {
  return { ...mended(world, "stop"), power: "stopped", qemu_pid: null, qemu_since: null, booted_at: null };
}

/** Warm: the same QEMU goes on. A wedged block path stays wedged, and the guest does not come back from it. */
export function afterReset(world: World, now: number): World {
  return { ...mended(world, "reset"), booted_at: now };
}

export type Repair = "space_freed" | "largest_killed" | "nginx_started";
const CURES: Readonly<Record<Repair, Fault>> = {
  space_freed: "disk_full",
  largest_killed: "out_of_memory",
  nginx_started: "service_dead",
};

/** A repair inside the guest cures its own fault and no other. */
export function afterRepair(world: World, repair: Repair, now: number): World {
  return CURES[repair] === world.fault ? breakVm(world, "none", now) : world;
}

/** The guest's own services and memory begin anew at every boot; its disk does not. */
function mended(world: World, by: "start" | "stop" | "reset"): World {
  const gone =
    world.fault === "out_of_memory" ||
    world.fault === "service_dead" ||
    (world.fault === "qemu_wedged" && by !== "reset");
  return gone ? { ...world, fault: "none", fault_since: null } : world;
}

/** What is really there wins over what was written: a QEMU that died by any hand is a stopped VM. */
export function asFound(world: World, pid: number | null): World {
  if (pid === null) return world.power === "running" ? afterStop(world) : world;
  return world;
}

/** `sshd` and the guest agent answer. */
export function guestIsUp(world: World, now: number): boolean {
  return world.power === "running" && world.fault !== "qemu_wedged" && !isBooting(world, now);
}

export function isBooting(world: World, now: number): boolean {
  // A clock that was set back does not make it boot until then.
  return world.booted_at !== null && now >= world.booted_at && now < world.booted_at + BOOT_MS;
}

export interface Counters {
  readonly read_bytes: number;
  readonly written_bytes: number;
  readonly reads: number;
  readonly writes: number;
  readonly net_in: number;
  readonly net_out: number;
  readonly uptime_s: number;
}

/** What QEMU has counted since it began. On a wedged one the disk's counters stand where the stall caught them. */
export function counters(world: World, now: number): Counters {
  const since = world.qemu_since ?? now;
  const disk_s = Math.max(0, (world.fault === "qemu_wedged" ? (world.fault_since ?? now) : now) - since) / 1000;
  const all_s = Math.max(0, now - since) / 1000;
  const busy = world.fault === "out_of_memory" ? 40 : 1;
  const writes = Math.floor(disk_s * (22 + chance(world.seed, 1) * 10) * busy);
  const reads = 21_480 + Math.floor(disk_s * 6 * busy);
  return {
    writes,
    written_bytes: writes * 12_288,
    reads,
    read_bytes: reads * 24_576,
    net_in: Math.floor(all_s * 51_200),
    net_out: Math.floor(
      (world.fault === "qemu_wedged" ? disk_s * 380_000 + (all_s - disk_s) * 7000 : all_s * 380_000) / 8,
    ),
    uptime_s: Math.floor(all_s),
  };
}

/** A figure in [0, 1) that is the same for the same seed and place. */
export function chance(seed: number, place: number): number {
  let n = (seed ^ Math.imul(place + 1, 0x9e3779b1)) >>> 0;
  n = Math.imul(n ^ (n >>> 16), 0x85ebca6b) >>> 0;
  n = Math.imul(n ^ (n >>> 13), 0xc2b2ae35) >>> 0;
  return ((n ^ (n >>> 16)) >>> 0) / 2 ** 32;
}
