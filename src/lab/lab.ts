/**
 * Opens the lab: its folder, the simulated host's programs, the simulated VM; and gives the console a target and an `ssh` like
 * any other. It knows nothing of pages and logs. What it starts ends by itself when no console has been there for a while.
 */
import { chmodSync, existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { Refusal } from "../refusal.ts";
import type { Ssh } from "../target/ssh.ts";
import type { Target } from "../target/target.ts";
import { HOST_PROGRAMS } from "./host-programs.ts";
import { PVE_ADDRESS, VM_ADDRESS } from "./places.ts";
import { qemuPid, startQemu, stopQemu } from "./qemu.ts";
import {
  afterStart,
  afterStop,
  asFound,
  BOOT_MS,
  breakVm,
  type Fault,
  needsRunningVm,
  newWorld,
  type World,
} from "./world.ts";
import { changeWorld, readWorld, writeWorld } from "./world-file.ts";

export interface Lab {
  readonly target: Target;
  readonly ssh: Ssh;
  /** `none` mends everything. Throws a Refusal when there is no running VM to break. */
  breakIt(fault: Fault): Fault;
  fault(): Fault;
  world(): World;
  /** Says that a console is still there. The lab does so by itself while its event loop runs; this is for a sign at once. */
  touch(): void;
  /** Leaves the VM running for the next console, or ends it. */
  close(how: { endVm: boolean }): Promise<void>;
}

export interface LabPlace {
  /** Made when missing; everything of the lab is inside. */
  readonly dir: string;
  readonly vmid: number;
  /** Figures that vary are the same for the same seed. */
  readonly seed: number;
  /** How long the simulated VM outlives the last console, seconds; 600. */
  readonly idle_s?: number;
}

/** How often `<lab>/alive` is touched, ms. */
const BEAT_MS = 20_000;

export async function openLab(place: LabPlace): Promise<Lab> {
  mkdirSync(`${place.dir}/bin`, { recursive: true, mode: 0o700 });
  const dir = realpathSync(place.dir);
  const touch = () => {
    try {
      writeFileSync(`${dir}/alive`, `${Date.now()}\n`);
    } catch {
      // the folder is gone, and with it the lab
    }
  };
  touch();
  writePrograms(dir);
  // The host's list of running tasks: there, and empty.
  writeFileSync(`${dir}/tasks`, "");
  if (isUnusable(dir, place.vmid)) writeWorld(dir, newWorld({ ...place, name: "devvm" }));
  changeWorld(dir, (world) => powerUp(dir, { ...world, idle_s: place.idle_s ?? 600 }));
  // A console that nobody looks at is still there.
  const beat = setInterval(touch, BEAT_MS);
  beat.unref();
  return {
    target: {
      id: "devvm",
      name: "devvm (lab)",
      vmid: place.vmid,
      vm: { host: VM_ADDRESS, user: "breakglass", port: 22 },
      pve: { host: PVE_ADDRESS, user: "root", port: 22 },
      lab: true,
    },
    ssh: {
      program: [process.execPath, `${import.meta.dir}/far-end.ts`, dir],
      known_hosts: `${dir}/known_hosts`,
      host_keys: "accept-new",
      identity: null,
    },
    breakIt: (fault) => changeWorld(dir, (world) => broken(asFound(world, qemuPid(dir, world.vmid)), fault)).fault,
    fault: () => readWorld(dir).fault,
    world: () => readWorld(dir),
    touch,
    close: async ({ endVm }) => {
      clearInterval(beat);
      if (!endVm || !existsSync(`${dir}/world.json`)) return;
      changeWorld(dir, (world) => {
        stopQemu(dir, world.vmid);
        // Still meant to run, so that the next console starts it again; a VM that was stopped stays so.
        return world.power === "running" ? { ...afterStop(world), power: "running" } : world;
      });
    },
  };
}

/**
 * A QEMU that is still there goes on, with its pid. One that is meant to run and is gone (idle, a reboot) is started; a VM that
 * somebody stopped stays so. Staged config is kept for the operator's own cycle to apply.
 */
function powerUp(dir: string, world: World): World {
  if (world.power === "stopped" || qemuPid(dir, world.vmid) !== null) return world;
  const started = afterStart({ ...world, staged: {} }, startQemu(dir, world), Date.now());
  // Whoever opens the console finds a VM that is up, not one that boots.
  return { ...started, booted_at: Date.now() - BOOT_MS, staged: world.staged };
}

function broken(world: World, fault: Fault): World {
  if (needsRunningVm(fault) && world.power !== "running")
    throw new Refusal(409, "The simulated VM is stopped, so there is nothing to break. Start it first.");
  return breakVm(world, fault, Date.now());
}

function isUnusable(dir: string, vmid: number): boolean {
  try {
    const world = readWorld(dir);
    return world.form !== 1 || world.vmid !== vmid;
  } catch {
    return true;
  }
}

/** Small sh scripts, so that neither bun nor anything of a PVE host has to be on PATH. */
function writePrograms(dir: string): void {
  const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
  const programs = {
    qm: `exec ${[process.execPath, `${import.meta.dir}/qm.ts`, dir].map(quoted).join(" ")} "$@"`,
    ...HOST_PROGRAMS,
  };
  for (const [name, body] of Object.entries(programs)) {
    writeFileSync(`${dir}/bin/${name}`, `#!/bin/sh\n${body}\n`);
    chmodSync(`${dir}/bin/${name}`, 0o700);
  }
}
