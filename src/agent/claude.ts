/**
 * The repair agent: the Claude Code CLI as a child, one process a turn. It gets no built-in tool, one MCP server (the
 * console's), a fixed argv, and its prompt over stdin, so that no prompt can be an option. What it says is translated in
 * `stream-json.ts`; this file starts it, watches it, and proves that it ended. It knows neither the log nor any client.
 */
import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Child, startChild } from "../child.ts";
import type { Ending } from "../outcome.ts";
import type { Agent, AgentEvent, AgentTurn, TurnInput } from "../sessions/agent.ts";
import { claudeArgv, INTERRUPT, mcpConfig, promptFor, userLine } from "./command.ts";
import { conversationFor } from "./conversation.ts";
import { type Definition, isModelName } from "./definition.ts";
import { agentEnvironment } from "./environment.ts";
import { type EventQueue, eventQueue } from "./event-queue.ts";
import { SERVER } from "./fitness.ts";
import { type Idle, type IdleLimits, idleLimits, idleOf } from "./idle.ts";
import { markedProcesses, sweep } from "./processes.ts";
import { type Translator, translator } from "./stream-json.ts";
import { TOOL_NAMES, type ToolServer } from "./tools.ts";

export interface ClaudeDeps {
  /** `["claude"]`: found on PATH of `env`. More words go before ours. */
  readonly program: readonly string[];
  readonly definition: Definition;
  readonly tools: ToolServer;
  /** For prompts that name none. */
  readonly model: string;
  /** The CLI runs in a folder per session below this one. */
  readonly sessions_dir: string;
  /** The CLI's own files; conversations survive a restart as long as this folder does. */
  readonly config_dir: string;
  /** A folder of ours, for one folder per turn (the token's file, litter); each is removed with its turn. */
  readonly run_dir: string;
  /** Tells this server's processes from those of another one on the same machine; see `markOf`. */
  readonly mark: string;
  /** The server's environment; an allow-list of it is passed on. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly budget_usd?: number | null;
  readonly idle?: Partial<IdleLimits>;
  readonly patience?: Partial<Patience>;
  /** Left out, ours. For tests of a process that no signal ends. */
  readonly startChild?: typeof startChild;
}

/** How long each step of ending waits for the next, milliseconds. */
interface Patience {
  readonly after_result: number;
  readonly interrupt: number;
  readonly signal: number;
}

/** An interrupt goes by a pipe and the answer to a call by a socket; which the CLI reads first is anybody's guess. */
const HEARD_MS = 400;
const PATIENCE: Patience = { after_result: 5000, interrupt: 2000, signal: 1000 };
const STDERR_KEPT = 4000;

export function claudeAgent(given: ClaudeDeps): Agent {
  // The CLI runs in a folder of its own: a path relative to ours would lead it elsewhere.
  const deps = {
    ...given,
    sessions_dir: resolve(given.sessions_dir),
    config_dir: resolve(given.config_dir),
    run_dir: resolve(given.run_dir),
  };
  return {
    name: "claude",
    start: (input) => new ClaudeTurn(deps, input),
  };
}

/** At the server's start: ends what an earlier server left of its turns. Resolves with how many processes that were. */
export async function sweepOrphans(deps: Pick<ClaudeDeps, "mark" | "run_dir">): Promise<number> {
  const ended = await sweep(`${deps.mark}.`);
  rmSync(deps.run_dir, { recursive: true, force: true });
  return ended;
}

/** A mark made of the data directory: a restarted server has the same one, another server another. */
export function markOf(data_dir: string): string {
  return new Bun.CryptoHasher("sha256").update(resolve(data_dir)).digest("hex").slice(0, 12);
}

class ClaudeTurn implements AgentTurn {
  /** Whoever stops listening stops the turn: nothing may act on the VM unheard. */
  private readonly queue: EventQueue<AgentEvent> = eventQueue(() => void this.stop());
  private readonly marker: string;
  private readonly folder: string;
  private readonly patience: Patience;
  private readonly over: Promise<void>;
  private child: Child | null = null;
  private translator: Translator | null = null;
  /** Why we end it; what the process then does is not news. */
  private cause: Ending | null = null;
  private idle: Idle | null = null;
  private stopping: Promise<string> | null = null;
  private swept = 0;
  /** Settles where no signal ended the process: the turn does not wait for it any more. */
  private isGivenUp = false;
  private readonly givenUp = Promise.withResolvers<Ending>();

  constructor(
    private readonly deps: ClaudeDeps,
    private readonly input: TurnInput,
  ) {
    this.marker = `${deps.mark}.${input.turn}.`;
    this.folder = join(deps.run_dir, randomUUID());
    this.patience = { ...PATIENCE, ...deps.patience };
    this.over = this.run();
  }

  get events(): AsyncIterable<AgentEvent> {
    return this.queue;
  }

  stop(): Promise<string> {
    this.stopping ??= this.stopNow();
    return this.stopping;
  }

  /** Never rejects. Every way out passes the last block: nothing of the turn is left when the events end. */
  private async run(): Promise<void> {
    try {
      await this.carryOut();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.fail(`The agent could not be started: ${why}. Power and the checks work without it.`);
    } finally {
      await this.deps.tools.close(this.input.turn).catch(() => []);
      this.swept += await sweep(this.marker).catch(() => 0);
      rmSync(this.folder, { recursive: true, force: true });
      this.queue.close();
    }
  }

  private async carryOut(): Promise<void> {
    const { deps, input } = this;
    const model = input.model ?? deps.model;
    if (!isModelName(model)) return this.fail(`“${model.slice(0, 60)}” is not a model's name. Choose another model.`);
    const program = Bun.which(deps.program[0] ?? "", { PATH: deps.env.PATH ?? "" });
    if (!program)
      return this.fail(
        `The claude CLI was not found (${deps.program[0]} is not on PATH). Install it with npm install -g @anthropic-ai/claude-code. Power and the checks work without it.`,
      );
    const cwd = join(deps.sessions_dir, input.session);
    for (const folder of [cwd, deps.config_dir, this.folder]) {
      const complaint = makeFolder(folder);
      if (complaint) return this.fail(complaint);
    }
    const { url, token } = await deps.tools.open(input.turn);
    const mcp_config = join(this.folder, "mcp.json");
    writeFileSync(mcp_config, JSON.stringify(mcpConfig(url, token)), { mode: 0o600 });

    let conversation = conversationFor(deps.config_dir, input.resumes);
    for (const last_try of [false, true]) {
      if (this.stopping) return;
      const recall = conversation.resume ? "" : (input.recall?.() ?? "");
      if (conversation.lost) this.queue.push({ is: "remarked", text: lostInWords(recall) });
      const argv = [
        program,
        ...deps.program.slice(1),
        ...claudeArgv(deps.definition, { model, mcp_config, conversation, budget_usd: deps.budget_usd ?? null }),
      ];
      const told = promptFor(input, { lost: conversation.lost, recall, mark: randomUUID().slice(0, 12) });
      const curable = await this.runOnce(argv, cwd, told, last_try);
      // The file says one thing and the CLI another (a crash between the two): once, the other way round.
      if (curable === "conversation_unknown") conversation = { id: randomUUID(), resume: false, lost: true };
      else if (curable === "conversation_in_use") conversation = { ...conversation, resume: true };
      else return;
    }
  }

  /** One process from start to end. Resolves with what another way of starting would heal, unless it is the last try. */
  private async runOnce(argv: readonly string[], cwd: string, prompt: string, last_try: boolean) {
    const { deps, input, queue, patience } = this;
    const lines = translator({ server: SERVER, tools: TOOL_NAMES });
    this.translator = lines;
    let stderr = "";
    let heard_at = performance.now();
    let progress_at = heard_at;
    let lingering: ReturnType<typeof setTimeout> | undefined;

    const child = (deps.startChild ?? startChild)(
      {
        argv,
        cwd,
        env: agentEnvironment(deps.env, { marker: this.marker, config_dir: deps.config_dir, tmp_dir: this.folder }),
        stdin: { open: true },
      },
      ({ from, text }) => {
        heard_at = performance.now();
        if (this.isGivenUp) return;
        if (from === "stderr") {
          stderr = `${stderr}${text.slice(0, STDERR_KEPT)}\n`.slice(-STDERR_KEPT);
          return;
        }
        const was_concluded = lines.concluded;
        const progress = lines.progress;
        const events = lines.line(text);
        if (lines.progress > progress) progress_at = heard_at;
        if (!(lines.curable && !last_try)) for (const event of events) this.tell(event);
        if (lines.unfit) void this.endBecause({ is: "stopped" }, child);
        if (lines.concluded && !was_concluded) {
          // One prompt a process: there is nothing more to say to it.
          child.closeStdin();
          lingering = setTimeout(() => {
            queue.push({ is: "remarked", text: "The agent's process did not end after its answer; it was ended" });
            void this.endBecause({ is: "stopped" }, child);
          }, patience.after_result);
        } else if (!lines.concluded) clearTimeout(lingering);
        return queue.room();
      },
    );
    this.child = child;
    child.write(userLine(prompt));

    const limits = { ...idleLimits(deps.env), ...deps.idle };
    const watch = setInterval(
      () => {
        const now = performance.now();
        if (deps.tools.running(input.turn) > 0) heard_at = progress_at = now;
        const shown = { heard_at, progress_at, progress: lines.progress };
        const idle = lines.concluded ? null : idleOf(shown, limits, now);
        if (!idle || this.cause) return;
        this.idle = idle;
        void this.endBecause({ is: "silent", after_ms: idle.after_ms }, child);
      },
      Math.min(1000, ...Object.values(limits).map((ms) => ms / 4)),
    );

    const ending = await Promise.race([child.ended, this.givenUp.promise]);
    clearInterval(watch);
    clearTimeout(lingering);
    this.child = null;
    if (this.isGivenUp) this.tell({ is: "remarked", text: doesNotGoAway(child) });
    const last = lines.end(this.cause ?? ending, stderr, this.idle);
    if (lines.curable && !last_try && !this.cause) return lines.curable;
    for (const event of last) this.tell(event);
    return null;
  }

  private async stopNow(): Promise<string> {
    const running = this.child !== null;
    this.cause ??= { is: "stopped" };
    const ending = this.child ? this.endProcess(this.child, true) : Promise.resolve("");
    // The calls not before the interrupt is heard: an answer to one would set the model going again.
    const heard = Promise.race([ending, Bun.sleep(HEARD_MS)]);
    const [how, calls] = await Promise.all([ending, this.deps.tools.close(this.input.turn, heard)]);
    await this.over;
    const left = markedProcesses(this.marker).length;
    return [
      running ? `the agent's process${how ? ` (${how})` : ""}` : "nothing was running any more",
      ...calls,
      this.swept > 0 ? `${this.swept} ${this.swept === 1 ? "process" : "processes"} that it had left behind` : "",
      left > 0 ? `${left} of its processes could not be ended` : "",
    ]
      .filter((part) => part !== "")
      .join(", ");
  }

  private async endBecause(cause: Ending, child: Child): Promise<void> {
    if (this.cause) return;
    this.cause = cause;
    await this.endProcess(child, false);
  }

  /** Interrupt, SIGINT, SIGTERM, SIGKILL: each gets a moment. Resolves with the step that ended it. */
  private async endProcess(child: Child, ask: boolean): Promise<string> {
    const { interrupt, signal } = this.patience;
    const steps: readonly (readonly [string, number, () => void])[] = [
      ["interrupted", interrupt, () => child.write(INTERRUPT)],
      ["SIGINT", signal, () => child.signal("SIGINT")],
      ["SIGTERM", signal, () => child.signal("SIGTERM")],
      ["SIGKILL", signal, () => child.signal("SIGKILL")],
    ];
    for (const [how, wait_ms, act] of ask && !this.translator?.concluded ? steps : steps.slice(1)) {
      act();
      if (await endsWithin(child, wait_ms)) return how;
    }
    // In the kernel's hands: a disk or a network file system that hangs lets no process go.
    this.isGivenUp = true;
    this.givenUp.resolve(this.cause ?? { is: "stopped" });
    return "which does not go away";
  }

  private fail(error: string): void {
    this.tell({ is: "failed", error });
  }

  /** A failure after Stop is Stop's own doing (an interrupt before init looks like one), and no news. */
  private tell(event: AgentEvent): void {
    if (!(this.stopping && event.is === "failed")) this.queue.push(event);
  }
}

const doesNotGoAway = ({ pid }: Child): string =>
  `The agent's process${pid === null ? "" : ` (${pid})`} does not go away, not even by SIGKILL: a disk or a file system of this machine may hang. The turn is over without it; what is left of it is ended when the console starts again`;

const lostInWords = (recall: string): string =>
  `The agent's memory of this session was lost; it begins anew ${recall === "" ? "and knows only this prompt" : "and was given the transcript in brief"}`;

function makeFolder(path: string): string | null {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return null;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `The agent's folder ${path} can't be made (${why}). Free space, or correct BREAKGLASS_DATA_DIR. Power and the checks work without the agent.`;
  }
}

async function endsWithin(child: Child, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const ended = await Promise.race([child.ended.then(() => true as const), late]);
  clearTimeout(timer);
  return ended;
}
