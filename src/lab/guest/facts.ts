/**
 * What is true inside the simulated guest, as figures: memory, load, disk, processes, units. Pure: world and clock in. The
 * programs (`system-programs.ts`, `service-programs.ts`, …) only lay these figures out. The crowded figures are those of a real memory crawl.
 */
import { chance, type World } from "../world.ts";
import { type Process, processesOf } from "./processes.ts";
import { type Unit, unitsOf } from "./units.ts";

export interface Facts {
  readonly hostname: string;
  readonly cpus: number;
  readonly load: readonly [number, number, number];
  /** KiB. */
  readonly memory: { total: number; used: number; cache: number; swap_total: number; swap_used: number };
  /** Percent, the kernel's pressure figures: some and full, 10 s, 60 s, 300 s. */
  readonly pressure: {
    memory: readonly [readonly number[], readonly number[]];
    io: readonly [readonly number[], readonly number[]];
  };
  readonly disks: readonly {
    device: string;
    type: string;
    mount: string;
    size_kb: number;
    used_kb: number;
    inodes_percent: number;
  }[];
  readonly processes: readonly Process[];
  readonly units: readonly Unit[];
  readonly uptime_s: number;
}

export const BIG_FILE = "/var/lib/app/export/orders-full.dump";
export const BIG_FILE_KB = 31_457_280;

export function factsOf(world: World, now: number): Facts {
  const crowded = world.fault === "out_of_memory";
  const full = world.fault === "disk_full";
  const at = (place: number, spread: number) => chance(world.seed, place) * spread;
  const uptime_s = Math.max(1, Math.floor((now - (world.booted_at ?? now)) / 1000));
  const used = full ? 61_255_700 : 34_890_112 + Math.floor(at(3, 2_000_000));
  return {
    hostname: world.name,
    cpus: 32,
    load: crowded ? [60.42, 58.17, 41.9] : full ? [1.12, 0.94, 0.61] : [0.3 + at(1, 0.3), 0.35, 0.31],
    memory: crowded
      ? { total: 24_641_536, used: 23_592_960, cache: 312_320, swap_total: 14_680_064, swap_used: 14_575_206 }
      : {
          total: 24_641_536,
          used: 6_291_456 + Math.floor(at(2, 900_000)),
          cache: 9_437_184,
          swap_total: 14_680_064,
          swap_used: 104_448,
        },
    pressure: {
      memory: crowded
        ? [
            [88.4, 86.1, 71.2],
            [81.7, 80.3, 64.9],
          ]
        : [
            [0, 0, 0],
            [0, 0, 0],
          ],
      io: crowded
        ? [
            [91.2, 89.9, 70.1],
            [84.3, 82.2, 66.0],
          ]
        : [
            [0.2, 0.1, 0.05],
            [0.1, 0.05, 0.02],
          ],
    },
    disks: [
      { device: "udev", type: "devtmpfs", mount: "/dev", size_kb: 12_289_024, used_kb: 0, inodes_percent: 1 },
      { device: "tmpfs", type: "tmpfs", mount: "/run", size_kb: 2_464_156, used_kb: 1_284, inodes_percent: 1 },
      { device: "/dev/sda1", type: "ext4", mount: "/", size_kb: 64_479_664, used_kb: used, inodes_percent: 11 },
      { device: "/dev/sda15", type: "vfat", mount: "/boot/efi", size_kb: 126_678, used_kb: 12_010, inodes_percent: 0 },
    ],
    processes: processesOf(world, crowded),
    units: unitsOf(world, full),
    uptime_s,
  };
}
