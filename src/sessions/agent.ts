/** What a turn asks of an agent, and what the agent may ask of the console. `agent/claude.ts` and `agent/scripted.ts` implement it. */
export type AgentEvent =
  /** The agent is up; `session_id` is its own conversation, by which a later turn resumes. */
  | { readonly is: "started"; readonly session_id: string; readonly agent: string }
  /** Words as they come; replaced by the next `said`. Never written to the log. */
  | { readonly is: "partial"; readonly text: string }
  | { readonly is: "said"; readonly text: string }
  | { readonly is: "called"; readonly name: string; readonly input: unknown; readonly tool_id: string }
  | { readonly is: "returned"; readonly tool_id: string; readonly output: string; readonly is_error: boolean }
  /** A remark of the console: a retry with its count, a wait. */
  | { readonly is: "remarked"; readonly text: string }
  | {
      readonly is: "concluded";
      readonly is_error: boolean;
      readonly result: string;
      readonly duration_ms: number;
      readonly cost_usd: number | null;
      /** How many tools it called, and how many tokens went both ways; where the agent counts them. */
      readonly calls?: number;
      readonly tokens?: number | null;
    }
  /** It went wrong; one sentence with the cause and the next step. */
  | { readonly is: "failed"; readonly error: string };

export interface TurnInput {
  readonly turn: string;
  readonly session: string;
  readonly prompt: string;
  readonly model: string | null;
  /** The agent's own conversation id of an earlier turn of this session, or null for a first turn. */
  readonly resumes: string | null;
  /** Set when the last turn was cut: what was running and how it ended, put before the prompt. */
  readonly aftermath: string | null;
  /** The transcript so far in brief, for an agent that does not remember it; "" when there is none. Asked for only then. */
  readonly recall?: () => string;
}

/** One turn of an agent, running. */
export interface AgentTurn {
  /** Ends when nothing of the turn is left running. Never throws: trouble is a `failed` event. */
  readonly events: AsyncIterable<AgentEvent>;
  /** Stops it, proves it stopped, and says in a few words what was ended. Idempotent. */
  stop(): Promise<string>;
}

export interface Agent {
  /** "claude" or "scripted". */
  readonly name: string;
  start(input: TurnInput): AgentTurn;
}

/** What the agent may do; the console's own tools, behind the buttons' locks. Implemented in main's wiring. */
export interface AgentTools {
  /** Runs a command on the VM over ssh. Output head and tail, bounded. */
  vmRun(input: ToolCall & { command: string; reason: string; timeout_s: number }): Promise<ToolAnswer>;
  power(input: ToolCall & { verb: string; reason: string }): Promise<ToolAnswer>;
  check(input: ToolCall & { name: string }): Promise<ToolAnswer>;
  /** One of the operator's runbooks; without a name the list of them. */
  runbook(input: ToolCall & { name: string | null }): Promise<ToolAnswer>;
  /** Asks the operator, and waits for their words; without choices any will do. */
  ask(input: ToolCall & { question: string; choices: readonly string[] }): Promise<ToolAnswer>;
}

export interface ToolCall {
  readonly turn: string;
  /** The id under which the transcript has this call, where the CLI tells it. */
  readonly tool_id?: string;
  /** Aborted when the turn is over: end what can be ended (an ssh to the VM; never a mutating verb), then answer. */
  readonly signal?: AbortSignal;
  /** Aborted as soon as somebody stops the turn, a moment before `signal`: nothing begins any more. */
  readonly stopping?: AbortSignal;
}

export interface ToolAnswer {
  readonly text: string;
  readonly is_error: boolean;
  /** The console says this itself, and no machine: it is not handed on as data. */
  readonly own_words?: boolean;
  /** A document of the operator's: data, too, but no machine's. */
  readonly document?: boolean;
  /** Where it had to be ended: what became of it, and how that is known. */
  readonly ended?: string;
}
