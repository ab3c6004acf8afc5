/** What `forensics` and `status` read: every source by its name and its words, and a sick one costs its own limit only. */
import { expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type PveHost, startPveHost } from "../support/pve-host.ts";

const LONG = 120_000;

// The programs of a PVE host that no test machine has. Each keeps a ledger line.
function program(host: PveHost, name: string, body: string): void {
  const path = join(host.world, "bin", name);
  writeFileSync(path, `#!/bin/bash\necho "$$ ${name} $*" >>"$QM_WORLD/ledger"\n${body}\n`);
  chmodSync(path, 0o755);
}

function wholeHost(host: PveHost): void {
  program(
    host,
    "pvesm",
    `printf '%s\\n' 'Name Type Status Total Used Available %' 'local-lvm lvmthin active 100 93 7 93.10%'`,
  );
  program(host, "lvs", `echo "data pve twi-aotz-- 93.10 4.20"`);
  program(host, "iostat", `echo "Device r/s w/s"; echo "sda 1.0 2.0"`);
  program(host, "journalctl", `echo "2026-06-22T10:00:00+00:00 pve kernel: blk_update_request: I/O error, dev sda"`);
}

/** The text of each section, by its name; its verdict in front. */
function sectionsOf(stdout: string): Record<string, string> {
  const parts = stdout.split(/^section (?=.+ \(\d+\.\d s\)$)/m).slice(1);
  return Object.fromEntries(
    parts.map((part) => {
      const [, name, verdict, text] = /^(.+?): (ok|timed out|missing.*) \(\d+\.\d s\)\n([\s\S]*)$/.exec(part)!;
      return [name!, `${verdict}\n${text}`];
    }),
  );
}

test.concurrent(
  "the evidence holds what each of its sources says",
  async () => {
    await using host = await startPveHost({ percent: 60 });
    wholeHost(host);
    host.knob("pending", "cur memory: 4096\nnew memory: 8192\n");
    const { stdout } = await host.ask("forensics@102");
    const section = sectionsOf(stdout);
    expect(Object.entries(section).filter(([, text]) => !text.startsWith("ok\n"))).toEqual([]);
    const says: Record<string, RegExp> = {
      "info status": /VM status: running/,
      "info block, block-jobs, cpus": /drive-scsi0 \(#block190\)[\s\S]*No active jobs[\s\S]*CPU #0/,
      "info blockstats, twice, 2 s apart": /(rd_operations=\d+[\s\S]*){2}\n {2}the disk moves\n/,
      "qm status": /qmpstatus: running/, // in --verbose only
      "qm config": /scsi0: local-lvm:vm-102-disk-0/,
      "qm pending": /new memory: 8192/,
      "qm listsnapshot": /You are here!/,
      "process of QEMU":
        /State:[\s\S]*VmRSS:[\s\S]*start: \d+, state S, waits in \S+[\s\S]*thread \d+ \S+: state S, waits in \S+/,
      "memory and pressure": /MemAvailable:/,
      "uptime and load": /load average:/,
      "running tasks and locks": /tasks: [\s\S]*flock: none/,
      "kernel log": /blk_update_request/,
      iostat: /sda/,
      "pvesm status": /lvmthin active/,
      lvs: /twi-aotz--/,
    };
    for (const [name, words] of Object.entries(says))
      expect([name, section[name]]).toEqual([name, expect.stringMatching(words)]);
    expect(host.ledger().filter((line) => line.startsWith("agent "))).toEqual(["agent 102 ping"]);
    // Where the kernel lets root see them, the stacks of QEMU's threads are in it.
    const stack = readFileSync(`/proc/${process.pid}/stack`, { encoding: "utf8", flag: "r" }).trim();
    if (stack !== "") expect(section["process of QEMU"]).toMatch(/\[<0>\]/);
  },
  LONG,
);

const SICK: readonly (readonly [hangs: string, itself: string])[] = [
  ["monitor", "info status"],
  ["status", "qm status"],
  ["agent", "qm agent ping"],
  ["config", "qm config"],
  ["pending", "qm pending"],
  ["listsnapshot", "qm listsnapshot"],
  ["journalctl", "kernel log"],
  ["pvesm", "pvesm status"],
  ["lvs", "lvs"],
  ["iostat", "iostat"],
];

for (const [hangs, itself] of SICK)
  test.concurrent(
    `a ${hangs} that hangs costs the evidence one section`,
    async () => {
      await using host = await startPveHost({ percent: 60 });
      wholeHost(host);
      if (existsSync(join(host.world, "bin", hangs)))
        program(host, hangs, "while [[ -d $QM_WORLD ]]; do sleep 0.1; done");
      else host.knob(`hang.${hangs}`);
      const { code, stdout } = await host.ask("forensics@102");
      expect(code).toBe(0);
      const section = sectionsOf(stdout);
      expect(Object.keys(section).length).toBe(17);
      expect(section[itself]).toStartWith("timed out\n");
      // The monitor's other two sections are not even asked for; everything else is there.
      const other = Object.entries(section).filter(([name, text]) => name !== itself && !text.startsWith("ok\n"));
      expect(other.map(([name, text]) => `${name}: ${text.split("\n")[0]}`)).toEqual(
        hangs === "monitor"
          ? [
              "info block, block-jobs, cpus: missing, the monitor is silent",
              "info blockstats, twice, 2 s apart: missing, the monitor is silent",
            ]
          : [],
      );
    },
    LONG,
  );

test.concurrent(
  "a monitor that falls silent between two looks is no word on the disk",
  async () => {
    await using host = await startPveHost();
    host.knob("monitor.answers", "2");
    const { stdout } = await host.ask("status");
    expect(stdout).toContain("\nprobe.qmp: answered\n");
    expect(stdout).toMatch(/^probe\.wr: \d+$/m);
    expect(stdout).toContain("\nprobe.moved: unknown\n");
  },
  LONG,
);

// Told by what was still asked rather than by a clock: the last question gets what is left of the time, which is nothing much.
test.concurrent(
  "when everything hangs at once, status does not wait for one after the other",
  async () => {
    await using host = await startPveHost({ percent: 50, off: true });
    const asked = 'while [[ -d $QM_WORLD ]]; do echo >>"$QM_WORLD/$0.waits"; sleep 0.1; done';
    for (const name of ["pgrep", "journalctl", "dmesg", "pvesm"]) program(host, name, asked.replace("$0", name));
    for (const word of ["status", "config", "pending", "monitor", "agent"]) host.knob(`hang.${word}`);
    const { code, stdout } = await host.ask("status");
    expect(code).toBe(4);
    expect(stdout).toContain("\nprobe.oom: unknown\n");
    const waits = (name: string) => {
      const file = join(host.world, `${name}.waits`);
      return existsSync(file) ? readFileSync(file, "utf8").length : 0;
    };
    expect(waits("pgrep")).toBeGreaterThan(5); // else this proves nothing
    expect(2 * (waits("journalctl") + waits("dmesg"))).toBeLessThan(waits("pgrep"));
  },
  LONG,
);
