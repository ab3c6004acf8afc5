/**
 * One process of the CLI, from its prompt to its end: heard line by line, watched for silence, and ended step by step where
 * it does not end by itself. It knows neither the folders of a turn nor why another process might be started after it.
 */
import type { Child, startChild } from "../child.ts";
import type { Ending } from "../outcome.ts";
import type { AgentEvent } from "../sessions/agent.ts";
import { within } from "../within.ts";
import { INTERRUPT, userLine } from "./command.ts";
import { SERVER } from "./fitness.ts";
import { type Idle, type IdleLimits, idleOf } from "./idle.ts";
import { type Translator, translator } from "./stream-json.ts";
import { TOOL_NAMES } from "./tools.ts";

export interface ProcessGiven {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Record<string, string>;
  readonly prompt: string;
  /** What another way of starting would heal is no news, unless there is none left to try. */
  readonly last_try: boolean;
  readonly idle: IdleLimits;
  readonly patience: Patience;
  readonly startChild: typeof startChild;
  /** Calls of the turn that run now: while there is one, silence is none of the process's. */
  readonly calls: () => number;
  readonly tell: (event: AgentEvent) => void;
  /** Resolves when whoever listens can take more. */
  readonly room: () => Promise<void> | undefined;
}

/** How long each step of ending waits for the next, milliseconds. */
export interface Patience {
  readonly after_result: number;
  readonly interrupt: number;
  readonly signal: number;
}

const STDERR_KEPT = 4000;

export class ClaudeProcess {
  /** Resolves with what another way of starting would heal, unless it is the last try. */
  readonly over: Promise<Translator["curable"]>;
  private readonly lines = translator({ server: SERVER, tools: TOOL_NAMES });
  private readonly child: Child;
  private stderr = "";
  private heard_at = performance.now();
  private progress_at = this.heard_at;
  private lingering: ReturnType<typeof setTimeout> | undefined;
  /** Why we end it; what the process then does is not news. */
  private cause: Ending | null = null;
  private idle: Idle | null = null;
  /** Settles where no signal ended the process: nobody waits for it any more. */
  private isGivenUp = false;
  private readonly givenUp = Promise.withResolvers<Ending>();

  constructor(private readonly given: ProcessGiven) {
    const { argv, cwd, env, prompt } = given;
    this.child = given.startChild({ argv, cwd, env, stdin: { open: true } }, ({ from, text }) => this.hear(from, text));
    this.child.write(userLine(prompt));
    this.over = this.watched();
  }

  /** Stop: the CLI is asked first. Resolves with the step that ended it. */
  stop(): Promise<string> {
    this.cause ??= { is: "stopped" };
    return this.end(true);
  }

  private hear(from: "stdout" | "stderr", text: string): Promise<void> | undefined {
    this.heard_at = performance.now();
    if (this.isGivenUp) return;
    if (from === "stderr") {
      this.stderr = `${this.stderr}${text.slice(0, STDERR_KEPT)}\n`.slice(-STDERR_KEPT);
      return;
    }
    const { lines, given } = this;
    const was_concluded = lines.concluded;
    const progress = lines.progress;
    const events = lines.line(text);
    if (lines.progress > progress) this.progress_at = this.heard_at;
    if (!(lines.curable && !given.last_try)) for (const event of events) given.tell(event);
    if (lines.unfit) this.endBecause({ is: "stopped" });
    if (lines.concluded && !was_concluded) this.linger();
    else if (!lines.concluded) clearTimeout(this.lingering);
    return given.room();
  }

  /** One prompt a process: after the result there is nothing more to say to it. */
  private linger(): void {
    this.child.closeStdin();
    this.lingering = setTimeout(() => {
      this.given.tell({ is: "remarked", text: "The agent's process did not end after its answer; it was ended" });
      this.endBecause({ is: "stopped" });
    }, this.given.patience.after_result);
  }

  private async watched(): Promise<Translator["curable"]> {
    const { lines, given, child } = this;
    const watch = setInterval(() => this.look(), Math.min(1000, ...Object.values(given.idle).map((ms) => ms / 4)));
    const ending = await Promise.race([child.ended, this.givenUp.promise]);
    clearInterval(watch);
    clearTimeout(this.lingering);
    if (this.isGivenUp) given.tell({ is: "remarked", text: doesNotGoAway(child) });
    const last = lines.end(this.cause ?? ending, this.stderr, this.idle);
    if (lines.curable && !given.last_try && !this.cause) return lines.curable;
    for (const event of last) given.tell(event);
    return null;
  }

  private look(): void {
    const now = performance.now();
    if (this.given.calls() > 0) this.heard_at = this.progress_at = now;
    const shown = { heard_at: this.heard_at, progress_at: this.progress_at, progress: this.lines.progress };
    const idle = this.lines.concluded ? null : idleOf(shown, this.given.idle, now);
    if (!idle || this.cause) return;
    this.idle = idle;
    this.endBecause({ is: "silent", after_ms: idle.after_ms });
  }

  private endBecause(cause: Ending): void {
    if (this.cause) return;
    this.cause = cause;
    void this.end(false);
  }

  /** Interrupt, SIGINT, SIGTERM, SIGKILL: each gets a moment. Resolves with the step that ended it. */
  private async end(ask: boolean): Promise<string> {
    const { child, given } = this;
    const { interrupt, signal } = given.patience;
    const steps: readonly (readonly [string, number, () => void])[] = [
      ["interrupted", interrupt, () => child.write(INTERRUPT)],
      ["SIGINT", signal, () => child.signal("SIGINT")],
      ["SIGTERM", signal, () => child.signal("SIGTERM")],
      ["SIGKILL", signal, () => child.signal("SIGKILL")],
    ];
    for (const [how, wait_ms, act] of ask && !this.lines.concluded ? steps : steps.slice(1)) {
      act();
      if (await within(child.ended, wait_ms)) return how;
    }
    // In the kernel's hands: a disk or a network file system that hangs lets no process go.
    this.isGivenUp = true;
    this.givenUp.resolve(this.cause ?? { is: "stopped" });
    return "which does not go away";
  }
}

const doesNotGoAway = ({ pid }: Child): string =>
  `The agent's process${pid === null ? "" : ` (${pid})`} does not go away, not even by SIGKILL: a disk or a file system of this machine may hang. The turn is over without it; what is left of it is ended when the console starts again`;
