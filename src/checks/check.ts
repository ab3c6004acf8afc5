/**
 * The checks: scripted, read-only diagnoses of the VM (and, for a wedged QEMU, of its host). One table says what is read;
 * `finding.ts` says what it means. No AI, and nothing here changes anything.
 */
export type CheckName = "triage" | "memory" | "disk" | "services" | "qemu";

export interface Check {
  readonly name: CheckName;
  /** The preset's name on the page. */
  readonly title: string;
  /** What "Ask the agent" sends. */
  readonly prompt: string;
  /** Commands on the VM, in order; each has its own limit in seconds. */
  readonly reads: readonly CheckRead[];
  /** Verbs asked of the PVE host first; read-only ones only. */
  readonly host: readonly ("status" | "forensics")[];
}

export interface CheckRead {
  /** A word for the section, `[a-z_]+`, unique in its check. */
  readonly key: string;
  readonly command: string;
  readonly limit_s: number;
}

// Without `-l`, df waits for a dead NFS server; without the exclusions its list is mostly pseudo file systems.
const DF = "-l -x tmpfs -x devtmpfs -x squashfs -x overlay -x efivarfs";
// The kernel's buffer is root's on Debian and Ubuntu; the journal is the way round it, slower, and useless on a full disk.
const KERNEL = "{ sudo -n dmesg -T || dmesg -T || journalctl -k -b -q --no-pager -n 400; } 2>/dev/null";
const FULLEST = `m=$(df -Pk ${DF} 2>/dev/null | tail -n +2 | sort -rn -k5 | head -n 1 | sed "s/.*% *//")`;
const AS_ROOT = 'S=""; sudo -n true 2>/dev/null && S="sudo -n"';

const read = (key: string, limit_s: number, command: string): CheckRead => ({ key, command, limit_s });

const uptime = read("uptime", 4, "uptime");
const cpus = read("cpus", 4, "nproc");
const memory = read("memory", 4, "free -m");
const pressureOfMemory = read("pressure_memory", 4, "cat /proc/pressure/memory");
const pressureOfIo = read("pressure_io", 4, "cat /proc/pressure/io");
// Only names and states: asking for arguments reads every process's memory map, and hangs on one that is stuck.
const stuck = read("stuck", 6, 'ps -eo stat,pid,comm | grep "^D" | head -n 120');
const largest = read("largest", 6, "ps -eo pid,user,rss,comm --sort=-rss | head -n 9");
const disk = read("disk", 6, `df -Pk ${DF}`);
const inodes = read("inodes", 6, `df -Pi ${DF}`);
const failedUnits = read("units", 6, "systemctl list-units --failed --plain --no-legend --no-pager");

export const CHECKS: Readonly<Record<CheckName, Check>> = {
  triage: {
    name: "triage",
    title: "Triage",
    prompt:
      "Find out what is wrong with this VM. Look at uptime, load, memory and swap, disk space, failed units and the last 30 lines of the kernel log. Then say in a few lines what is wrong, what shows it, and what you would do first.",
    host: [],
    reads: [
      uptime,
      cpus,
      memory,
      pressureOfMemory,
      pressureOfIo,
      stuck,
      largest,
      failedUnits,
      read("kernel", 8, `${KERNEL} | tail -n 30`),
      inodes,
      disk,
    ],
  },
  memory: {
    name: "memory",
    title: "Memory / OOM",
    prompt:
      "Is this VM running out of memory? Look at memory and swap, the largest processes, memory pressure, and OOM kills in the kernel log and the journal. Say whether it is running out, what takes it, and how to get some back without a power action.",
    host: [],
    reads: [
      uptime,
      cpus,
      memory,
      pressureOfMemory,
      pressureOfIo,
      stuck,
      largest,
      read("kernel", 8, `${KERNEL} | grep -Ei "oom|out of memory|killed process|blocked for more" | tail -n 20`),
      read(
        "journal",
        10,
        'journalctl -b -q --no-pager -n 3000 | grep -Ei "oom-kill|oom killer|out of memory" | tail -n 12',
      ),
      read("swap", 4, "swapon --show"),
    ],
  },
  disk: {
    name: "disk",
    title: "Disk",
    prompt:
      "Is a disk of this VM full? Look at df for space and inodes, then at the largest directories and files under the fullest mount. Say what fills it and what is safe to clear. Ask before you delete anything.",
    host: [],
    reads: [
      disk,
      inodes,
      read("mounts", 4, "cat /proc/mounts"),
      read(
        "kernel",
        8,
        `${KERNEL} | grep -Ei "ext4-fs|xfs|btrfs|i/o error|read-only|journal has aborted" | tail -n 12`,
      ),
      read("journal_size", 6, "journalctl --disk-usage"),
      read(
        "files",
        15,
        `${FULLEST}; ${AS_ROOT}; $S find "$m" -xdev -type f -size +200M -printf "%k %p\\n" 2>/dev/null | sort -rn | head -n 12`,
      ),
      read("folders", 20, `${FULLEST}; ${AS_ROOT}; $S du -xk --max-depth=2 "$m" 2>/dev/null | sort -rn | head -n 12`),
    ],
  },
  services: {
    name: "services",
    title: "Services",
    prompt:
      "Which services of this VM have failed or are stuck? Look at failed units and waiting jobs, then at the state and the last journal lines of each. Say why each failed and what would bring it back.",
    host: [],
    reads: [
      failedUnits,
      read("restarting", 6, "systemctl list-units --state=activating --plain --no-legend --no-pager"),
      read("jobs", 6, "systemctl list-jobs --no-legend --no-pager"),
      disk,
      memory,
      read(
        "why",
        15,
        'for u in $(systemctl list-units --failed --plain --no-legend --no-pager | head -n 8 | cut -d" " -f1); do echo "== $u"; systemctl show -p Result --value "$u"; journalctl -u "$u" -b -q --no-pager -n 6; done',
      ),
    ],
  },
  qemu: {
    name: "qemu",
    title: "QEMU wedged?",
    prompt:
      "Is QEMU wedged? Find out whether the guest answers over ssh, then ask the PVE host for status and forensics (qm status, QMP, guest agent, whether the disk's counters move). Say whether a cycle is needed, and why a reset would or would not do.",
    host: ["status", "forensics"],
    reads: [uptime, cpus, memory, stuck],
  },
};

export const CHECK_NAMES = Object.keys(CHECKS) as CheckName[];

export function checkNamed(name: string): Check | null {
  return Object.hasOwn(CHECKS, name) ? CHECKS[name as CheckName] : null;
}
