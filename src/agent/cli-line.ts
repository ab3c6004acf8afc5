/**
 * One line of the CLI's stream-json by itself: what stands in it, whatever came before. Pure. What a line means within a turn
 * is `stream-json.ts`'s to say.
 */
import type { AgentEvent } from "../sessions/agent.ts";
import { withoutFrame } from "./data.ts";
import { isObject, type Json, number, string } from "./json.ts";

/** The answer to a call. */
export function returned(block: Json): AgentEvent[] {
  if (block.type !== "tool_result") return [];
  const is_error = block.is_error === true;
  const output = textOf(block.content);
  return [
    {
      is: "returned",
      tool_id: string(block.tool_use_id),
      // Written for the model after an interruption, and misleading: the command may well have run.
      output:
        is_error && output.startsWith("The user doesn't want to proceed with this tool use")
          ? "Stopped while it was under way: what it did until then is not known here."
          : withoutFrame(output),
      is_error,
    },
  ];
}

/** Words as they come. The whole block follows as an `assistant` line and takes their place. */
export function partial(o: Json): AgentEvent[] {
  const event = isObject(o.event) ? o.event : {};
  const delta = isObject(event.delta) ? event.delta : {};
  if (event.type !== "content_block_delta" || delta.type !== "text_delta") return [];
  const text = string(delta.text);
  return text === "" ? [] : [{ is: "partial", text }];
}

/** A ping, a `tool_progress` every 30 s or a status can go on for ever without anything coming of it. */
export function isProgress(o: Json): boolean {
  if (o.type === "assistant" || o.type === "user" || o.type === "result") return true;
  if (o.type === "system")
    return ["init", "api_retry", "model_fallback", "thinking_tokens"].includes(string(o.subtype));
  const event = o.type === "stream_event" && isObject(o.event) ? string(o.event.type) : "";
  return event.startsWith("content_block") || event.startsWith("message_");
}

const TOKENS = ["inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens"];

/**
 * What this prompt cost, and all tokens both ways, the cached ones too. In a conversation that was resumed the totals hold
 * its earlier turns as well (2.1.330, run); what came since the last result does not. 2.1.197 has the totals alone.
 */
export function spentIn(o: Json): { cost_usd: number | null; tokens: number | null } {
  const since = isObject(o.model_usage_since_last_result) ? o.model_usage_since_last_result : null;
  const models = Object.values(since ?? (isObject(o.modelUsage) ? o.modelUsage : {})).filter(isObject);
  const sum = (names: readonly string[]) =>
    models.reduce((all, model) => all + names.reduce((n, name) => n + (number(model[name]) ?? 0), 0), 0);
  return { cost_usd: since ? sum(["costUSD"]) : number(o.total_cost_usd), tokens: sum(TOKENS) || null };
}

export function blocks(o: Json): Json[] {
  const content = isObject(o.message) ? o.message.content : null;
  return Array.isArray(content) ? content.filter(isObject) : [];
}

/** Content is a string, or blocks (MCP). */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .filter(isObject)
    .map((block) =>
      block.type === "text" ? string(block.text) : `[${string(block.type) || "something"} that is not text]`,
    )
    .join("\n");
}
