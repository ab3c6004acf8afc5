/**
 * The CLI's stream-json, line by line, as the agent's events: a small state machine, one per process. Pure. It knows the
 * lines of Claude Code 2.1.197 and 2.1.330 and passes over those that it does not know (there are some 35 kinds); it
 * refuses to know the process, except for how it ended. Trouble is read from the JSON, never from an exit code alone.
 */
import type { Ending } from "../outcome.ts";
import type { AgentEvent } from "../sessions/agent.ts";
import { blocks, isProgress, partial, returned, spentIn } from "./cli-line.ts";
import { type Expected, misfit, withoutPrefix } from "./fitness.ts";
import type { Idle } from "./idle.ts";
import { isObject, type Json, number, string } from "./json.ts";
import { apiFailureInWords, endingOfAgentInWords, idleInWords, plain, retryInWords } from "./trouble.ts";

export interface Translator {
  line(text: string): AgentEvent[];
  /** Says how it ended, unless that was said. `stopped` is said by whoever stopped it. */
  end(ending: Ending, stderr_tail: string, idle?: Idle | null): AgentEvent[];
  /** True between a result and the next init: nothing of the turn is open. */
  readonly concluded: boolean;
  /** True when the agent started with other tools than ours; it was said, and the turn must be stopped. */
  readonly unfit: boolean;
  /** How many lines so far brought the turn on: words, calls, answers, tries; signs of life alone do not count. */
  readonly progress: number;
  /** What starting again in another way would heal. */
  readonly curable: "conversation_unknown" | "conversation_in_use" | null;
}

export function translator(expected?: Expected): Translator {
  let concluded = false;
  let failed = false;
  let unfit = false;
  let curable: Translator["curable"] = null;
  let model: string | null = null;
  let conversation: string | null = null;
  /** The CLI writes a failure as a message of the assistant's, too; it waits here until the result says which it is. */
  let synthetic: { text: string; kind: string } | null = null;
  let spoke = false;
  let broken = false;
  let calls = 0;
  let progress = 0;

  const line = (text: string): AgentEvent[] => {
    if (text.trim() === "") return [];
    let o: Json;
    try {
      const parsed: unknown = JSON.parse(text);
      if (!isObject(parsed)) return [];
      o = parsed;
    } catch {
      broken = text.startsWith("{");
      return [];
    }
    broken = false;
    if (isProgress(o)) progress++;
    // A sub-agent's lines name the call that they belong to; the call's own result says what came of it.
    if (typeof o.parent_tool_use_id === "string") return [];
    switch (o.type) {
      case "system":
        return system(o);
      case "assistant":
        return assistant(o);
      case "user":
        return blocks(o).flatMap(returned);
      case "stream_event":
        return partial(o);
      case "result":
        return result(o);
      default:
        return [];
    }
  };

  const system = (o: Json): AgentEvent[] => {
    switch (o.subtype) {
      case "init":
        return init(o);
      case "api_retry":
        return [
          {
            is: "remarked",
            text: retryInWords({
              status: number(o.error_status),
              kind: string(o.error),
              attempt: number(o.attempt) ?? 1,
              of: number(o.max_retries) ?? 1,
              delay_ms: number(o.retry_delay_ms) ?? 0,
            }),
          },
        ];
      case "model_fallback": {
        const [from, to] = [string(o.original_model), string(o.fallback_model)];
        model = to || model;
        return [
          {
            is: "remarked",
            text: `${from || "The model"} did not answer; ${to || "another model"} goes on in its place`,
          },
        ];
      }
      default:
        return [];
    }
  };

  const init = (o: Json): AgentEvent[] => {
    concluded = failed = spoke = false;
    calls = 0;
    synthetic = null;
    model = string(o.model) || model;
    const complaint = expected ? misfit(o, expected) : null;
    if (complaint) {
      unfit = failed = true;
      return [{ is: "failed", error: complaint }];
    }
    const session_id = string(o.session_id);
    // A further turn in the same process has an init of its own.
    if (session_id === conversation) return [];
    conversation = session_id;
    return [{ is: "started", session_id, agent: "claude" }];
  };

  const assistant = (o: Json): AgentEvent[] => {
    const made_up = isObject(o.message) && o.message.model === "<synthetic>";
    return blocks(o).flatMap((block): AgentEvent[] => {
      if (block.type === "text" && string(block.text).trim() !== "") {
        const text = string(block.text);
        if (made_up && o.error) {
          synthetic = { text, kind: string(o.error) };
          return [];
        }
        spoke = true;
        return [{ is: "said", text }];
      }
      if (block.type === "tool_use") {
        calls++;
        return [
          {
            is: "called",
            name: withoutPrefix(string(block.name)),
            input: block.input ?? {},
            tool_id: string(block.id),
          },
        ];
      }
      return [];
    });
  };

  const result = (o: Json): AgentEvent[] => {
    concluded = true;
    const figures = {
      duration_ms: Math.round(number(o.duration_ms) ?? 0),
      calls,
      ...spentIn(o),
    };
    const held = synthetic;
    synthetic = null;
    if (o.is_error !== true) {
      const words = string(o.result);
      const events: AgentEvent[] = [];
      if (held) events.push({ is: "said", text: held.text });
      else if (!spoke && words.trim() !== "") events.push({ is: "said", text: words });
      else if (words.trim() === "" && !spoke)
        events.push({ is: "remarked", text: "The agent answered with no words. Ask again, or in other words." });
      return [...events, { is: "concluded", is_error: false, result: words, ...figures }];
    }
    const errors = (Array.isArray(o.errors) ? o.errors : []).map(string);
    if (string(o.terminal_reason).startsWith("aborted"))
      return [{ is: "concluded", is_error: true, result: "Stopped before it was done.", ...figures }];
    failed = true;
    const unknown = errors.find((e) => e.startsWith("No conversation found"));
    if (unknown) curable = "conversation_unknown";
    // The words stand in `failed`; `concluded` adds the figures, so that nothing is shown twice.
    return [
      { is: "failed", error: unknown ? LOST : troubleOf(o, errors, held) },
      { is: "concluded", is_error: true, result: "", ...figures },
    ];
  };

  const troubleOf = (o: Json, errors: readonly string[], held: { text: string; kind: string } | null): string => {
    if (o.subtype === "error_max_turns")
      return "The agent used all the steps that one prompt may take. Its last step was carried out; send “go on” to let it continue.";
    if (o.subtype === "error_max_budget_usd")
      return `The turn reached its limit of cost (${plain(errors[0] ?? "").replace(/^Reached maximum budget \(?|\)$/g, "") || "BREAKGLASS_TURN_BUDGET_USD"}) and was stopped there. Send “go on” to let it continue.`;
    const text = string(o.result) || held?.text || errors.filter((e) => !e.startsWith("[ede_diagnostic]")).join("; ");
    return apiFailureInWords({ status: number(o.api_error_status), kind: held?.kind ?? "", text, model });
  };

  const end = (ending: Ending, stderr_tail: string, idle: Idle | null = null): AgentEvent[] => {
    if (idle && !failed) {
      failed = true;
      return [{ is: "failed", error: idleInWords(idle) }];
    }
    if (ending.is === "stopped" || failed) return [];
    if (/is already in use/i.test(stderr_tail)) curable = "conversation_in_use";
    if (/No conversation found/i.test(stderr_tail)) curable = "conversation_unknown";
    // We ended it for want of words: that it then called itself interrupted is not the news.
    if (!concluded || ending.is === "silent" || ending.is === "timed_out") {
      failed = true;
      return [
        {
          is: "failed",
          error: curable === "conversation_unknown" ? LOST : endingOfAgentInWords(ending, stderr_tail, broken),
        },
      ];
    }
    if (ending.is === "exited" && (ending.code === 0 || stderr_tail.trim() === "")) return [];
    const how = plain(stderr_tail) || (ending.is === "signalled" ? ending.signal : ending.is);
    return [{ is: "remarked", text: `After its answer the agent's process ended badly: ${how}` }];
  };

  return {
    line,
    end,
    get concluded() {
      return concluded;
    },
    get unfit() {
      return unfit;
    },
    get progress() {
      return progress;
    },
    get curable() {
      return curable;
    },
  };
}

const LOST = "The agent's memory of this session is gone. Send it again: it begins anew.";
