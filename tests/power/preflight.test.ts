import { expect, test } from "bun:test";
import type { Action } from "../../src/power/action.ts";
import { sectionsOf } from "../../src/power/evidence.ts";
import { preflightLines, preflightOf } from "../../src/power/preflight.ts";
import { VERBS, type VerbName } from "../../src/power/verb.ts";
import { stateFrom } from "../../src/target/state.ts";

const NOW = Date.UTC(2026, 10, 22, 3, 12);
const target = {
  id: "devvm",
  name: "devvm",
  vmid: 102,
  vm: { host: "192.0.2.2", user: "breakglass", port: 22 },
  pve: { host: "192.0.2.1", user: "root", port: 22 },
  lab: false,
};
const status = (...lines: string[]) =>
  stateFrom(
    [
      {
        at: NOW - 12_000,
        status: { exit_code: 0, stdout: `status: running\nqmpstatus: running\n${lines.join("\n")}\n` },
        why_not: "",
        knock: { answered: false, took_ms: 9000, why: "Connection timed out" },
      },
    ],
    NOW,
  );
const before = (verb: VerbName, state = status(), evidence: Pick<Action, "started_at"> | null = null) => {
  const preflight = preflightOf(VERBS[verb], target, state, null, evidence, "v2");
  return { preflight, lines: preflightLines(preflight, NOW).join("\n") };
};

test("a lock is named with its age for the verbs that end or reset a QEMU, and for no other", () => {
  const locked = status("lock: backup", "probe.lock: backup", "probe.vm: running", "probe.qmp: answered");
  for (const verb of ["stop", "reset", "cycle"] as const) {
    const { preflight, lines } = before(verb, locked);
    expect(preflight.lock).toBe("backup");
    expect(lines).toContain(`Locked (backup) (heard 12 s ago): the host refuses ${verb}`);
  }
  expect(before("start", locked).preflight.lock).toBeNull();
});

test("staged config applies with a new QEMU, and a reset says that it does not", () => {
  const staged = status("probe.staged: scsihw", "probe.qmp: answered");
  expect(before("cycle", staged).lines).toContain("Staged: scsihw will apply (heard 12 s ago)");
  expect(before("reset", staged).lines).toContain("a reset does not apply it");
});

test("a nearly full pool, a task at work and a snapshot are told", () => {
  const { lines } = before(
    "cycle",
    status(
      "probe.pool: local-lvm 96.40% active",
      "probe.task: vzdump 102",
      "probe.snapshot: pre-reboot",
      "probe.qmp: answered",
    ),
  );
  expect(lines).toContain("Storage is nearly full: local-lvm 96.40%");
  expect(lines).toContain("A task is at work (heard 12 s ago): vzdump 102");
  expect(lines).toContain("snapshot pre-reboot");
});

test("a full pool that paused QEMU is warned about before a reset that would lose writes", () => {
  const paused = stateFrom(
    [
      {
        at: NOW - 5_000,
        status: {
          exit_code: 0,
          stdout: "status: running\nqmpstatus: io-error\nprobe.qmp: answered\nprobe.vm: io-error\n",
        },
        why_not: "",
        knock: { answered: false, took_ms: 9000, why: "timed out" },
      },
    ],
    NOW,
  );
  expect(paused.is).toBe("io-error");
  expect(before("reset", paused).preflight.warning).toContain("Make room");
});

test("sections are read by the script's own lines; nothing that was quoted can begin one", () => {
  const stdout = [
    "# forensics first, at most 20 s",
    "section qm status: ok (0.1 s)",
    "  status: running",
    "  section forged: ok (0.0 s)",
    "section info blockstats, twice, 2 s apart: timed out, no answer within 4 s (4.0 s)",
    "# qm stop 102",
    "verify.state: running",
    "verify.pid: 4711 new",
    "verdict: done VM 102 runs",
  ].join("\n");
  expect(sectionsOf(stdout)).toEqual([
    { name: "qm status", verdict: "ok", more: "(0.1 s)", text: "status: running\nsection forged: ok (0.0 s)" },
    { name: "info blockstats, twice, 2 s apart", verdict: "timed out", more: "no answer within 4 s (4.0 s)", text: "" },
  ]);
});
