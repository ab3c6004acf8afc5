/**
 * QEMU: does the guest answer, does QEMU, does its disk move, and so which power verb fits, if any. From the host's `status`
 * and `forensics` and a knock at the VM. Pure. The signs of the classes are in the project's notes on PVE.
 */
import { brief, loadIn, stuckIn, textOf } from "./figures.ts";
import { type Finding, type Reading, sentence } from "./finding.ts";

export function qemuFindings(readings: readonly Reading[]): Finding[] {
  const guest = readings.find((r) => r.key === "vm");
  const silent = guest !== undefined;
  const status = readings.find((r) => r.key === "host_status");
  const text = `${textOf(readings, "host_status")}\n${textOf(readings, "host_forensics")}`;
  const power = word(text, "status");
  const qmp = qmpIn(text);
  const disk = diskIn(text);
  const agent = word(text, "probe.agent");
  const lock = word(text, "probe.lock") ?? word(text, "lock");
  const found: Finding[] = [];

  if (power === null) {
    const why = status?.why || "it gave no answer that could be read";
    if (silent)
      return [
        {
          level: "bad",
          says: `Neither the PVE host nor the VM answers. Host: ${sentence(why)} VM: ${sentence(guest.why)}`,
          next: "From here nothing can be done: look at power, network and the host's own console.",
        },
      ];
    return [
      {
        level: "unknown",
        says: `The PVE host did not answer: ${sentence(why)}`,
        next: "Power verbs won't work until it does.",
      },
      { level: "fine", says: "The VM itself answers over ssh.", next: "" },
    ];
  }

  if (lock !== null && lock !== "none" && lock !== "unknown")
    found.push({
      level: "warn",
      says: `The VM has the config lock “${lock}”: a task is, or was, at work on it.`,
      next: "Find that task on the PVE host before any power verb.",
    });

  const pool = fullPool(text);
  if (pool)
    found.push({
      level: pool.percent >= 98 ? "bad" : "warn",
      says: `Storage ${pool.name} on the host is ${pool.percent} % full.`,
      next: "Make room before anything else: writes of the VM fail when it is full.",
    });

  if (power === "stopped")
    return [...found, { level: "bad", says: `The VM is stopped: no QEMU runs.${oomOnHost(text)}`, next: "start" }];

  if (qmp === "io-error" || /paused \(io-error\)/.test(text))
    return [
      ...found,
      {
        level: "bad",
        says: "QEMU has paused the VM because of an I/O error: its storage took no more writes.",
        next: "Make room in the pool, then qm resume on the PVE host. A reset or cycle loses what waits to be written.",
      },
    ];
  if (qmp === "paused")
    return [
      ...found,
      {
        level: "bad",
        says: "QEMU has paused the VM.",
        next: "Find out who paused it; qm resume on the PVE host lets it go on.",
      },
    ];

  const guestSays = silent
    ? `The guest does not answer over ssh (${brief(guest.why, 100)}${agent === "silent" ? ", nor does its agent" : ""})`
    : "";
  if (silent && qmp === "silent")
    found.push({
      level: "bad",
      says: `${guestSays}, and QEMU does not answer either.`,
      next: "cycle: only a new QEMU process helps.",
    });
  else if (silent && disk === "still")
    found.push({
      level: "bad",
      says: `${guestSays}. QEMU answers, but its disk does not move: the block path is wedged.`,
      next: "cycle. A reset keeps this QEMU process and would not help.",
    });
  else if (silent && disk === "moves")
    found.push({
      level: "bad",
      says: `${guestSays}, but QEMU answers and its disk moves: the guest hangs, or its network does.`,
      next: "Wait a moment and check again; then reset. If it does not come back, cycle.",
    });
  else if (silent)
    found.push({
      level: "bad",
      says: `${guestSays}. Whether QEMU's disk moves could not be read.`,
      next: "Run forensics again; if the disk stands still, cycle.",
    });
  else {
    const stuck = stuckIn(textOf(readings, "stuck")).length;
    const load = loadIn(textOf(readings, "uptime"));
    if (disk === "still" && stuck >= 3)
      found.push({
        level: "warn",
        says: `The guest answers, but ${stuck} processes wait for a disk that does not move.`,
        next: "Check again in a minute; if nothing moves, cycle.",
      });
    else
      found.push({
        level: "fine",
        says: `QEMU is not wedged: the VM answers over ssh${load === null ? "" : ` (load ${load})`}${qmp === "silent" ? "" : ", QEMU answers"}${disk === "moves" ? " and its disk moves" : ""}.`,
        next: "",
      });
  }
  return found;
}

/** `key: value` where qm or the host script prints it at the start of a line; forensics stand two columns in. */
function word(text: string, key: string): string | null {
  return new RegExp(`^ {0,2}${key.replace(".", "\\.")}: *([a-z][a-z-]{0,40})`, "m").exec(text)?.[1] ?? null;
}

/** What QEMU says of itself: running, io-error, paused, …; `silent` when its monitor did not answer. */
function qmpIn(text: string): string | null {
  if (word(text, "probe.qmp") === "silent") return "silent";
  return word(text, "qmpstatus") ?? (/VM status: running/.test(text) ? "running" : null);
}

/** Two looks at the block counters, some seconds apart. */
function diskIn(text: string): "moves" | "still" | null {
  if (/^ *the disk does not move/m.test(text)) return "still";
  if (/^ *the disk moves/m.test(text)) return "moves";
  const counts = [...text.matchAll(/\b(?:wr|rd)_operations=(\d+)/g)].map((m) => m[1]!);
  const half = counts.length / 2;
  if (counts.length < 2 || !Number.isInteger(half)) return null;
  return counts.slice(0, half).join() === counts.slice(half).join() ? "still" : "moves";
}

/** The fullest active storage from `pvesm status`, when it is nearly full. */
function fullPool(text: string): { name: string; percent: number } | null {
  const pools = [
    ...text.matchAll(/^[ \t]*(\S{1,64})[ \t]+\S{1,32}[ \t]+active[ \t]+\d+[ \t]+\d+[ \t]+\d+[ \t]+([\d.]+)%/gm),
  ].map((m) => ({
    name: m[1]!,
    percent: Number(m[2]),
  }));
  const fullest = pools.sort((a, b) => b.percent - a.percent)[0];
  return fullest && fullest.percent >= 90 ? fullest : null;
}

function oomOnHost(text: string): string {
  const killed = /Out of memory: Killed process \d+ \(kvm\)[^\n]*?anon-rss:(\d+)kB/.exec(text);
  return killed
    ? ` The host's kernel killed it for want of memory (${(Number(killed[1]) / 1024 / 1024).toFixed(1)} GB).`
    : "";
}
