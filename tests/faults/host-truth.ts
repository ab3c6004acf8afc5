/**
 * What truly happened on the PVE host, read from there and from nowhere else: the records of its runs with the times of
 * their files, its log, and the ledger of the stand-in qm. It knows nothing of consoles.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { PveHost } from "../support/pve-host.ts";

export interface Run {
  readonly id: string;
  readonly verb: string;
  readonly override: string | null;
  /** Null while it runs. */
  readonly exit_code: number | null;
  /** When its process took it on, and when its end could be read, ms since the epoch with fractions; 0: never. */
  readonly began: number;
  readonly ended: number;
  readonly output: string;
  /** False for a record whose request was given up before anything ran. */
  readonly ran: boolean;
}

const HEADER = /^# breakglass-pve 2: (\w+) of VM \d+, request (\S+),/gm;

/** The runs in the order in which they began. */
export function runsOf(host: PveHost): Run[] {
  const runs = join(host.world, "state", "runs");
  if (!existsSync(runs)) return [];
  return readdirSync(runs)
    .filter((id) => !id.startsWith("."))
    .map((id) => {
      const at = (name: string) => join(runs, id, name);
      const when = (name: string) => (existsSync(at(name)) ? statSync(at(name)).mtimeMs : 0);
      const request = Object.fromEntries(
        readFileSync(at("request"), "utf8")
          .split("\n")
          .filter(Boolean)
          .map((line) => line.split(": ", 2) as [string, string]),
      );
      const output = readFileSync(at("output"), "utf8");
      return {
        id,
        verb: request.verb ?? "",
        override: request.override || null,
        exit_code: existsSync(at("exit")) ? Number(readFileSync(at("exit"), "utf8")) : null,
        began: when("claim"),
        ended: when("exit"),
        output,
        ran: existsSync(at("runner")),
      };
    })
    .sort((a, b) => a.began - b.began);
}

export interface Taken {
  readonly accepted: number;
  readonly ended: number;
}

/** How often the host's log says that a request was taken in, and that its run ended. */
export function takenIn(host: Pick<PveHost, "log">): Map<string, Taken> {
  const found = new Map<string, Taken>();
  for (const line of host.log()) {
    const [, , word, , id] = line.split(" ");
    if (word !== "accepted" && word !== "ended") continue;
    const one = found.get(id!) ?? { accepted: 0, ended: 0 };
    found.set(id!, { ...one, [word]: one[word] + 1 });
  }
  return found;
}

export const wasAccepted = (host: PveHost, id: string): boolean =>
  host.log().some((line) => / accepted \S+ (\S+) /.exec(line)?.[1] === id);

export const hasEnded = (host: PveHost, id: string): boolean => existsSync(join(host.record(id), "exit"));

/** What is wrong with the runs themselves, whatever any console says: two at a time, two of one id, qm called beside them. */
export function doubled(host: Pick<PveHost, "ledger" | "log">, runs: readonly Run[]): string[] {
  const wrong: string[] = [];
  const ran = runs.filter((run) => run.ran);
  ran.slice(1).forEach((run, i) => {
    const before = ran[i]!;
    if (before.ended === 0 || run.began < before.ended)
      wrong.push(`${run.verb} ${run.id} began while ${before.verb} ${before.id} ran`);
  });
  for (const run of runs) {
    const headers = [...run.output.matchAll(HEADER)];
    if (headers.length > 1 || headers.some(([, verb, id]) => verb !== run.verb || id !== run.id))
      wrong.push(`the record of ${run.id} tells of ${headers.length} runs`);
  }
  for (const [id, { accepted, ended }] of takenIn(host))
    if (accepted > 1 || ended > 1) wrong.push(`${id} was taken in ${accepted} times and ended ${ended} times`);
  // Every call that changes something was announced by a run: none came from anywhere else.
  for (const word of ["start", "stop", "reset"]) {
    const called = host.ledger().filter((line) => line.startsWith(`${word} `)).length;
    const announced = runs.reduce((sum, run) => sum + run.output.split(`\n# qm ${word} `).length - 1, 0);
    if (called !== announced) wrong.push(`qm ${word} was called ${called} times; the runs announced ${announced}`);
  }
  return wrong;
}
