/**
 * What the text of `status` says: qm's own lines and, from a host script of version 2, its `probe.` lines. Pure. What was not
 * said is null: nothing here concludes anything, and a first system's bare `status: running` stays just that.
 */
export interface Said {
  /** From `qm status`: is there a QEMU process, as qm sees it. Null: qm did not say. */
  readonly power: "running" | "stopped" | null;
  /** What QEMU says of itself, in QMP's words: running, io-error, paused, prelaunch, internal-error, guest-panicked, … */
  readonly qemu: string | null;
  /** The host has no VM of this number. */
  readonly absent: boolean;
  /** A host script of version 2 answered. */
  readonly probed: boolean;
  readonly vmid: string | null;
  readonly uptime_s: number | null;
  /** `agreed 4711`, `lost 4711`, `recycled`, `unreadable`, `none`; from plain qm `qm 4711`. */
  readonly pid: string | null;
  /** The process's state letter, and how many of its threads wait uninterruptibly. */
  readonly letter: string | null;
  readonly stuck: number;
  readonly qmp: "answered" | "silent" | "none" | null;
  /** Operations (or, from plain qm, bytes) of all drives since this QEMU began: only good for comparing. */
  readonly disk: number | null;
  /** Whether they changed within the question itself, about a second. */
  readonly moved: boolean | null;
  readonly agent: "answered" | "silent" | "none" | null;
  /** The guest kernel's last word to the balloon driver, seconds since the epoch, by the host's clock. */
  readonly balloon_at: number | null;
  /** The config lock; null: none, or not known (`lock_known`). */
  readonly lock: string | null;
  readonly lock_known: boolean;
  readonly task: string | null;
  readonly flock: string | null;
  readonly staged: string | null;
  readonly snapshot: string | null;
  readonly pool: string | null;
  readonly oom: string | null;
  /** A run of the host script that is under way. */
  readonly run: string | null;
}

export function readStatus(stdout: string): Said {
  const lines = new Map<string, string>();
  for (const [, name, value] of stdout.matchAll(/^\t*([a-z][\w.-]*): (.*?)\r?$/gm)) {
    if (!lines.has(name!)) lines.set(name!, value!.trim());
  }
  const probe = (name: string) => {
    const value = lines.get(`probe.${name}`);
    return value === undefined || value === "" || value === "unknown" || value === "none" ? null : value;
  };
  const number = (text: string | null | undefined) => (text && /^\d+$/.test(text) ? Number(text) : null);
  const status = lines.get("status");
  const vm = probe("vm");
  // "paused (io-error)" is HMP's way to say QMP's io-error; since qemu-server 5 a plain `qm status` prints QMP's word itself.
  const qmp_word =
    /\((.+)\)/.exec(vm ?? "")?.[1] ?? vm ?? lines.get("qmpstatus") ?? (status === "unknown" ? null : status);
  const answered = probe("qmp");
  const lock = probe("lock") ?? lines.get("lock") ?? null;
  // qm prints 0 for these while QEMU is silent.
  const bytes = (number(lines.get("diskread")) ?? 0) + (number(lines.get("diskwrite")) ?? 0);
  const pid = lines.get("probe.pid") ?? (lines.has("pid") ? `qm ${lines.get("pid")}` : null);
  return {
    power: status === "stopped" ? "stopped" : status === undefined || status === "unknown" ? null : "running",
    qemu: qmp_word ?? null,
    absent: /^Configuration file .* does not exist/m.test(stdout) || lines.get("probe.lock") === "absent",
    probed: lines.has("probe.at"),
    vmid: lines.get("vmid") ?? /\bVM (\d+)/.exec(stdout)?.[1] ?? null,
    uptime_s: number(lines.get("uptime")),
    pid,
    letter: probe("qemu"),
    stuck: number(probe("stuck")) ?? 0,
    qmp: answered === "answered" || answered === "silent" ? answered : lines.has("probe.qmp") ? "none" : null,
    disk: number(probe("ops")) ?? (bytes > 0 ? bytes : null),
    moved: probe("moved") === "yes" ? true : probe("moved") === "no" ? false : null,
    agent: lines.get("probe.agent") === "none" ? "none" : ((probe("agent") as "answered" | "silent" | null) ?? null),
    balloon_at: number(lines.get("last_update")),
    lock: lock === "absent" ? null : lock,
    lock_known: lines.has("lock") || (lines.has("probe.lock") && lines.get("probe.lock") !== "unknown"),
    task: probe("task"),
    flock: probe("flock"),
    staged: probe("staged"),
    snapshot: probe("snapshot"),
    pool: probe("pool"),
    oom: probe("oom"),
    run: probe("run"),
  };
}
