/** A claude agent with its tools in a folder of its own, for tests: started, asked, listened to, and put away. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClaudeDeps, claudeAgent, markOf } from "../../src/agent/claude.ts";
import { readDefinition } from "../../src/agent/definition.ts";
import { markedProcesses } from "../../src/agent/processes.ts";
import { type ToolServer, toolServer } from "../../src/agent/tools.ts";
import type { Agent, AgentEvent, AgentTools, AgentTurn, TurnInput } from "../../src/sessions/agent.ts";

export const FAKE_CLAUDE = [process.execPath, join(import.meta.dir, "fake-claude.ts")];

export interface AgentBench {
  readonly dir: string;
  readonly mark: string;
  readonly agent: Agent;
  readonly tools: ToolServer;
  begin(prompt: string, more?: Partial<TurnInput>): AgentTurn;
  /** Begins a turn and reads it to its end. */
  ask(prompt: string, more?: Partial<TurnInput>): Promise<AgentEvent[]>;
  /** Pids of anything that carries this bench's mark. */
  left(): Promise<number[]>;
  putAway(): Promise<void>;
}

export const NO_TOOLS: AgentTools = {
  vmRun: async () => ({ text: "nothing", is_error: false }),
  power: async () => ({ text: "nothing", is_error: false }),
  check: async () => ({ text: "nothing", is_error: false }),
  runbook: async () => ({ text: "nothing", is_error: false }),
  ask: async () => ({ text: "nothing", is_error: false }),
};

export function agentBench(
  program: readonly string[],
  does: AgentTools = NO_TOOLS,
  more: Partial<ClaudeDeps> = {},
): AgentBench {
  const dir = mkdtempSync(join(tmpdir(), "breakglass-agent-"));
  const mark = markOf(dir);
  const tools = toolServer(does);
  const agent = claudeAgent({
    program,
    definition: readDefinition(),
    tools,
    model: "sonnet",
    sessions_dir: join(dir, "sessions"),
    config_dir: join(dir, "claude"),
    run_dir: join(dir, "run"),
    mark,
    env: { PATH: process.env.PATH },
    ...more,
  });
  const begin: AgentBench["begin"] = (prompt, given) =>
    agent.start({
      turn: crypto.randomUUID(),
      session: "s1",
      prompt,
      model: null,
      resumes: null,
      aftermath: null,
      ...given,
    });
  return {
    dir,
    mark,
    agent,
    tools,
    begin,
    ask: async (prompt, given) => Array.fromAsync(begin(prompt, given).events),
    left: () => markedProcesses(`${mark}.`),
    async putAway() {
      await tools.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export function only<K extends AgentEvent["is"]>(
  events: readonly AgentEvent[],
  is: K,
): Extract<AgentEvent, { is: K }>[] {
  return events.filter((event): event is Extract<AgentEvent, { is: K }> => event.is === is);
}
