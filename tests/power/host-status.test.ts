/** `status` and `forensics`: bounded whatever hangs, and never more than what was heard. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lockConfig, type PveHost, startPveHost } from "../support/pve-host.ts";

const pve = (wishes: Parameters<typeof startPveHost>[0] = {}) => startPveHost({ percent: 30, ...wishes });
const LONG = 120_000;

async function probes(host: PveHost): Promise<Record<string, string>> {
  const { stdout } = await host.ask("status");
  return Object.fromEntries([...stdout.matchAll(/^probe\.(\w+): (.*)$/gm)].map(([, name, value]) => [name!, value!]));
}

const NAMES =
  "agent at flock load lock memory moved oom ops pid pool pressure qemu qmp run snapshot staged stuck task uptime vm wr".split(
    " ",
  );

test.concurrent(
  "a healthy VM: qm's own lines, then every probe",
  async () => {
    await using host = await pve();
    const { code, stdout } = await host.ask("status@102");
    expect(code).toBe(0);
    expect(stdout).toContain("\nqmpstatus: running\nstatus: running\n");
    const heard = await probes(host);
    expect(Object.keys(heard).sort()).toEqual(NAMES);
    expect(heard).toMatchObject({
      pid: `agreed ${host.qemu()}`,
      qemu: "S",
      stuck: "0",
      qmp: "answered",
      vm: "running",
      agent: "answered",
      lock: "none",
      flock: "none",
      task: "unknown", // there is no list of tasks here
      staged: "none",
      snapshot: "none",
      run: "none",
    });
    const later = await probes(host);
    expect(Number(later.wr)).toBeGreaterThan(Number(heard.wr));
    host.knob("stalled");
    const [one, two] = [await probes(host), await probes(host)];
    expect(two.wr).toBe(one.wr!);
    expect(two.moved).toBe("no");
  },
  LONG,
);

test.concurrent(
  "lock, task, staged config, snapshot and agent are told by name",
  async () => {
    await using host = await pve();
    lockConfig(host, "backup");
    host.knob("pending", "cur memory: 4096\nnew memory: 8192\ncur name: devvm\ndel cores: 4\n");
    host.knob("agent", "silent");
    host.knob("config", `${readFileSync(join(host.world, "config"), "utf8")}parent: before-upgrade\n`);
    const start = readFileSync(`/proc/${process.pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ")[19]!;
    const hex = (n: number) => n.toString(16).toUpperCase().padStart(8, "0");
    const upid = (pid: number, ticks: string, type: string, id: string) =>
      `UPID:pve:${hex(pid)}:${hex(Number(ticks))}:65DE37EA:${type}:${id}:root@pam:`;
    writeFileSync(
      join(host.world, "tasks"),
      [
        `${upid(process.pid, start, "vzdump", "102")} 0`,
        `${upid(process.pid, "1", "qmstart", "102")} 0`, // a recycled pid: that task is over
        `${upid(process.pid, start, "qmstop", "1020")} 0`,
        "nonsense $(touch owned)",
        "",
      ].join("\n"),
    );
    expect(await probes(host)).toMatchObject({
      lock: "backup",
      staged: "cores memory",
      snapshot: "before-upgrade",
      agent: "silent",
      task: `vzdump by root@pam since 2024-02-27T19:28:42Z (pid ${process.pid})`,
    });
  },
  LONG,
);

test.concurrent(
  "a frozen QEMU is told as silent, not as healthy",
  async () => {
    await using host = await pve({ percent: 15 });
    host.knob("frozen");
    const { code, stdout } = await host.ask("status");
    expect(code).toBe(0);
    expect(stdout).toContain("\nstatus: running\n"); // this is what qm says
    expect(await probes(host)).toMatchObject({ qmp: "silent", vm: "unknown", ops: "unknown", agent: "silent" });
  },
  LONG,
);

test.concurrent(
  "when every qm hangs, status ends within its limits and says unknown",
  async () => {
    await using host = await pve({ percent: 10 });
    for (const word of ["status", "config", "pending", "monitor", "agent", "listsnapshot"]) host.knob(`hang.${word}`);
    const { code, stdout } = await host.ask("status");
    expect(code).toBe(4);
    expect(stdout).toStartWith("status: unknown\n");
    expect(await probes(host)).toMatchObject({
      qmp: "silent",
      lock: "unknown",
      staged: "unknown",
      agent: "silent",
      qemu: "S",
    });
    const evidence = await host.ask("forensics");
    expect(evidence.stdout.match(/^section .*: timed out \(\d\.\d s\)$/gm)?.length).toBeGreaterThanOrEqual(5);
    expect(evidence.stdout).toMatch(/^section process of QEMU: ok /m);
  },
  LONG,
);

test.concurrent(
  "a VM that is off",
  async () => {
    await using host = await pve({ off: true });
    expect(await probes(host)).toMatchObject({ pid: "none", qemu: "none", qmp: "none", agent: "none", wr: "unknown" });
    host.knob("absent");
    const { code, stdout } = await host.ask("status");
    expect(code).toBe(1);
    expect(stdout).toStartWith("Configuration file 'nodes/pve/qemu-server/102.conf' does not exist\n");
    expect(stdout).toContain("\nprobe.lock: absent\n");
  },
  LONG,
);

test.concurrent(
  "forensics change nothing, and every section has its verdict",
  async () => {
    await using host = await pve();
    const { code, stdout } = await host.ask("forensics@102");
    expect(code).toBe(0);
    const sections = [...stdout.matchAll(/^section (.+?): (ok|timed out|missing(?:, .+)?) \(\d+\.\d s\)$/gm)].map(
      (m) => m[1],
    );
    expect(sections).toEqual([
      "info status",
      "info block, block-jobs, cpus",
      "info blockstats, twice, 2 s apart",
      "qm status",
      "qm agent ping",
      "qm config",
      "qm pending",
      "qm listsnapshot",
      "process of QEMU",
      "memory and pressure",
      "uptime and load",
      "running tasks and locks",
      "kernel log",
      "iostat",
      "disk space",
      "pvesm status",
      "lvs",
    ]);
    expect(stdout).toContain("\n  the disk moves\n");
    expect(host.ledger().filter((line) => /^(start|stop|reset)/.test(line))).toEqual([]);
  },
  LONG,
);
