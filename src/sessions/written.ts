/** What the agent tells, as what is written of it: kind and body of an entry. Bounds what one output may take of the log. */
import type { AgentEvent } from "./agent.ts";
import type { SessionBody } from "./event.ts";

/** What is kept of one tool output in the log: head and tail, in characters. */
const HEAD = 24_000;
const TAIL = 8_000;

/** The calls of one turn that have been told, by the agent's own ids. */
export type Calls = Map<string, { name: string; at: number }>;

export function written(
  event: Exclude<AgentEvent, { is: "partial" }>,
  calls: Calls,
): [keyof SessionBody, SessionBody[keyof SessionBody]] {
  switch (event.is) {
    case "started":
      return ["agent_started", { session_id: event.session_id, agent: event.agent }];
    case "said":
      return ["said", { text: event.text }];
    case "called":
      calls.set(event.tool_id, { name: event.name, at: performance.now() });
      return ["called", { name: event.name, input: event.input, tool_id: event.tool_id }];
    case "returned": {
      const call = calls.get(event.tool_id);
      const long = event.output.length > HEAD + TAIL;
      return [
        "returned",
        {
          name: call?.name ?? "",
          tool_id: event.tool_id,
          output: long ? `${event.output.slice(0, HEAD)}\n…\n${event.output.slice(-TAIL)}` : event.output,
          left_out: long ? event.output.length - HEAD - TAIL : 0,
          is_error: event.is_error,
          duration_ms: call ? Math.round(performance.now() - call.at) : 0,
        },
      ];
    }
    case "remarked":
      return ["remarked", { text: event.text }];
    case "concluded":
      return [
        "concluded",
        {
          is_error: event.is_error,
          result: event.result,
          duration_ms: event.duration_ms,
          cost_usd: event.cost_usd,
          calls: event.calls ?? calls.size,
          tokens: event.tokens ?? null,
        },
      ];
    case "failed":
      return ["failed", { error: event.error }];
    default:
      return event satisfies never;
  }
}
