/** Services: which units failed or wait, why each did, and what would bring it back. Pure. */
import { brief, mountsIn, textOf, unitsIn } from "./figures.ts";
import type { Finding, Reading } from "./finding.ts";

export function serviceFindings(readings: readonly Reading[]): Finding[] {
  const failed = unitsIn(textOf(readings, "units"));
  const restarting = unitsIn(textOf(readings, "restarting"));
  const read = readings.find((reading) => reading.key === "units");
  const found: Finding[] = [];
  const whys = whyByUnit(textOf(readings, "why"));
  const full = mountsIn(textOf(readings, "disk"), "kilobytes").find((m) => m.percent >= 98);
  const named = failed.filter((unit) => whys.has(unit)).slice(0, 8);

  for (const unit of named) {
    const why = whys.get(unit)!;
    const noSpace = full !== undefined || why.lines.some((line) => /ENOSPC|[Nn]o space left/.test(line));
    const oom = why.result === "oom-kill";
    found.push({
      level: "bad",
      says: `${unit} has failed${why.result ? ` (${why.result})` : ""}${why.says ? `: ${brief(why.says)}` : "."}`,
      next: noSpace
        ? `Free space first (the check “Disk”), then sudo systemctl restart ${unit}`
        : oom
          ? `It was killed for want of memory: the check “Memory / OOM” first, then sudo systemctl restart ${unit}`
          : `sudo systemctl restart ${unit}, then look whether it stays up.`,
    });
  }
  const others = failed.filter((unit) => !named.includes(unit));
  if (others.length > 0)
    found.push({
      level: "bad",
      says: `${others.length === 1 ? "A unit has" : `${others.length} units have`} failed: ${others.slice(0, 6).join(", ")}${others.length > 6 ? ", …" : ""}.`,
      next: named.length > 0 ? "" : "Run the check “Services” to see why.",
    });
  if (restarting.length > 0)
    found.push({
      level: "warn",
      says: `Starting again and again, or stuck in starting: ${restarting.slice(0, 6).join(", ")}.`,
      next: `journalctl -u ${restarting[0]} -n 30`,
    });
  if (/\bwaiting\b/.test(textOf(readings, "jobs")))
    found.push({
      level: "warn",
      says: "systemd has jobs that wait for others.",
      next: "systemctl list-jobs shows which job holds them.",
    });
  if (failed.length === 0 && read !== undefined && read.exit_code !== null && read.exit_code !== 0)
    found.push({
      level: "unknown",
      says: `systemd did not answer about its units: ${brief(read.output.split("\n")[0] ?? "") || `exit code ${read.exit_code}`}`,
      next: "A systemd that can't be asked is itself a sign: look at memory and disk first.",
    });
  if (failed.length === 0 && restarting.length === 0 && read?.exit_code === 0)
    found.push({ level: "fine", says: "Services: no failed units.", next: "" });
  return found;
}

interface Why {
  readonly result: string;
  readonly says: string;
  readonly lines: readonly string[];
}

/** `== unit`, its Result, then its last journal lines. */
function whyByUnit(text: string): Map<string, Why> {
  const all = new Map<string, Why>();
  for (const part of text.split(/^== /m).slice(1)) {
    const [unit = "", result = "", ...lines] = part.split("\n").map((line) => line.slice(0, 1000).trim());
    const told = lines.filter((line) => line !== "" && !line.startsWith("--"));
    // systemd's own words come last and say less than the program's.
    const own = told.filter((line) => !/systemd\[\d+\]:/.test(line));
    const says = (own.at(-1) ?? told.find((line) => /exited|killed/.test(line)) ?? told.at(-1) ?? "").replace(
      /^\w{3} +\d+ [\d:]+ \S+ /,
      "",
    );
    all.set(unit, { result: /^[a-z-]{2,32}$/.test(result) ? result : "", says, lines: told });
  }
  return all;
}
