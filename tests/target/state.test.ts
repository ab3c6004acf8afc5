/** What the texts of real incidents come to, in words: never healthy on Proxmox's word alone, and the cure that fits. */
import { expect, test } from "bun:test";
import { readStatus } from "../../src/target/said.ts";
import { type Reading, type State, stateFrom, withNote } from "../../src/target/state.ts";

const NOW = Date.UTC(2026, 5, 11, 3, 0, 0);

/** What qm prints, with what is given in its place; `probe.` lines as a host script of version 2 adds them. */
function said(qm: Record<string, string | number> = {}, probes: Record<string, string | number> | null = {}): string {
  const lines = { cpus: 32, pid: 4711, qmpstatus: "running", status: "running", uptime: 90_000, vmid: 102, ...qm };
  const probe = {
    at: "2026-06-11T03:00:00Z",
    pid: "agreed 4711",
    qemu: "S",
    stuck: 0,
    qmp: "answered",
    vm: "running",
    ops: 5000,
    wr: 2000,
    moved: "yes",
    agent: "answered",
    lock: "none",
    flock: "none",
    task: "none",
    staged: "none",
    snapshot: "none",
    pool: "unknown",
    oom: "none",
    run: "none",
    ...probes,
  };
  const all = probes === null ? [] : Object.entries(probe).map(([name, value]) => `probe.${name}: ${value}`);
  return `${[...Object.entries(lines).map(([name, value]) => `${name}: ${value}`), ...all].join("\n")}\n`;
}

const ssh = { answered: true, took_ms: 240, why: "" };
const silent = { answered: false, took_ms: 9000, why: "Connection timed out during banner exchange" };

function reading(stdout: string | null, knock: Reading["knock"], more: Partial<Reading> = {}): Reading {
  return { at: NOW, status: stdout === null ? null : { exit_code: 0, stdout }, why_not: "", knock, ...more };
}
const state = (...readings: Reading[]): State => stateFrom(readings, NOW);

test("nobody asked: not known", () => {
  expect(state()).toMatchObject({ is: "unknown", heard_at: null, since: null });
});

test("status: running alone is never healthy", () => {
  for (const stdout of ["status: running\n", "qmpstatus: running\nstatus: running\n", said({}, null)]) {
    for (const knock of [null, silent]) {
      const told = state(reading(stdout, knock));
      expect(told.is).toBe("unknown");
      expect(told.because.join()).toContain("the host has the first system's script: QEMU and disk are not known");
    }
  }
  // The guest's own answer is a proof, whatever the script.
  expect(state(reading("status: running\n", ssh))).toMatchObject({ is: "running", leads: null, advice: "" });
});

test("a guest that answers is running, with what proves it", () => {
  const told = state(reading(said(), ssh));
  expect(told).toMatchObject({ is: "running", says: "Running. The guest answers ssh.", leads: null, heard_at: NOW });
  expect(told.because).toEqual(["the disk moves", "ssh answered in 240 ms", "guest agent answered", "QEMU answered"]);
});

test("C1: QEMU answers, its disk stands still, the guest is silent: frozen, and only cycle helps", () => {
  const at = (minutes: number, ops: number) =>
    reading(said({}, { ops, moved: "no", agent: "silent" }), silent, { at: NOW - minutes * 60_000 });
  const healthy = reading(said({}, { ops: 100 }), ssh, { at: NOW - 90 * 60_000 });
  const told = state(healthy, at(87, 777), at(40, 777), at(1, 777), at(0, 777));
  expect(told).toMatchObject({ is: "frozen", leads: "cycle", since: NOW - 87 * 60_000 });
  expect(told.says).toBe("Frozen. QEMU answers, its disk does not move, the guest is silent.");
  expect(told.because[0]).toBe("disk unmoved for 87 min");
  expect(told.because).toContain("ssh: Connection timed out during banner exchange");
  expect(told.because).toContain("ssh last answered 90 min ago");
  expect(told.advice).toContain("A reset keeps this QEMU");
  // One question is enough: the host looks twice within it.
  expect(state(at(0, 777))).toMatchObject({ is: "frozen", leads: "cycle" });
  // By plain qm only history tells.
  const plain = (s: number) => reading(said({ diskwrite: 123_456 }, null), silent, { at: NOW - s * 1000 });
  expect(state(plain(0)).is).toBe("unknown");
  expect(state(plain(30), plain(15), plain(0)).is).toBe("frozen");
});

test("a disk is not still across two different QEMUs", () => {
  const other = reading(said({}, { pid: "agreed 99", moved: "unknown" }), silent, { at: NOW - 60_000 });
  const told = state(other, reading(said({}, { moved: "unknown", agent: "silent" }), silent));
  expect(told.is).toBe("unknown");
});

test("a QEMU that has just started is given its time", () => {
  const young = state(reading(said({ uptime: 12 }, { moved: "no", agent: "silent" }), silent));
  expect(young).toMatchObject({ is: "unknown", says: "Started 12 s ago. The guest does not answer yet.", leads: null });
  // But one that answered already and fell silent is not starting.
  const up = reading(said({ uptime: 30 }), ssh, { at: NOW - 25_000 });
  expect(state(up, reading(said({ uptime: 55 }, { moved: "no", agent: "silent" }), silent)).is).toBe("frozen");
});

test("C2: memory crawl: silent, but its disk moves; QEMU is well and a reset will do", () => {
  const told = state(reading(said({}, { agent: "silent" }), silent));
  expect(told).toMatchObject({ is: "agent-dead", leads: "reset" });
  const missed_once = state(reading(said(), ssh, { at: NOW - 6000 }), reading(said({}, { agent: "silent" }), silent));
  expect(missed_once).toMatchObject({ is: "unknown", says: "The guest does not answer; 6 s ago it did.", leads: null });
});

test("C3, C4: io-error names the pool and the command; no verb of ours is offered", () => {
  for (const stdout of [
    said(
      { qmpstatus: "io-error" },
      { vm: "paused (io-error)", agent: "silent", moved: "no", pool: "local-lvm 98.00% active" },
    ),
    "status: running\nqmpstatus: io-error\n",
    "status: io-error\n",
  ]) {
    const told = state(reading(stdout, silent));
    expect(told).toMatchObject({ is: "io-error", leads: null });
    expect(told.command).toStartWith("qm resume ");
    expect(told.advice).toContain("Make room first");
    expect(told.advice).toContain(told.command!);
  }
});

test("paused, panicked, internal error: each has its own cure", () => {
  const of = (vm: string, more = {}) => state(reading(said({}, { vm, agent: "silent", moved: "no", ...more }), silent));
  expect(of("paused")).toMatchObject({ is: "paused", leads: null, command: "qm resume 102" });
  expect(of("paused (internal-error)")).toMatchObject({ is: "paused", leads: "cycle" });
  expect(of("paused (guest-panicked)")).toMatchObject({ is: "agent-dead", leads: "reset" });
  expect(of("paused (shutdown)")).toMatchObject({ is: "paused", leads: "cycle" });
  expect(of("paused (inmigrate)", { lock: "migrate" })).toMatchObject({ is: "locked", leads: null, lock: "migrate" });
});

test("C5: QEMU itself silent: cycle; in the host's kernel: look at the storage first", () => {
  const quiet = { qmp: "silent", vm: "unknown", ops: "unknown", wr: "unknown", moved: "unknown", agent: "silent" };
  expect(state(reading(said({}, quiet), silent))).toMatchObject({ is: "qmp-silent", leads: "cycle", command: null });
  const stuck = state(reading(said({}, { ...quiet, qemu: "D", stuck: 4 }), silent));
  expect(stuck).toMatchObject({ is: "qmp-silent", leads: "cycle" });
  expect(stuck.advice).toContain("pvesm status");
  // The guest's own answer counts for more than QEMU's silence.
  expect(state(reading(said({}, quiet), ssh)).is).toBe("running");
});

test("C6: a guest kernel that no longer tells its memory is evidence", () => {
  const balloon = "ballooninfo:\n\tactual: 1884\n\tlast_update: 1788264103\n";
  const at = (s: number) =>
    reading(said({}, { agent: "silent", moved: "no" }) + balloon, silent, { at: NOW - s * 1000 });
  const told = state(at(120), at(60), at(0));
  expect(told).toMatchObject({ is: "frozen", leads: "cycle" });
  expect(told.because).toContain("the guest's kernel has not told its memory for 2 min");
});

const OFF = {
  pid: "none",
  qemu: "none",
  qmp: "none",
  vm: "unknown",
  ops: "unknown",
  wr: "unknown",
  moved: "unknown",
  agent: "none",
};

test("C7: stopped, and why: the host's OOM killer", () => {
  const qm = { status: "stopped", qmpstatus: "stopped", uptime: 0 };
  expect(state(reading(said(qm, OFF), silent))).toMatchObject({ is: "stopped", leads: "start", advice: "Start it." });
  const line =
    "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=ns,mems_allowed=0,global_oom,task_memcg=/qemu.slice/102.scope,task=kvm,pid=32969,uid=0";
  const killed = state(reading(said(qm, { ...OFF, oom: line }), silent));
  expect(killed).toMatchObject({ is: "stopped", leads: "start" });
  expect(killed.says).toContain("for want of memory");
  expect(killed.because).toContain(line);
  expect(state(reading("status: stopped\n", null))).toMatchObject({ is: "stopped", leads: "start" });
});

test("C8: locked: find the task; a lock on a healthy VM is told, not shouted", () => {
  const healthy = state(
    reading(said({ lock: "backup" }, { lock: "backup", task: "vzdump by root@pam since 02:00" }), ssh),
  );
  expect(healthy).toMatchObject({ is: "running", lock: "backup", leads: null });
  expect(healthy.says).toContain("Locked by backup");
  const busy = state(
    reading(
      said({}, { lock: "backup", agent: "silent", moved: "no", task: "vzdump by root@pam since 02:00 (pid 7)" }),
      silent,
    ),
  );
  expect(busy).toMatchObject({ is: "locked", leads: null, says: "The guest does not answer, and locked by backup." });
  expect(busy.advice).toContain("Cycling now breaks it");
  const dead = state(reading(said({ status: "stopped" }, { ...OFF, lock: "snapshot" }), silent));
  expect(dead).toMatchObject({ is: "locked", command: "qm unlock 102", lock: "snapshot" });
});

test("a lost pid file: Proxmox says stopped, and start would be the wrong advice", () => {
  const told = state(reading(said({ status: "stopped" }, { ...OFF, pid: "lost 4711" }), silent));
  expect(told).toMatchObject({ is: "unknown", leads: null, command: "echo 4711 > /var/run/qemu-server/102.pid" });
});

test("C9: the PVE host can't be asked", () => {
  const no = (why_not: string, knock: Reading["knock"] = silent) => state(reading(null, knock, { why_not }));
  expect(no("ssh: connect to host 10.0.10.2 port 22: No route to host")).toMatchObject({
    is: "unreachable",
    leads: null,
  });
  expect(no("ssh: connect: No route to host").advice).toContain("cold case");
  const cold = withNote(no("ssh: connect: No route to host"), "Call 555-0100: site power.");
  expect(cold.advice).toMatch(/cold case.* Call 555-0100: site power\.$/);
  // The host is up in all other cases: the note would send people the wrong way.
  expect(withNote(no("timed out", ssh), "Call 555-0100.").advice).not.toContain("555");
  expect(no("timed out", ssh).says).toBe("The PVE host can't be asked, but the VM answers ssh.");
  const strange = state(reading(null, ssh, { why_not: "it shows a host key …", key_refused: true }));
  expect(strange).toMatchObject({ is: "unreachable", leads: null });
  expect(strange.advice).toContain("server's own terminal");
  expect(no("root@10.0.10.2: Permission denied (publickey).").advice).toContain("after NAT");
});

test("a VM with another host key is no case for power: something there answers ssh", () => {
  const refused = {
    answered: false,
    key_refused: true,
    took_ms: 90,
    why: "it shows a host key that is not the pinned one",
  };
  const still = { moved: "no" };
  for (const probes of [still, { ...still, agent: "silent" }, { ...still, agent: "none" }]) {
    const told = state(reading(said({}, probes), refused));
    expect(told).toMatchObject({ is: "key-changed", leads: null });
    expect(told.advice).toContain("rebuilt");
  }
  // What QEMU itself says comes first, and a key at the address of a stopped VM is somebody else's.
  expect(state(reading(said({}, { qmp: "silent" }), refused)).is).toBe("qmp-silent");
  const off = state(reading(said({ status: "stopped", qmpstatus: "stopped" }), refused));
  expect(off.because).toContain("yet something answers ssh at the VM's address");
});

test("C10: ssh hangs while the agent answers: no case for power, and the command to look further", () => {
  const told = state(reading(said(), silent));
  expect(told).toMatchObject({ is: "ssh-silent", leads: null, command: "qm guest exec 102 -- systemctl status ssh" });
});

test("a qm that says nothing, a VM that is elsewhere, a question refused", () => {
  const quiet = reading(said({ status: "unknown" }).replace(/^(qmpstatus|uptime|pid): .*\n/gm, ""), silent, {});
  expect(state({ ...quiet, status: { exit_code: 4, stdout: quiet.status!.stdout } })).toMatchObject({
    is: "unknown",
    command: "systemctl status pve-cluster",
  });
  const gone = "Configuration file 'nodes/pve/qemu-server/102.conf' does not exist\n";
  expect(state(reading(gone, silent, { status: { exit_code: 1, stdout: gone } })).says).toBe(
    "This PVE host has no such VM.",
  );
  expect(state(reading("", silent, { status: { exit_code: 2, stdout: "" } })).says).toBe(
    "The PVE host refused the question.",
  );
});

test("since is when this state was first seen, without a gap", () => {
  const frozen = (s: number) => reading(said({}, { moved: "no", agent: "silent" }), silent, { at: NOW - s * 1000 });
  const fine = reading(said(), ssh, { at: NOW - 50_000 });
  expect(state(frozen(90), fine, frozen(40), frozen(10))).toMatchObject({
    is: "frozen",
    since: NOW - 40_000,
    heard_at: NOW - 10_000,
  });
});

test("text that the VM's owner may choose can't pass for a probe", () => {
  const name = readStatus(said({ name: "x probe.qmp: answered lock: none" }, { qmp: "silent", lock: "backup" }));
  expect(name).toMatchObject({ qmp: "silent", lock: "backup" });
});

test("a command is always in the advice, too: a page that shows only the advice loses nothing", () => {
  const all = [
    reading(said({}, { vm: "paused" }), silent),
    reading(said({ status: "stopped" }, { ...OFF, lock: "snapshot" }), silent),
    reading(said({ status: "stopped" }, { ...OFF, pid: "lost 4711" }), silent),
    reading(said(), silent),
    reading(null, silent, { why_not: "x" }),
    reading(said({}, { qmp: "silent", qemu: "D" }), silent),
    reading(said({}, { vm: "paused (inmigrate)" }), silent),
    reading(said({}, { agent: "silent", lock: "backup", task: "vzdump" }), silent),
  ];
  const commands = all.map((one) => state(one)).filter((told) => told.command);
  expect(commands.length).toBe(7); // else this proves nothing
  for (const told of commands) expect(told.advice).toContain(told.command!);
});

test("an idle disk and a short gap of ssh are not called frozen where no agent could contradict; a little later they are", () => {
  const still = (at: number) => reading(said({}, { moved: "no", agent: "none" }), silent, { at });
  const fine = reading(said({}, { agent: "none" }), ssh, { at: NOW - 13_000 });
  expect(state(fine, still(NOW - 10_000)).is).toBe("unknown");
  expect(state(fine, still(NOW - 10_000), still(NOW + 20_000)).is).toBe("frozen");
});
