import { describe, expect, test } from "bun:test";
import {
  afterRepair,
  afterReset,
  afterStart,
  afterStop,
  asFound,
  BOOT_MS,
  breakVm,
  counters,
  FAULTS,
  guestIsUp,
  newWorld,
  type World,
} from "../../src/lab/world.ts";

const T = 1_700_000_000_000;
const afterCycle = (world: World, pid: number, now: number) => afterStart(afterStop(world), pid, now);
const up = afterStart(newWorld({ vmid: 102, name: "devvm", seed: 7 }), 4000, T);

describe("what cures what", () => {
  test("a cycle cures a wedged QEMU, memory and services; a full disk and a lost host stay", () => {
    const left = FAULTS.map((fault) => afterCycle(breakVm(up, fault, T + 5000), 4001, T + 9000).fault);
    expect(left).toEqual(["none", "none", "disk_full", "none", "none", "host_unreachable"]);
  });

  test("a reset keeps a wedged QEMU wedged, its guest silent, and its pid", () => {
    const reset = afterReset(breakVm(up, "qemu_wedged", T + 5000), T + 6000);
    expect(reset.fault).toBe("qemu_wedged");
    expect(reset.qemu_pid).toBe(4000);
    expect(guestIsUp(reset, T + 60_000)).toBe(false);
  });

  test("a repair cures its own fault and no other", () => {
    const full = breakVm(up, "disk_full", T);
    expect(afterRepair(full, "nginx_started", T).fault).toBe("disk_full");
    expect(afterRepair(full, "space_freed", T).fault).toBe("none");
    expect(afterRepair(breakVm(up, "qemu_wedged", T), "space_freed", T).fault).toBe("qemu_wedged");
  });
});

test("staged config is applied by a new QEMU only", () => {
  const world = newWorld({ vmid: 102, name: "devvm", seed: 7 });
  expect(world.staged).not.toEqual({}); // else this proves nothing
  const running = { ...up, staged: { scsihw: "virtio-scsi-single" }, config: { ...up.config, scsihw: "old" } };
  expect(afterReset(running, T).config.scsihw).toBe("old");
  const cycled = afterCycle(running, 4001, T);
  expect(cycled.config.scsihw).toBe("virtio-scsi-single");
  expect(cycled.staged).toEqual({});
});

test("the counters of a wedged disk stand still, those of a sound one move", () => {
  const wedged = breakVm(up, "qemu_wedged", T + 10_000);
  expect(counters(wedged, T + 11_000).written_bytes).toBe(counters(wedged, T + 90_000).written_bytes);
  expect(counters(wedged, T + 90_000).written_bytes).toBeGreaterThan(0);
  expect(counters(up, T + 12_000).written_bytes).toBeGreaterThan(counters(up, T + 10_000).written_bytes);
});

test("the guest answers only once it has booted", () => {
  expect(guestIsUp(up, T + BOOT_MS - 1)).toBe(false);
  expect(guestIsUp(up, T + BOOT_MS)).toBe(true);
  expect(guestIsUp(afterStop(up), T + BOOT_MS)).toBe(false);
});

test("a QEMU that died by any hand is a stopped VM, and its wedge is gone with it", () => {
  const found = asFound(breakVm(up, "qemu_wedged", T), null);
  expect(found.power).toBe("stopped");
  expect(found.fault).toBe("none");
});

test("the same seed gives the same world", () => {
  expect(counters(up, T + 77_000)).toEqual(counters({ ...up }, T + 77_000));
  expect(counters({ ...up, seed: 8 }, T + 77_000)).not.toEqual(counters(up, T + 77_000));
});
