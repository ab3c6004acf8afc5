/**
 * Reaches the PVE host: turns "this verb on this target" into what that host understands, and its endings into plain values.
 * The host enforces; here we only phrase. A host with the first system's script knows bare verbs only and no request ids.
 */
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { type Line, runChild, startChild, startToFiles } from "../child.ts";
import type { Ending } from "../outcome.ts";
import { type Ssh, sshArgv } from "../target/ssh.ts";
import type { Target } from "../target/target.ts";
import type { HostKind, Learnt, Pve, PveRun, RecordOf } from "./carry-out.ts";
import type { VerbName } from "./verb.ts";

/** ssh's own exit code for "the connection failed or broke". */
export const SSH_FAILED = 255;
const REJECTED = "breakglass-pve: rejected";
/** How often the files of a mutating run are read, ms. */
const LOOK_EVERY_MS = 120;
/** The most that one look takes from a file, bytes. */
const LOOK_BYTES = 256 * 1024;

export interface PveTools {
  readonly ssh: Ssh;
  readonly env: Readonly<Record<string, string>>;
  /** Where the output of mutating runs is written, so that it outlives us. */
  readonly runs_dir: string;
  /** How many of our targets are on the host of this one; a bare verb may only follow where it is 1. */
  readonly targetsOn: (target: Target) => number;
}

export function pveOverSsh(tools: PveTools): Pve {
  mkdirSync(tools.runs_dir, { recursive: true, mode: 0o700 });
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
    const child = startChild({ argv: argv(target, words), env: tools.env, limit_ms, silence_ms: 25_000 }, (line) => {
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
      let current = runToFiles(tools, target, id, 0, argv(target, phrase(target, verb, id, override)));
      const ended = (async (): Promise<Ending> => {
        const held: Line[] = [];
        const ending = await current.tail(known ? heard : (line) => void held.push(line), heard, held);
        const stderr = held
          .filter((l) => l.from === "stderr")
          .map((l) => l.text)
          .join("\n");
        if (await isLegacyAfterAll(target, known, ending, stderr)) {
          current = runToFiles(tools, target, id, 1, argv(target, verb));
          return current.tail(heard, heard, []);
        }
        noteWhatItObeyed(target, known, ending);
        for (const line of held) heard(line);
        return ending;
      })();
      return { ended, letGo: () => current.letGo() };
    },

    async report(target, id): Promise<Learnt> {
      const { ending, stdout, stderr } = await ask(target, `report ${id}`, 20_000);
      if (ending.is !== "exited" || ending.code === SSH_FAILED) return { is: "no_answer", why: lastLine(stderr) };
      if (ending.code === 3) return { is: "never_ran" };
      if (ending.code !== 0) return { is: "no_answer", why: lastLine(stderr) };
      const said = /^state: (?:(running)|ended\nexit: (\d+))\n([\s\S]*)$/.exec(stdout);
      if (!said) return { is: "no_answer", why: "its report can't be read" };
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

    leftBehind(target, id) {
      const path = [1, 0].map((n) => `${runBase(tools, target, id, n)}.out`).find(existsSync);
      return path ? readFileSync(path, "utf8") : "";
    },
  };
}

/** The first line of a run's record. */
function recordOf(output: string): RecordOf | null {
  const said = /^# breakglass-pve \d+: (\w+) of VM (\d+), request [\w-]+(?:, override=([a-z-]+))?/.exec(output);
  return said && { verb: said[1]!, vmid: Number(said[2]), override: said[3] === "none" ? null : said[3] };
}

const runBase = (tools: PveTools, target: Target, id: string, attempt: number): string =>
  join(tools.runs_dir, `${target.id}.${id}.${attempt}`);

/** One ssh whose output goes to files of ours; `tail` reads them as they grow. */
function runToFiles(tools: PveTools, target: Target, id: string, attempt: number, argv: string[]) {
  const base = runBase(tools, target, id, attempt);
  const paths = { stdout: `${base}.out`, stderr: `${base}.err` } as const;
  const child = startToFiles({ argv, env: tools.env, ...paths });
  let letGo = false;
  return {
    letGo: () => {
      // Only for a host that owns its runs: ending our ssh then ends nothing there.
      letGo = true;
      child.signal("SIGKILL");
    },
    async tail(first: (line: Line) => void, later: (line: Line) => void, held: Line[]): Promise<Ending> {
      let over: Ending | null = null;
      void child.ended.then((ending) => {
        over = ending;
      });
      const readers = (["stdout", "stderr"] as const).map((from) => fileLines(paths[from], from));
      let tell = first;
      const started = performance.now();
      for (;;) {
        const last = over !== null || letGo;
        for (const reader of readers) for (const line of await reader.more(last)) tell(line);
        // A refusal comes at once: what is still going after 3 s is a run, and is shown as it comes.
        if (tell === first && tell !== later && performance.now() - started > 3000) {
          for (const line of held.splice(0)) later(line);
          tell = later;
        }
        if (last) return over ?? { is: "stopped" };
        await Bun.sleep(LOOK_EVERY_MS);
      }
    },
  };
}

function fileLines(path: string, from: Line["from"]) {
  let at = 0;
  let rest = "";
  const decoder = new TextDecoder();
  return {
    async more(last: boolean): Promise<Line[]> {
      if (!existsSync(path)) return [];
      const size = statSync(path).size;
      const lines: Line[] = [];
      if (size > at) {
        const file = await open(path, "r");
        try {
          while (at < size) {
            const chunk = Buffer.alloc(Math.min(LOOK_BYTES, size - at));
            const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
            if (bytesRead === 0) break;
            at += bytesRead;
            const pieces = (rest + decoder.decode(chunk.subarray(0, bytesRead), { stream: true })).split("\n");
            rest = pieces.pop() ?? "";
            for (const text of pieces) lines.push({ from, text });
          }
        } finally {
          await file.close();
        }
      }
      if (last && rest !== "") {
        lines.push({ from, text: rest });
        rest = "";
      }
      return lines;
    },
  };
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";
