/** Disks: space, inodes, read-only and failing file systems, and what fills the fullest. Pure. */
import { brief, diskErrorsIn, gb, type Mount, mountsIn, readOnlyIn, textOf } from "./figures.ts";
import type { Finding, Reading } from "./finding.ts";

const FULL = 98;
const NEARLY = 90;

export function diskFindings(readings: readonly Reading[]): Finding[] {
  const mounts = mountsIn(textOf(readings, "disk"), "kilobytes");
  const inodes = mountsIn(textOf(readings, "inodes"), "inodes");
  const found: Finding[] = [];

  for (const mount of mounts.filter((m) => m.percent >= NEARLY)) {
    const full = mount.percent >= FULL || (mount.free ?? 1) < 0.05;
    found.push({
      level: full ? "bad" : "warn",
      says: `${mount.mount} is ${full ? "full" : "nearly full"}: ${mount.percent} % used, ${gb(mount.free ?? 0)} GB free${mount.device.startsWith("/dev/") ? ` (${mount.device})` : ""}.`,
      next: whatToClear(readings),
    });
  }
  for (const mount of inodes.filter((m) => m.percent >= NEARLY))
    found.push({
      level: mount.percent >= FULL ? "bad" : "warn",
      says: `${mount.mount} has used ${mount.percent} % of its inodes: too many small files.`,
      next: "Find the folder with the most files, and clear it: du --inodes -x -d 3.",
    });

  const readOnly = readOnlyIn(textOf(readings, "mounts"));
  if (readOnly.length > 0)
    found.push({
      level: "bad",
      says: `${readOnly.join(", ")} ${readOnly.length === 1 ? "stands" : "stand"} read-only: the kernel gave up on it after errors.`,
      next: "Look at the pool on the PVE host first (forensics: io-error? pool full?). Write nothing; a power action does not mend a disk.",
    });
  const errors = diskErrorsIn(textOf(readings, "kernel"));
  if (errors.length > 0)
    found.push({
      level: "bad",
      says: `The kernel reports disk errors (${errors.length} lines), last: ${brief(errors.at(-1)!, 140)}`,
      next: "Look at the pool on the PVE host first: run the check “QEMU wedged?”.",
    });

  const fullest = [...mounts].sort((a, b) => b.percent - a.percent)[0];
  if (fullest && found.length === 0)
    found.push({
      level: "fine",
      says: `Disks: the fullest is ${fullest.mount} at ${fullest.percent} %, ${gb(fullest.free ?? 0)} GB free${inodesIn(inodes)}.`,
      next: "",
    });
  return found;
}

function inodesIn(inodes: readonly Mount[]): string {
  const fullest = [...inodes].sort((a, b) => b.percent - a.percent)[0];
  return fullest ? `; inodes ${fullest.percent} %` : "";
}

/** Swap files and a database's own files are large by right: never named as what to remove. */
const NEVER =
  /^\/(?:swap|proc|sys|dev|boot|usr|lib|bin|sbin|etc)|swapfile|\/(?:postgresql|mysql|mongodb|docker|containerd|libvirt)\//;

function whatToClear(readings: readonly Reading[]): string {
  const files = sizesIn(textOf(readings, "files"));
  const folders = sizesIn(textOf(readings, "folders"));
  if (files.length === 0 && folders.length === 0) return "Run the check “Disk” to see what fills it.";
  const file = files.find((f) => !NEVER.test(f.path));
  const journal = /take up ([\d.]+[KMGT])/.exec(textOf(readings, "journal_size"))?.[1];
  const steps = [
    ...(file
      ? [
          `The largest file outside system folders is ${brief(file.path)} (${gb(file.size)} GB): if nobody needs it, sudo rm ${shellWord(file.path)}`,
        ]
      : []),
    ...(journal && /[GT]$/.test(journal)
      ? [`the journal takes ${journal}: sudo journalctl --vacuum-size=200M is safe`]
      : []),
  ];
  if (steps.length > 0) return `${steps.join("; ")}.`;
  return folders.length > 0
    ? `Largest folders: ${folders
        .slice(0, 4)
        .map((f) => `${brief(f.path, 60)} ${gb(f.size)} GB`)
        .join(", ")}.`
    : "";
}

/** Lines of `<KiB> <path>`. */
function sizesIn(text: string): { size: number; path: string }[] {
  return text.split("\n").flatMap((line) => {
    const row = /^(\d{1,15})\s+(\/.*)$/.exec(line);
    return row ? [{ size: Number(row[1]) / 1024 / 1024, path: row[2]! }] : [];
  });
}

/** A path in words that can be pasted: quoted when it is not plain, so that a name can't smuggle in a command. */
function shellWord(path: string): string {
  return /^[\w./+@:-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
