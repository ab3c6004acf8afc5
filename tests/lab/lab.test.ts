import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { openLab } from "../../src/lab/lab.ts";
import { comesTrue, type LabBench, lives, startLab } from "../support/lab-bench.ts";

// A cycle with its evidence and a wedged ssh take seconds each.
setDefaultTimeout(60_000);

const pidOf = async (dir: string) => Number((await Bun.file(`${dir}/run/102.pid`).text()).trim());

describe("one lab", () => {
  let bench: LabBench;
  beforeAll(async () => {
    bench = await startLab();
  });
  afterAll(() => bench.end());

  test("the VM answers as soon as the lab is open, with neither ssh nor bun on PATH", async () => {
    expect(await bench.vm("hostname; whoami")).toEqual({ code: 0, stdout: "devvm\nbreakglass\n", stderr: "" });
  });

  test("QEMU is a real process, whose command line a PVE host would know", async () => {
    const pid = await pidOf(bench.dir);
    const words = (await Bun.file(`/proc/${pid}/cmdline`).text()).split("\0");
    expect(words[0]).toBe("kvm");
    expect(words[words.indexOf("-id") + 1]).toBe("102");
    expect(words[words.indexOf("-pidfile") + 1]).toBe(`${bench.lab.ssh.program[2]}/run/102.pid`);
  });

  test("qm says what a PVE host's qm says", async () => {
    const qm = async (...words: string[]) => {
      const child = Bun.spawn([`${bench.dir}/bin/qm`, ...words], {
        env: { PATH: "/usr/bin:/bin" },
        stdout: "pipe",
        stderr: "pipe",
      });
      const [stdout, stderr] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      return { code: await child.exited, stdout, stderr };
    };
    expect(await qm("status", "102")).toEqual({ code: 0, stdout: "status: running\n", stderr: "" });
    expect((await qm("status", "102", "--verbose")).stdout).toMatch(/^qmpstatus: running$/m);
    expect(await qm("start", "102")).toEqual({ code: 255, stdout: "", stderr: "VM 102 already running\n" });
    expect((await qm("status", "999")).code).toBe(2);
    expect((await qm("status", "999")).stderr).toContain("does not exist");
    expect((await qm("pending", "102")).stdout).toContain("new scsihw: virtio-scsi-single");
    expect(await qm("agent", "102", "ping")).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("the real host script answers through it", async () => {
    expect((await bench.pve("version")).stdout).toMatch(/^breakglass-pve \d/);
    const status = await bench.pve("status@102");
    expect(status.code).toBe(0);
    expect(status.stdout).toMatch(/^status: running$/m);
    expect((await bench.pve("format-everything")).code).toBe(2);
  });

  test("a QEMU wedge: everything says running, the disk stands, the VM is silent; a cycle cures it with a new pid", async () => {
    const before = await pidOf(bench.dir);
    bench.lab.breakIt("qemu_wedged");
    const [vm, evidence] = [await bench.vm("uptime"), await bench.pve("forensics@102")];
    expect(vm.code).toBe(255);
    expect(vm.stderr).toContain("timed out");
    expect(evidence.stdout).toMatch(/status: running/);
    const writes = [...evidence.stdout.matchAll(/wr_operations=(\d+)/g)].map((m) => m[1]);
    expect(writes.length).toBeGreaterThanOrEqual(2); // else this proves nothing
    expect(new Set(writes).size).toBe(1);

    const cycle = await bench.pve("cycle@102 lab-test-cycle-1");
    expect(cycle.stdout).toMatch(/^verdict: done/m);
    expect(cycle.code).toBe(0);
    expect(await pidOf(bench.dir)).not.toBe(before);
    expect(bench.lab.fault()).toBe("none");
    expect(await comesTrue(async () => (await bench.vm("true")).code === 0)).toBe(true);
  });

  test("host gone: ssh to both fails as ssh does, and comes back when mended", async () => {
    bench.lab.breakIt("host_unreachable");
    for (const heard of [await bench.pve("status@102"), await bench.vm("true")]) {
      expect(heard.code).toBe(255);
      expect(heard.stderr).toContain("No route to host");
    }
    bench.lab.breakIt("none");
    expect((await bench.pve("status@102")).code).toBe(0);
  });

  test("a repair typed over ssh changes the world for everyone", async () => {
    bench.lab.breakIt("service_dead");
    expect((await bench.vm("systemctl is-active nginx")).stdout).toBe("failed\n");
    await bench.vm("sudo systemctl restart nginx");
    expect(bench.lab.fault()).toBe("none");
  });

  test("a console that restarts finds the same QEMU and the same fault", async () => {
    const before = await pidOf(bench.dir);
    bench.lab.breakIt("disk_full");
    const again = await bench.reopen();
    expect(await pidOf(bench.dir)).toBe(before);
    expect(again.fault()).toBe("disk_full");
    await again.close({ endVm: false });
    expect(await lives(before)).toBe(true);
    bench.lab.breakIt("none");
  });

  test("a stopped VM refuses what needs a running one, and stays stopped over a restart", async () => {
    expect((await bench.pve("stop@102 lab-test-stop-1")).code).toBe(0);
    expect(() => bench.lab.breakIt("qemu_wedged")).toThrow("stopped");
    expect((await bench.vm("true")).code).toBe(255);
    const again = await bench.reopen();
    expect(again.world().power).toBe("stopped");
    await again.close({ endVm: false });
    expect((await bench.pve("start@102 lab-test-start-1")).code).toBe(0);
  });

  test("many at once leave one whole world", async () => {
    const typed = Array.from({ length: 6 }, () => bench.vm("sudo systemctl restart nginx; echo ok"));
    for (let i = 0; i < 40; i++) bench.lab.breakIt(i % 2 ? "service_dead" : "none");
    for (const heard of await Promise.all(typed)) expect(heard.stdout).toBe("ok\n");
    expect(bench.lab.world().vmid).toBe(102);
    bench.lab.breakIt("none");
  });
});

test("the simulated QEMU ends by itself when its folder is gone", async () => {
  const bench = await startLab();
  const pid = await pidOf(bench.dir);
  expect(await lives(pid)).toBe(true);
  rmSync(bench.dir, { recursive: true });
  expect(await comesTrue(async () => !(await lives(pid)))).toBe(true);
  await bench.end();
});

test("it ends when no console has been there for a while, and the next console starts it again", async () => {
  const bench = await startLab({ idle_s: 2 });
  const pid = await pidOf(bench.dir);
  // The bench's own lab touches every 20 s only: to a QEMU that waits 2 s that is nobody.
  expect(await comesTrue(async () => !(await lives(pid)))).toBe(true);
  const again = await openLab({ dir: bench.dir, vmid: 102, seed: 7 });
  expect(again.world().power).toBe("running");
  expect(await pidOf(bench.dir)).not.toBe(pid);
  await again.close({ endVm: true });
  await bench.end();
});
