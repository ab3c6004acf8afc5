/**
 * Reaches the PVE host: turns "this verb on this target" into what that host understands, and its endings into plain values.
 * The host enforces; here we only phrase. A host with the first system's script knows bare verbs only and no request ids.
 */
import { type Line, runChild, startChild } from "../child.ts";
import type { Disk } from "../log/disk.ts";
import { type Ending, exitCode } from "../outcome.ts";
import { keyRefused } from "../target/host-key.ts";
import { type Ssh, sshArgv } from "../target/ssh.ts";
import type { Target } from "../target/target.ts";
import type { HostKind, Learnt, Pve, PveRun, RecordOf } from "./host.ts";
import { runFiles } from "./run-files.ts";
import type { VerbName } from "./verb.ts";

/** ssh's own exit code for "the connection failed or broke". */
export const SSH_FAILED = 255;
const REJECTED = "breakglass-pve: rejected";

export interface PveTools {
  readonly ssh: Ssh;
  readonly env: Readonly<Record<string, string>>;
  /** Where the output of mutating runs is written, so that it outlives us. */
  readonly runs_dir: string;
  /** Whether a run is over, whatever came of it: its files may go. Left out, every run that is not among the newest is. */
  readonly isOver?: (target_id: string, id: string) => boolean;
  /** Takes secrets out of a run's files once it is over. */
  readonly clean?: (text: string) => string;
  /** The disk of `runs_dir`. */
  readonly disk?: Disk;
  /** How many of our targets are on the host of this one; a bare verb may only follow where it is 1. */
  readonly targetsOn: (target: Target) => number;
}

export function pveOverSsh(tools: PveTools): Pve {
  const files = runFiles(tools);
  const kinds = new Map<string, HostKind>();
  const placeOf = (target: Target) => `${target.pve.user}@${target.pve.host}:${target.pve.port}`;
  const argv = (target: Target, words: string) => sshArgv(tools.ssh, target.pve, words);
  const ask = (target: Target, words: string, limit_ms: number) =>
    runChild({ argv: argv(target, words), env: tools.env, limit_ms });

  async function meet(target: Target): Promise<HostKind> {
    const { ending, stdout, stderr } = await ask(target, "version", 15_000);
    const kind: HostKind =
      ending.is === "exited" && ending.code === 0 && /^breakglass-pve \d+/m.test(stdout)
        ? "v2"
        : ending.is === "exited" && ending.code === 2 && stderr.includes(REJECTED)
          ? "legacy"
          : "unknown";
    if (kind !== "unknown") kinds.set(placeOf(target), kind);
    return kind;
  }

  /** The words for a verb, as far as the host is known. */
  function phrase(target: Target, verb: VerbName, id: string | null, override: string | null): string {
    if (kinds.get(placeOf(target)) === "legacy") return verb;
    const request = id === null ? "" : ` ${id}${override === null ? "" : ` override=${override}`}`;
    return `${verb}@${target.vmid}${request}`;
  }

  /** True when a run that was sent while the host was unknown was refused, and the bare verb may follow. */
  async function isLegacyAfterAll(target: Target, known: boolean, ending: Ending, stderr: string): Promise<boolean> {
    if (known) return false;
    if (ending.is !== "exited" || ending.code !== 2 || !stderr.includes(REJECTED)) return false;
    const kind = kinds.get(placeOf(target)) ?? (await meet(target));
    return kind === "legacy" && tools.targetsOn(target) === 1;
  }

  /** A first-system script refuses `verb@vmid`: whoever carried it out, or refused it for a reason of its own, is version 2. */
  function noteWhatItObeyed(target: Target, known: boolean, ending: Ending): void {
    if (known || kinds.has(placeOf(target)) || ending.is !== "exited") return;
    if ([0, 1, 4, 75, 77].includes(ending.code)) kinds.set(placeOf(target), "v2");
  }

  function once(target: Target, words: string, limit_ms: number, heard: (line: Line) => void) {
    let stderr = "";
    const child = startChild({ argv: argv(target, words), env: tools.env, limit_ms, silence_ms: 24_000 }, (line) => {
      if (line.from === "stderr") stderr += `${line.text}\n`;
      heard(line);
    });
    return { child, stderr: () => stderr };
  }

  return {
    kindOf: (target) => kinds.get(placeOf(target)) ?? "unknown",
    meet,

    async inspect(target, verb, limit_ms, heard) {
      const held: Line[] = [];
      const known = kinds.has(placeOf(target));
      // While the host is unknown the answer may be a refusal that a bare verb follows: hold it back until that is clear.
      const first = once(
        target,
        phrase(target, verb, null, null),
        limit_ms,
        known ? heard : (line) => void held.push(line),
      );
      const ending = await first.child.ended;
      if (await isLegacyAfterAll(target, known, ending, first.stderr()))
        return once(target, verb, limit_ms, heard).child.ended;
      noteWhatItObeyed(target, known, ending);
      held.forEach(heard);
      return ending;
    },

    mutate(target, verb, id, override, heard): PveRun {
      const known = kinds.has(placeOf(target));
      let current = files.run(target, id, 0, argv(target, phrase(target, verb, id, override)));
      const ended = (async (): Promise<Ending> => {
        const held: Line[] = [];
        const ending = await (await current).tail(known ? heard : (line) => void held.push(line), heard, held);
        const stderr = held
          .filter((l) => l.from === "stderr")
          .map((l) => l.text)
          .join("\n");
        if (await isLegacyAfterAll(target, known, ending, stderr)) {
          current = files.run(target, id, 1, argv(target, verb));
          return (await current).tail(heard, heard, []);
        }
        noteWhatItObeyed(target, known, ending);
        for (const line of held) heard(line);
        return ending;
      })();
      return {
        ended,
        letGo: () => void current.then((run) => run.letGo()),
        leave: () => void current.then((run) => run.leave()),
      };
    },

    async report(target, id): Promise<Learnt> {
      const { ending, stdout, stderr } = await ask(target, `report ${id}`, 20_000);
      if (ending.is !== "exited" || ending.code === SSH_FAILED)
        return { is: "no_answer", why: lastLine(stderr), key_refused: keyRefused(exitCode(ending), stderr) };
      if (ending.code === 3) return { is: "never_ran" };
      if (ending.code !== 0) return { is: "no_answer", why: lastLine(stderr) };
      const said = /^state: (?:(running)|ended\nexit: (\d+))\n([\s\S]*)$/.exec(stdout);
      if (!said) return { is: "no_answer", why: "its report can't be read" };
      kinds.set(placeOf(target), "v2");
      const output = said[3]!;
      const of = recordOf(output);
      if (said[1]) return { is: "running", of };
      const verdict = output.match(/^verdict: .*$/gm)?.at(-1) ?? "";
      return { is: "ended", of, exit_code: Number(said[2]), verdict, output };
    },

    async status(target, limit_ms) {
      let stdout = "";
      let stderr = "";
      const ending = await this.inspect(target, "status", limit_ms, ({ from, text }) => {
        if (from === "stdout") stdout += `${text}\n`;
        else stderr += `${text}\n`;
      });
      return { ending, stdout, stderr };
    },

    leftBehind: files.leftBehind,
  };
}

/** The first line of a run's record. */
function recordOf(output: string): RecordOf | null {
  const said = /^# breakglass-pve \d+: (\w+) of VM (\d+), request [\w-]+(?:, override=([a-z-]+))?/.exec(output);
  return said && { verb: said[1]!, vmid: Number(said[2]), override: said[3] === "none" ? null : said[3] };
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";
