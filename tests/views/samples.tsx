/** One incident as values: what the gallery draws and the view tests count on. Nothing here is asked of a real machine. */
import type { Approval } from "../../src/agent/approval-event.ts";
import type { CheckEntry } from "../../src/checks/event.ts";
import type { Happening } from "../../src/console/board.ts";
import { markdown } from "../../src/console/markdown.ts";
import type { Action } from "../../src/power/action.ts";
import type { SessionBody, SessionEntry } from "../../src/sessions/event.ts";
import type { Session } from "../../src/sessions/session.ts";
import type { State, StateName } from "../../src/target/state.ts";
import type { Target } from "../../src/target/target.ts";
import type { AccessPageProps } from "../../views/access.tsx";
import { ActionItem } from "../../views/action.tsx";
import { CheckItem } from "../../views/check.tsx";
import type { ConsoleProps } from "../../views/console.tsx";
import { EntryItem } from "../../views/message.tsx";
import type { Preset } from "../../views/presets.tsx";

export const NOW = Date.parse("2026-11-22T03:12:04Z");
export const SESSION = "3f2a91bc-5d1e-4c7a-9b0e-2f6c1d8a7e55";

export const target: Target = {
  id: "devvm",
  name: "devvm",
  vmid: 102,
  vm: { host: "10.0.10.10", user: "breakglass", port: 22 },
  pve: { host: "10.0.10.2", user: "root", port: 22 },
  lab: false,
};

export const states: Readonly<Record<StateName, State>> = {
  running: {
    is: "running",
    says: "Running. QEMU, its disk and ssh answer.",
    because: ["up 12 d 4 h", "guest agent answers", "writes go on"],
    advice: "",
    leads: null,
    heard_at: NOW - 6_000,
    since: NOW - 12 * 86_400_000,
  },
  frozen: {
    is: "frozen",
    says: "Frozen. QEMU answers, its disk does not.",
    because: ["writes unchanged for 4 min", "ssh: no banner in 10 s"],
    advice: "Cycle it. A reset keeps this QEMU, and its stalled disk.",
    leads: "cycle",
    heard_at: NOW - 12_000,
    since: NOW - 240_000,
  },
  paused: {
    is: "paused",
    says: "Paused by QEMU: an input/output error. The thin pool is full.",
    because: ["qmpstatus io-error", "pool pve/data 100 % full", "the host's ssh answers"],
    advice: "Make room in the pool first; a cycle would stop at the same place.",
    leads: null,
    heard_at: NOW - 31_000,
    since: NOW - 65_000,
  },
  stopped: {
    is: "stopped",
    says: "Stopped. There is no QEMU process.",
    because: ["qm status: stopped", "killed by the host's OOM killer at 03:06:41"],
    advice: "Start it.",
    leads: "start",
    heard_at: NOW - 4_000,
    since: NOW - 320_000,
  },
  "qmp-silent": {
    is: "qmp-silent",
    says: "QEMU itself does not answer.",
    because: ["QEMU's monitor: no answer", "Proxmox says running: it says so of a frozen QEMU, too"],
    advice: "Cycle it. A reset goes through the same QEMU and can't reach the guest.",
    leads: "cycle",
    heard_at: NOW - 9_000,
    since: NOW - 100_000,
  },
  "io-error": {
    is: "io-error",
    says: "Paused by QEMU: its disk gave an input/output error. Mostly the pool is full.",
    because: ["qmpstatus: io-error", "storage: local-lvm 98.00% active"],
    advice: "Make room first (lvs; zpool list; pvesm status), then on the PVE host: qm resume 102",
    leads: null,
    command: "qm resume 102",
    heard_at: NOW - 9_000,
    since: NOW - 100_000,
  },
  locked: {
    is: "locked",
    says: "The guest does not answer, and locked by backup.",
    because: ["config lock: backup", "task: vzdump by root@pam since 2026-06-11T02:00:00Z (pid 4711)"],
    advice:
      "Its task is at work: let it end, or stop it in Proxmox (cat /var/log/pve/tasks/active). Cycling now breaks it.",
    leads: null,
    command: "cat /var/log/pve/tasks/active",
    lock: "backup",
    heard_at: NOW - 9_000,
    since: NOW - 100_000,
  },
  "agent-dead": {
    is: "agent-dead",
    says: "The guest is silent, but its disk moves: it hangs, or drowns in work.",
    because: ["the disk moves", "ssh: no banner in 10 s", "guest agent: no answer", "QEMU answered"],
    advice:
      "Out of memory looks like this: wait, or run the checks. If it does not come back, a reset will do; QEMU is well.",
    leads: "reset",
    heard_at: NOW - 9_000,
    since: NOW - 100_000,
  },
  "ssh-silent": {
    is: "ssh-silent",
    says: "The guest lives: its agent answers. Its ssh does not.",
    because: ["ssh: connection refused", "guest agent answered"],
    advice: "Network or sshd, and no case for power. On the PVE host: qm guest exec 102 -- systemctl status ssh",
    leads: null,
    command: "qm guest exec 102 -- systemctl status ssh",
    heard_at: NOW - 9_000,
    since: NOW - 100_000,
  },
  "key-changed": {
    is: "key-changed",
    says: "The VM shows another host key. Nothing is sent to it.",
    because: ["the disk moves", "ssh: it shows a host key that is not the pinned one", "guest agent answered"],
    advice: "A rebuilt VM does this, and somebody in the middle, too.",
    leads: null,
    keys: [
      {
        target: "devvm",
        end: "vm",
        host: "10.0.10.10",
        old: { type: "ssh-ed25519", fingerprint: "SHA256:uNiVztksCsDhcc0u9e8BrrJrNBJOFVmPZaoTPLuFPmQ" },
        offered: { type: "ssh-ed25519", fingerprint: "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU" },
        pinned_by: "contact",
        since: NOW - 100_000,
      },
    ],
    heard_at: NOW - 9_000,
    since: NOW - 100_000,
  },
  unreachable: {
    is: "unreachable",
    says: "The PVE host does not answer.",
    because: ["ssh to 10.0.10.2: no route to host"],
    advice: "This is the cold case: power can't reach it from here. Call the site.",
    leads: null,
    heard_at: NOW - 400_000,
    since: NOW - 900_000,
  },
  unknown: {
    is: "unknown",
    says: "Not known yet. Asking.",
    because: [],
    advice: "",
    leads: null,
    heard_at: null,
    since: null,
  },
};

const action = (more: Partial<Action>): Action => ({
  id: "yXk2mWq81rTz0PnC4sVb7L-a_HdE9fGj",
  verb: "cycle",
  target: "devvm",
  by: "edge:operator",
  state: "ended",
  outcome: "done",
  exit_code: 0,
  stdout: CYCLE,
  stderr: "",
  started_at: new Date(NOW - 34_000).toISOString(),
  ended_at: new Date(NOW - 3_000).toISOString(),
  rejected: false,
  why: "a new QEMU process runs (pid 41877, was 2214)",
  override: null,
  guest: "ssh answered after 14 s · agent answered",
  ...more,
});

const CYCLE = `forensics: saved to /var/lib/breakglass/102/yXk2mWq8
# qm stop 102 (skiplock: no)
# waiting for QEMU 2214 to go, 5 s
QEMU 2214 is gone
# qm start 102
QEMU 41877 runs
verdict: done a new QEMU process runs
`;

const open = { state: "running", outcome: null, exit_code: null, ended_at: null, why: "" } as const;

export const actions = {
  running: action({ ...open, stdout: CYCLE.split("\n").slice(0, 3).join("\n") }),
  overdue: action({ ...open, outcome: "unknown", why: "no answer within 150 s; the run goes on at the host" }),
  done: action({}),
  failed: action({
    id: "b7Failed0000000000000000",
    verb: "start",
    outcome: "failed",
    exit_code: 1,
    stdout: "",
    stderr: "start failed: QEMU exited with code 1\n",
    why: "QEMU exited with code 1",
  }),
  refused: action({
    id: "b8Refused000000000000000",
    verb: "stop",
    outcome: "failed",
    exit_code: 77,
    rejected: true,
    stdout: "",
    stderr: "breakglass-pve: the VM is locked (backup)\n",
    why: "the VM is locked (backup)",
  }),
  unknown: action({
    id: "b9Unknown000000000000000",
    verb: "reset",
    outcome: "unknown",
    exit_code: 255,
    stdout: "",
    why: "ssh did not answer for 25 s. The run goes on at the host; asking again in 5 s",
  }),
  status: action({
    id: "b6Status0000000000000000",
    verb: "status",
    why: "",
    stdout: "status: running\nqmpstatus: running\n",
  }),
};

/** One of each kind that a wall board tells of, newest first. */
export const happened = (on: Target): readonly Happening[] => [
  { is: "state", at: NOW - 240_000, target: on, state: "frozen", was: "running" },
  { is: "check", at: NOW - 300_000, target: on, name: "triage", bad: 2, warn: 1 },
  { is: "turn", at: NOW - 3_900_000, target: on, ended: "done", by: "edge:operator" },
  { is: "action", at: NOW - 4_500_000, target: on, action: actions.done },
  { is: "action", at: NOW - 4_900_000, target: on, action: actions.refused },
  { is: "check", at: NOW - 90_000_000, target: on, name: "disk", bad: 0, warn: 0 },
];

let seq = 400;
export function entry<K extends keyof SessionBody>(kind: K, body: SessionBody[K], age_s = 60): SessionEntry {
  seq += 1;
  return { seq, at: NOW - age_s * 1000, stream: `session:${SESSION}`, kind, about: "turn-1", body } as SessionEntry;
}

const command = (command: string, reason: string, tool_id: string) =>
  entry("called", { name: "mcp__breakglass__vm_run", input: { command, reason }, tool_id });
const result = (output: string, tool_id: string, more: Partial<SessionBody["returned"]> = {}) =>
  entry("returned", { name: "vm_run", tool_id, output, is_error: false, left_out: 0, duration_ms: 940, ...more });

export const talk: readonly SessionEntry[] = [
  entry(
    "prompted",
    { text: "ssh hangs since noon, the site is down.\nlook at disk first", by: "edge:operator", model: null },
    190,
  ),
  entry("said", { text: "I look at the disks, then at what writes to them." }),
  command("df -h / /var /srv", "how full the disks are", "t1"),
  result(
    "Filesystem      Size  Used Avail Use% Mounted on\n/dev/sda1        40G   40G     0 100% /\n/dev/sdb1       200G   61G  131G  32% /srv",
    "t1",
  ),
  command("du -xh --max-depth=2 /var | sort -rh | head -20", "the largest directories", "t2"),
  result(Array.from({ length: 20 }, (_, i) => `${30 - i}G\t/var/log/service-${i}`).join("\n"), "t2", {
    duration_ms: 3400,
    left_out: 18_400,
  }),
  entry("said", {
    text: "**/** is full: `/var/log/journal` holds 30 GB.\n\nClearing it is safe, since the journal is copied to the log host:",
  }),
  entry("said", { text: "```sh\njournalctl --vacuum-size=500M\n```" }),
  command("journalctl --vacuum-size=500M", "", "t3"),
  result("sudo: a password is required", "t3", { is_error: true, duration_ms: 210 }),
  entry("remarked", { text: "The model's service is overloaded (529); trying again in 8 s, 2 of 5." }),
  entry("concluded", { is_error: false, result: "", duration_ms: 48_200, cost_usd: 0.12 }),
  entry("turn_ended", { after_ms: 48_200 }),
];

export const check = {
  started: {
    seq: 501,
    at: NOW - 8_000,
    stream: `session:${SESSION}`,
    kind: "check_started",
    about: "run1",
    body: { name: "triage", by: "edge:operator" },
  } satisfies CheckEntry as CheckEntry,
  ended: {
    seq: 502,
    at: NOW - 2_000,
    stream: `session:${SESSION}`,
    kind: "check_ended",
    about: "run1",
    body: {
      name: "triage",
      after_ms: 5_900,
      findings: [
        {
          level: "bad",
          says: "The root disk is full: 40 GB of 40 GB used.",
          next: "Run the Disk check to see what fills it.",
        },
        { level: "warn", says: "Load is 61 on 32 processors; 48 tasks wait for input/output.", next: "" },
        { level: "fine", says: "Memory is enough: 11 GB of 23 GB free.", next: "" },
        { level: "unknown", says: "The kernel log could not be read: no answer in 10 s.", next: "" },
      ],
      readings: [
        {
          key: "uptime",
          command: "uptime",
          output: " 03:12:01 up 12 days,  4:02,  load average: 61.02",
          exit_code: 0,
          why: "",
        },
        { key: "kernel", command: "dmesg | tail -30", output: "", exit_code: null, why: "no answer in 10 s" },
      ],
    },
  } satisfies CheckEntry as CheckEntry,
};

const approval = (more: Partial<Approval> = {}): Approval => ({
  approval_id: "0b5f6a52-7c1e-4e0f-9a55-3f0f7a1f6c11",
  session: SESSION,
  turn: "turn-1",
  tool: "power",
  input: { verb: "cycle", reason: "its disk has not moved for four minutes" },
  reason: "its disk has not moved for four minutes, and ssh gives no banner",
  target: "devvm (VM 102)",
  class: "destructive",
  preflight: [
    "Frozen. QEMU answers, its disk does not.",
    "Staged: scsihw virtio-scsi-single will apply (heard 12 s ago).",
    "Evidence was last saved 4 min ago.",
    "Stops it hard, then starts a new QEMU process. Staged config applies. Evidence is saved first.",
  ],
  state: "open",
  by: null,
  text: null,
  why: "",
  asked_at: NOW - 40_000,
  ends_at: NOW + 560_000,
  settled_at: null,
  ...more,
});

export const approvals = {
  open: approval(),
  command: approval({
    approval_id: "1c5f6a52-7c1e-4e0f-9a55-3f0f7a1f6c12",
    tool: "vm_run",
    input: { command: "sudo journalctl --vacuum-size=500M\nsudo rm -rf \u202e/srv/\x1b[8mx", timeout_s: 60 },
    reason: "make room on /",
    target: "devvm (VM 102), as breakglass",
    preflight: ["It is ended after 60 s if it runs that long."],
  }),
  allowed: approval({ state: "allowed", by: "edge:operator", settled_at: NOW - 12_000 }),
  denied: approval({ state: "denied", by: "edge:operator", settled_at: NOW - 12_000 }),
  lapsed: approval({ state: "lapsed", why: "nobody answered within 10 min", settled_at: NOW - 12_000 }),
};

const question = (more: Partial<Approval> = {}): Approval =>
  approval({
    approval_id: "2d5f6a52-7c1e-4e0f-9a55-3f0f7a1f6c13",
    tool: "ask",
    input: {
      question: "Is the backup /srv/old of March still needed? It has 41 GB of the 98 on /. \x1b[2K\u202e",
      choices: ["keep it", "delete it"],
    },
    reason: "",
    class: "read",
    preflight: [],
    ...more,
  });

export const questions = {
  open: question(),
  answered: question({ state: "answered", by: "edge:operator", text: "delete it", settled_at: NOW - 12_000 }),
  lapsed: question({ state: "lapsed", why: "nobody answered within 10 min", settled_at: NOW - 12_000 }),
};

export const odd = {
  colours: "\x1b[1;31mfailed\x1b[0m \x1b[32mok\x1b[0m \x1b[38;5;208mplain\x1b[0m",
  osc: "before\x1b]52;c;aGVsbG8=\x07after \x1b]8;;https://example.net\x1b\\link\x1b]8;;\x1b\\",
  bidi: "rm -rf /srv/\u202egpj.\u2066exe\u2069",
  hidden: "a\u200bb\u0000c\ufeffd\ud800e\u{e0041}",
  html: `<img src=x onerror=alert(1)><b hx-get="/x">hi</b>&amp;`,
};

export const presets: readonly Preset[] = [
  {
    name: "triage",
    title: "Triage",
    prompt: "Uptime, load, memory, swap, disk, failed units, the last 30 kernel lines. Sum up what is wrong.",
  },
  {
    name: "memory",
    title: "Memory / OOM",
    prompt: "Free memory, the largest consumers, OOM kills in kernel log and journal, swap. Is it running out?",
  },
  {
    name: "disk",
    title: "Disk",
    prompt: "df, then the largest directories and files under the fullest mount. What is safe to clear?",
  },
  {
    name: "services",
    title: "Services",
    prompt: "Failed or stuck units, the status and the last journal lines of each.",
  },
  { name: "qemu", title: "QEMU wedged?", prompt: "Does the guest answer over ssh? Then forensics. Is a cycle needed?" },
];

export const sessions: readonly Session[] = [
  {
    session_id: SESSION,
    title: "ssh hangs since noon, the site is down.",
    target: "devvm",
    created_at: new Date(NOW - 3_600_000).toISOString(),
    last_seq: 502,
    turn_active: true,
  },
  {
    session_id: "9c11d2aa-0000-4000-8000-000000000000",
    title: "New session",
    target: "devvm",
    created_at: new Date(NOW - 86_400_000 * 3).toISOString(),
    last_seq: 12,
    turn_active: false,
  },
];

/** As long as real ones, and as hard to compress. */
export const requestIds = (form: string): string =>
  `${Bun.hash(form).toString(36)}${new Bun.CryptoHasher("sha256").update(form).digest("base64url")}`.slice(0, 44);

export const items = (now = NOW) => [
  ...talk.map((e) => <EntryItem markdown={markdown} entry={e} now={now} />),
  <ActionItem action={actions.done} now={now} />,
  <CheckItem entry={check.ended} title="Triage" now={now} />,
];

export const page = (more: Partial<ConsoleProps> = {}): ConsoleProps => ({
  target,
  session: sessions[0]!,
  state: states.frozen,
  turn: { running: false },
  presets,
  requestIds,
  items: items(more.now),
  after: 502,
  earlier: 300,
  heartbeat_ms: 20_000,
  now: NOW,
  last: actions.status,
  ...more,
});

export const assets = {
  script: "/static/console-0123456789ab.js",
  style: "/static/later-0123456789ab.css",
  icon: "/static/icon.svg",
  touch_icon: "/static/icon-180.png",
  manifest: "/manifest.webmanifest",
};

const signIn = {
  id: "a1b2c3d4e5f6",
  name: "local:viktor",
  kind: "operator",
  how: "password",
  begun_at: NOW - 3_600_000,
  seen_at: NOW - 12_000,
  proved_at: NOW - 60_000,
  came_from: "203.0.113.7",
  device: "Safari on iPhone",
} as const;

export const signIns: AccessPageProps = {
  me: { name: "local:viktor", how: "cookie", from: "203.0.113.7", sign_in: { id: signIn.id, proved_at: NOW } },
  signIns: [
    signIn,
    { ...signIn, id: "b1", name: "kiosk:edge:anna", kind: "kiosk", how: "wall board", device: "Chrome on Android" },
  ],
  operators: [{ name: "viktor", enrolled_at: NOW - 864e5, codes_left: 2 }],
  codesLeft: 2,
  proved: true,
  requestId: () => "x1234567",
  board: true,
  lab: true,
  now: NOW,
};
