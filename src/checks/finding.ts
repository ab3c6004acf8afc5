/** What a check found: one line in plain words with its evidence. Pure: outputs in, findings out. */
import type { Check, CheckName } from "./check.ts";
import { brief } from "./figures.ts";
import { diskFindings } from "./find-disk.ts";
import { memoryFindings } from "./find-memory.ts";
import { qemuFindings } from "./find-qemu.ts";
import { serviceFindings } from "./find-services.ts";

export interface Finding {
  /** `bad` wants an act now, `warn` a look, `fine` says that this is not it, `unknown` that it could not be read. */
  readonly level: "bad" | "warn" | "fine" | "unknown";
  /** One sentence in plain words, with the figures that prove it. */
  readonly says: string;
  /** What to do next, or empty. */
  readonly next: string;
}

/** The output of one read of a check. */
export interface Reading {
  readonly key: string;
  readonly command: string;
  readonly output: string;
  /** Null: it did not end (limit, link lost). */
  readonly exit_code: number | null;
  /** Why there is no exit code, in words; empty otherwise. */
  readonly why: string;
}

const FINDERS: Readonly<Record<CheckName, readonly ((readings: readonly Reading[]) => Finding[])[]>> = {
  triage: [diskFindings, memoryFindings, serviceFindings],
  memory: [memoryFindings],
  disk: [diskFindings],
  services: [serviceFindings],
  qemu: [qemuFindings],
};
const ORDER = ["bad", "warn", "unknown", "fine"] as const;

/** The worst first. Always at least one: what was looked at and found in order is a finding, too. */
export function findingsOf(check: Pick<Check, "name">, readings: readonly Reading[]): Finding[] {
  const silent = readings.find((reading) => reading.key === "vm");
  const found =
    silent && check.name !== "qemu"
      ? [vmSilent(silent)]
      : [...FINDERS[check.name].flatMap((find) => find(readings)), ...unread(readings)];
  if (found.length === 0)
    found.push({
      level: "unknown",
      says: "Nothing that was read could be understood.",
      next: "Read the outputs, or ask the agent.",
    });
  return found.sort((a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level));
}

function vmSilent(vm: Reading): Finding {
  return {
    level: "bad",
    says: `The VM does not answer over ssh: ${sentence(vm.why)}`,
    next: "Run the check “QEMU wedged?”: it asks the PVE host.",
  };
}

/** What hung or was cut off is said, so that silence is not taken for health. */
function unread(readings: readonly Reading[]): Finding[] {
  const missing = readings.filter((r) => r.exit_code === null && r.key !== "vm" && !r.key.startsWith("host_"));
  if (missing.length === 0) return [];
  const reasons = [...new Set(missing.map((r) => r.why).filter(Boolean))];
  return [
    {
      level: "unknown",
      says: `Not read: ${missing.map((r) => r.key.replaceAll("_", " ")).join(", ")}: ${sentence(reasons.join("; ") || "no answer")}`,
      next: reasons.some((why) => why.includes("hung"))
        ? "A read that hangs mostly waits for a disk. Run the check “QEMU wedged?”."
        : "",
    },
  ];
}

export function sentence(text: string): string {
  const line = brief(text, 240);
  return /[.!?…]$/.test(line) ? line : `${line}.`;
}
