/**
 * Runs one command of the agent on the VM: the wrapper of `far-run.ts` over one ssh, its output bounded, its last lines shown
 * while it runs, its end proven over a second ssh where we had to end it. It knows neither MCP nor the page; what it needs of
 * them comes in.
 */
import { randomBytes } from "node:crypto";
import { type Child, runChild, startChild } from "../child.ts";
import { type Ending, endingInWords } from "../outcome.ts";
import { linesThrough } from "../secrets/as-it-comes.ts";
import type { ToolAnswer } from "../sessions/agent.ts";
import type { Target } from "../target/target.ts";
import { type FarEnd, FarMarks, farCommand, farQuestion, readLeft } from "./far-run.ts";
import { Output, WHOLE_LIMIT } from "./output.ts";
import type { Outputs } from "./outputs.ts";

export interface VmRunTools {
  readonly spawn: (target: Target, command: string) => { argv: string[]; env: Record<string, string> };
  readonly outputs: Outputs;
  readonly newId: () => string;
  /** Takes secrets out of what a command prints, before it is cut to head and tail. */
  readonly clean?: (text: string) => string;
  /** Shows a session's running commands to whoever looks; none clears them. */
  readonly show: (session: string, runs: readonly RunningCommand[]) => void;
}

export interface RunningCommand {
  readonly session: string;
  readonly tool_id: string;
  readonly command: string;
  readonly started_at: number;
  /** Its last lines, 2 kB at most. */
  readonly recent: string;
  readonly stopping: boolean;
}

export interface VmRunInput {
  readonly session: string;
  readonly target: Target;
  readonly command: string;
  readonly timeout_s: number;
  readonly tool_id?: string;
  /** Aborted with the turn. */
  readonly signal?: AbortSignal;
}

export const LONGEST_S = 900;
/** ssh's time to connect, and the wrapper's to end what ignores TERM. */
const BEYOND_MS = 20_000;
const SHOW_EVERY_MS = 500;
/** A page that was opened just now may still replay: it is shown again for this long. */
const NEW_PAGE_MS = 3000;
/** How long the wrapper has to end the command and say so, after we closed our end. */
const CLOSE_WITHIN_MS = 3500;
const ASK_WITHIN_MS = 8000;
/** After the wrapper's last word; a process that left its session may hold ssh open for ever. */
const LAST_WORD_MS = 2000;

class Run {
  readonly output = new Output();
  readonly started_at = Date.now();
  readonly marks: FarMarks;
  /** Who ended it: an operator's name; "" for the turn's own end. */
  stopped_by: string | null = null;
  shown = false;
  changed = false;
  child: Child | null = null;

  constructor(
    readonly session: string,
    readonly tool_id: string,
    readonly command: string,
    readonly nonce: string,
  ) {
    this.marks = new FarMarks(nonce);
  }

  /** The wrapper hears the end of its stdin and ends the command; should ssh hang, ssh is ended. */
  stop(by: string): void {
    if (this.stopped_by !== null) return;
    this.stopped_by = by;
    this.changed = true;
    const { child } = this;
    if (!child) return;
    child.closeStdin();
    const harder = setTimeout(() => void child.stop(300), CLOSE_WITHIN_MS);
    void child.ended.then(() => clearTimeout(harder));
  }
}

export class VmRuns {
  private readonly runs = new Set<Run>();
  private ticker: ReturnType<typeof setInterval> | null = null;
  private show_until = 0;

  constructor(private readonly tools: VmRunTools) {}

  /** Never rejects for what the world did. */
  async run(input: VmRunInput): Promise<ToolAnswer> {
    const { session, target, command, signal } = input;
    const limit_s = Math.min(Math.max(Math.round(input.timeout_s), 1), LONGEST_S);
    const id = this.tools.newId();
    const run = new Run(session, input.tool_id ?? id, command, randomBytes(16).toString("hex"));
    if (signal?.aborted) return { text: "The turn was stopped before it began; nothing was run.", is_error: true };
    const through = linesThrough(this.tools.clean ?? ((text) => text), (line) => run.output.add(line));
    const child = startChild(
      {
        ...this.tools.spawn(target, farCommand({ run: id, command, limit_s })),
        stdin: { open: true },
        limit_ms: limit_s * 1000 + BEYOND_MS,
        line_limit: WHOLE_LIMIT,
      },
      ({ from, text }) => {
        run.changed = true;
        if (from === "stderr") return through.heard({ from, text });
        for (const line of run.marks.line(text)) through.heard({ from, text: line });
        if (run.marks.end) setTimeout(() => void child.stop(200), LAST_WORD_MS);
      },
    );
    run.child = child;
    child.write(`${run.nonce}\n`);
    this.begin(run);
    const over = () => run.stop("");
    signal?.addEventListener("abort", over, { once: true });
    try {
      const ending = await child.ended;
      for (const text of run.marks.rest()) through.heard({ from: "stdout", text });
      through.end();
      const { how, ended, is_error } = await this.howItEnded(run, ending, { target, id, limit_s });
      const { text, cut } = run.output.shown();
      if (cut) await this.tools.outputs.keep(session, run.tool_id, run.output.all());
      return { text: [text.replace(/\n$/, ""), `[${how}]`].filter(Boolean).join("\n"), is_error, ended };
    } finally {
      signal?.removeEventListener("abort", over);
      this.end(run);
    }
  }

  /** Ends one command; the turn goes on. False when it does not run (any more). */
  stop(session: string, tool_id: string, by: string): boolean {
    const run = [...this.runs].find((r) => r.session === session && r.tool_id === tool_id);
    run?.stop(by);
    return run !== undefined;
  }

  running(session: string): RunningCommand[] {
    return [...this.runs]
      .filter((run) => run.session === session)
      .map((run) => ({
        session,
        tool_id: run.tool_id,
        command: run.command,
        started_at: run.started_at,
        recent: run.output.recent(),
        stopping: run.stopped_by !== null,
      }));
  }

  /** Somebody opened a page: what runs is shown again. */
  attended(): void {
    this.show_until = performance.now() + NEW_PAGE_MS;
  }

  private begin(run: Run): void {
    this.runs.add(run);
    run.changed = true;
    this.ticker ??= setInterval(() => {
      const again = performance.now() < this.show_until;
      const due = [...this.runs].filter((r) => r.changed || again);
      for (const r of due) {
        r.changed = false;
        r.shown = true;
      }
      for (const session of new Set(due.map((r) => r.session))) this.tools.show(session, this.running(session));
    }, SHOW_EVERY_MS);
  }

  private end(run: Run): void {
    this.runs.delete(run);
    if (run.shown) this.tools.show(run.session, this.running(run.session));
    if (this.runs.size > 0 || !this.ticker) return;
    clearInterval(this.ticker);
    this.ticker = null;
  }

  private async howItEnded(run: Run, ending: Ending, at: { target: Target; id: string; limit_s: number }) {
    const { end, group } = run.marks;
    const by = run.stopped_by;
    if (end?.why === "self" && end.left === 0 && by === null)
      return { how: codeInWords(end), is_error: end.code !== 0, ended: undefined };
    // ssh itself came to nothing: there is nothing to ask about.
    if (group === null && by === null && ending.is !== "signalled" && ending.is !== "timed_out")
      return { how: `${endingInWords(ending)}; the command did not begin`, is_error: true, ended: undefined };
    const ended = await this.proof(at.target, group, at.id);
    const why =
      by === ""
        ? "stopped with the turn"
        : by !== null
          ? `the operator (${by}) stopped this command`
          : end?.why === "limit" || ending.is === "timed_out"
            ? `ended after its limit of ${at.limit_s} s`
            : end?.why === "self"
              ? codeInWords(end)
              : `the connection to the VM broke while it ran (ssh: ${endingInWords(ending)})`;
    return { how: `${why}; ${ended}`, is_error: true, ended };
  }

  /** Asks over a second connection, and says how it is known. */
  private async proof(target: Target, group: number | null, id: string): Promise<string> {
    const asked = { ...this.tools.spawn(target, farQuestion(group, id)), limit_ms: ASK_WITHIN_MS };
    const { ending, stdout, stderr } = await runChild(asked, 64 * 1024);
    const seen = readLeft(stdout);
    if (!seen) {
      const said = stderr.trim().split("\n").at(-1) || endingInWords(ending);
      return `whether it ended there could not be proven: ${said}`;
    }
    const strays =
      seen.strays.length > 0
        ? `; not caught, because it left its session: ${seen.strays.slice(0, 5).join(", ")}${seen.strays.length > 5 ? " …" : ""}`
        : "";
    if (seen.left.length > 0)
      return `it could not be ended there: of the group ${group}, ${seen.left.join(", ")} ${seen.left.length === 1 ? "lives" : "live"} on${strays}`;
    if (group === null)
      return `whether it ended there could not be proven: the VM had not told its group; no process with its mark was found${strays}`;
    if (!seen.sees_all)
      return `whether all of it ended there could not be proven: ${target.vm.user} may not see the processes of others there; of its own, none of the group ${group} is left${strays}`;
    return `ended there too: no process of the group ${group} is left${strays}`;
  }
}

function codeInWords({ code, swept }: FarEnd): string {
  const name = code > 128 ? SIGNALS[code - 128] : undefined;
  return [
    `exit code ${code}`,
    name ? `, as after ${name}` : "",
    swept > 0
      ? `; ${swept} ${swept === 1 ? "process" : "processes"} that it had left in the background ${swept === 1 ? "was" : "were"} ended (systemd-run keeps one)`
      : "",
  ].join("");
}

/** Linux, everywhere but on a few processors. */
const SIGNALS: Record<number, string> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  6: "SIGABRT",
  9: "SIGKILL (perhaps out of memory)",
  11: "SIGSEGV",
  13: "SIGPIPE",
  15: "SIGTERM",
};
