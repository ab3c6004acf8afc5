/**
 * Runs a check: asks the host and the VM at the same time, and ends with readings whatever breaks on the way. How
 * ssh is reached comes in as tools; what the readings mean is in `finding.ts`. It writes no entries.
 */
import type { Line } from "../child.ts";
import { type Ending, endingInWords } from "../outcome.ts";
import type { Check } from "./check.ts";
import type { Reading } from "./finding.ts";
import { commandFor, longest_ms, Sections } from "./sections.ts";

export interface CheckTools {
  /** Runs one command on the VM over ssh; lines as they come; never rejects for what the world did. */
  vm(command: string, limit_ms: number, heard: (line: Line) => void): Promise<Ending>;
  /** Asks the PVE host for a read-only verb. `why` says in words why there is no exit code, or what ssh said. */
  host(verb: "status" | "forensics"): Promise<{ exit_code: number | null; stdout: string; why: string }>;
}

/** Never rejects for what the world did. `heard` gets each reading when it is whole, in the order they end. */
export async function runCheck(
  check: Check,
  tools: CheckTools,
  heard?: (reading: Reading) => void,
): Promise<Reading[]> {
  const [host, vm] = await Promise.all([askHost(check, tools, heard), askVm(check, tools, heard)]);
  return [...host, ...vm];
}

async function askHost(check: Check, tools: CheckTools, heard?: (reading: Reading) => void): Promise<Reading[]> {
  const readings: Reading[] = [];
  // One after the other: QEMU's monitor serves one at a time.
  for (const verb of check.host) {
    const said = await tools.host(verb).catch((error: unknown) => ({
      exit_code: null,
      stdout: "",
      why: error instanceof Error ? error.message : String(error),
    }));
    const reading = {
      key: `host_${verb}`,
      command: `${verb} (PVE host)`,
      output: said.stdout,
      exit_code: said.exit_code,
      why: said.why,
    };
    readings.push(reading);
    heard?.(reading);
  }
  return readings;
}

async function askVm(check: Check, tools: CheckTools, heard?: (reading: Reading) => void): Promise<Reading[]> {
  if (check.reads.length === 0) return [];
  const mark = `bg-${crypto.randomUUID()}`;
  const sections = new Sections(check.reads, mark, heard);
  const complaints: string[] = [];
  let ending: Ending;
  try {
    ending = await tools.vm(commandFor(check.reads, mark), longest_ms(check.reads), ({ from, text }) => {
      if (from === "stdout") sections.line(text);
      else if (text.trim() !== "" && complaints.length < 20) complaints.push(text.trim());
    });
  } catch (error) {
    ending = { is: "not_started", why: error instanceof Error ? error.message : String(error) };
  }
  const because = complaints.length === 0 ? endingInWords(ending) : complaints.slice(-3).join("; ");
  if (!sections.began) {
    const reading = { key: "vm", command: "ssh", output: complaints.join("\n"), exit_code: null, why: because };
    heard?.(reading);
    return [reading];
  }
  return sections.readings(sections.complete ? "" : `the link to the VM was lost (${because})`);
}
