/**
 * The repair agent: the Claude Code CLI as a child, one process a turn. It gets no built-in tool, one MCP server (the
 * console's), a fixed argv, and its prompt over stdin, so that no prompt can be an option. What it says is translated in
 * `stream-json.ts`, its process watched in `claude-process.ts`; this file readies what a turn needs and proves that nothing
 * of it is left. It knows neither the log nor any client.
 */

import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { startChild } from "../child.ts";
import { ALWAYS_ANSWERS, type Disk } from "../log/disk.ts";
import type { Agent, AgentEvent, AgentTurn, TurnInput } from "../sessions/agent.ts";
import { within } from "../within.ts";
import { ClaudeProcess, type Patience } from "./claude-process.ts";
import { claudeArgv, mcpConfig, promptFor } from "./command.ts";
import { conversationFor } from "./conversation.ts";
import { type Definition, isModelName } from "./definition.ts";
import { agentEnvironment } from "./environment.ts";
import { type EventQueue, eventQueue } from "./event-queue.ts";
import { type IdleLimits, idleLimits } from "./idle.ts";
import { markedProcesses, sweep } from "./processes.ts";
import type { ToolServer } from "./tools.ts";

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
  /** The one of `run_dir`. */
  readonly disk?: Disk;
  /** Settles once `sweepOrphans` is through: it can't tell the processes and folders of a new turn from those of an old one. */
  readonly after?: Promise<unknown>;
}

/** An interrupt goes by a pipe and the answer to a call by a socket; which the CLI reads first is anybody's guess. */
const HEARD_MS = 400;
/** What a turn waits for the end of the last stop's processes. */
const START_WITHIN_MS = 10_000;
const PATIENCE: Patience = { after_result: 5000, interrupt: 2000, signal: 1000 };

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
export async function sweepOrphans({ mark, run_dir, disk }: Pick<ClaudeDeps, "mark" | "run_dir" | "disk">) {
  const ended = await sweep(`${mark}.`);
  await removed(run_dir, disk);
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
  private readonly over: Promise<void>;
  private process: ClaudeProcess | null = null;
  private stopping: Promise<string> | null = null;
  private swept = 0;

  constructor(
    private readonly deps: ClaudeDeps,
    private readonly input: TurnInput,
  ) {
    this.marker = `${deps.mark}.${input.turn}.`;
    this.folder = join(deps.run_dir, randomUUID());
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
      // Bounded: whatever went wrong at the start, a turn begins or ends.
      if (this.deps.after) await within(this.deps.after, START_WITHIN_MS);
      await this.carryOut();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.fail(`The agent could not be started: ${why}. Power and the checks work without it.`);
    } finally {
      await this.deps.tools.close(this.input.turn).catch(() => []);
      this.swept += await sweep(this.marker).catch(() => 0);
      await removed(this.folder, this.deps.disk);
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
    const sick = (await deps.disk?.asked()) ?? null;
    if (sick !== null) return this.fail(`The agent needs its folders, and ${sick}. Power works without it.`);
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

  /** Resolves with what another way of starting would heal, unless it is the last try. */
  private async runOnce(argv: readonly string[], cwd: string, prompt: string, last_try: boolean) {
    const { deps, queue, marker, folder } = this;
    this.process = new ClaudeProcess({
      argv,
      cwd,
      env: agentEnvironment(deps.env, { marker, config_dir: deps.config_dir, tmp_dir: folder }),
      prompt,
      last_try,
      idle: { ...idleLimits(deps.env), ...deps.idle },
      patience: { ...PATIENCE, ...deps.patience },
      startChild: deps.startChild ?? startChild,
      calls: () => deps.tools.running(this.input.turn),
      tell: (event) => this.tell(event),
      room: () => queue.room(),
    });
    const curable = await this.process.over;
    this.process = null;
    return curable;
  }

  private async stopNow(): Promise<string> {
    const running = this.process !== null;
    const ending = this.process?.stop() ?? Promise.resolve("");
    // The calls not before the interrupt is heard: an answer to one would set the model going again.
    const heard = Promise.race([ending, Bun.sleep(HEARD_MS)]);
    const [how, calls] = await Promise.all([ending, this.deps.tools.close(this.input.turn, heard)]);
    await this.over;
    const left = (await markedProcesses(this.marker)).length;
    return [
      running ? `the agent's process${how ? ` (${how})` : ""}` : "nothing was running any more",
      ...calls,
      this.swept > 0 ? `${this.swept} ${this.swept === 1 ? "process" : "processes"} that it had left behind` : "",
      left > 0 ? `${left} of its processes could not be ended` : "",
    ]
      .filter((part) => part !== "")
      .join(", ");
  }

  private fail(error: string): void {
    this.tell({ is: "failed", error });
  }

  /** A failure after Stop is Stop's own doing (an interrupt before init looks like one), and no news. */
  private tell(event: AgentEvent): void {
    if (!(this.stopping && event.is === "failed")) this.queue.push(event);
  }
}

const lostInWords = (recall: string): string =>
  `The agent's memory of this session was lost; it begins anew ${recall === "" ? "and knows only this prompt" : "and was given the transcript in brief"}`;

/** Of a disk that does not answer later, or at the next start: nothing waits for it. */
async function removed(folder: string, disk: Disk = ALWAYS_ANSWERS): Promise<void> {
  const remove = () => rmSync(folder, { recursive: true, force: true });
  if ((await disk.asked()) === null) remove();
  else disk.later(remove);
}

function makeFolder(path: string): string | null {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return null;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `The agent's folder ${path} can't be made (${why}). Free space, or correct BREAKGLASS_DATA_DIR. Power and the checks work without the agent.`;
  }
}
