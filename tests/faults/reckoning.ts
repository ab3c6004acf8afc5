/** When everything has come to rest: what the clients were told, what both logs hold, and what the host truly did must be one story. */
import { join } from "node:path";
import { verifyFile } from "../../src/audit/terminal.ts";
import type { PveHost } from "../support/pve-host.ts";
import { disagreement, evidenceMissing, isItsRun, type Said } from "./agreement.ts";
import type { FaultyConsole } from "./console.ts";
import { doubled, type Run, runsOf } from "./host-truth.ts";
import { connections, sshClients } from "./processes.ts";
import type { Findings } from "./result.ts";
import type { Taps } from "./taps.ts";

export async function reckon(
  host: PveHost,
  consoles: readonly FaultyConsole[],
  taps: Taps,
  findings: Findings,
): Promise<void> {
  const runs = runsOf(host);
  const byId = new Map(runs.map((run) => [run.id, run]));
  findings.count("runs on the host", runs.filter((run) => run.ran).length);
  for (const sentence of doubled(host, runs)) findings.bad("duplicated", sentence);
  for (const run of runs)
    if (run.exit_code === null) findings.bad("unresolved", `${run.verb} ${run.id} has no end on the host`);

  for (const one of consoles) {
    findings.count("restarts", one.kills);
    await reckonOne(one, byId, taps, findings);
    if (sshClients(one.dir).length > 0) findings.bad("unresolved", `an ssh of ${one.name} still runs`);
  }
  if (connections(host.world).length > 0) findings.bad("unresolved", "a connection to the host still follows a run");
  theVmIs(host, runs, findings);
}

async function reckonOne(one: FaultyConsole, runs: Map<string, Run>, taps: Taps, findings: Findings): Promise<void> {
  const written = one.written();
  const acknowledged = taps.acknowledged.get(one.name) ?? new Map();
  findings.count("acknowledged", acknowledged.size);
  for (const [id, tap] of acknowledged) {
    const entry = written.find((action) => action.id === id);
    if (!entry) findings.bad("lost", `${one.name} acknowledged ${tap.verb} ${id}, and it is not in the log`);
    else if (entry.verb !== tap.verb || entry.override !== tap.override)
      findings.bad("lost", `${one.name} acknowledged ${tap.verb} ${id}; its log has ${entry.verb}`);
  }
  for (const { id, verb, kinds } of written) {
    const times = (kind: string) => kinds.filter((k) => k === kind).length;
    if (times("requested") > 1) findings.bad("duplicated", `${one.name}: ${verb} ${id} stands in the log twice`);
    if (times("finished") + times("learned") > 1)
      findings.bad(
        "duplicated",
        `${one.name}: ${verb} ${id} ended twice: ${kinds.filter((k) => k !== "printed").join(", ")}`,
      );
    const said = (await one.ask("GET", `/api/pve/actions/${id}`))?.body as Said | undefined;
    if (!said) {
      findings.bad("lost", `${one.name} does not know ${verb} ${id} any more`);
      continue;
    }
    taps.remember(one, said);
    if (times("lost") > 0) findings.count("learnt afterwards");
    if (said.rejected && said.exit_code === 2) findings.count("refused by the host");
    if (said.rejected && said.exit_code === 75) findings.count("found the host busy");
    const amiss = disagreement(said, runs.get(id));
    if (amiss) findings.bad("unresolved", `${one.name}: ${amiss}`);
    const run = runs.get(id);
    if (!said.rejected && isItsRun(said, run) && evidenceMissing(said, run) > 0)
      findings.bad("lost", `${one.name}: ${evidenceMissing(said, run)} lines of the record of ${id} are not shown`);
  }
  const audit = await verifyFile(join(one.dir, "breakglass.db"), []);
  if (audit.is === "broken")
    findings.bad("lost", `the audit of ${one.name} does not hold at row ${audit.n}: ${audit.why}`);
  const held = (await one.ask("GET", "/api/pve/cycle"))?.body.running;
  if (held !== null) findings.bad("unresolved", `${one.name} still holds the VM for ${JSON.stringify(held)}`);
}

/** The last run that came to its end as it should says whether there is a QEMU now. */
function theVmIs(host: PveHost, runs: readonly Run[], findings: Findings): void {
  const last = runs.filter((run) => run.ran && run.exit_code === 0).at(-1);
  if (!last) return;
  const on = host.qemu() !== null;
  if (on === (last.verb === "stop"))
    findings.bad("lost", `after ${last.verb} ${last.id} the VM is ${on ? "on" : "off"}`);
}
