/**
 * What is said to the CLI: its argv, the file that names the console's tools, and the lines on its stdin. Pure. Nothing
 * that an operator types is ever in argv, but a model's name of a checked form; the token is in the file alone.
 */
import type { TurnInput } from "../sessions/agent.ts";
import type { Conversation } from "./conversation.ts";
import { asData } from "./data.ts";
import type { Definition } from "./definition.ts";
import { SERVER } from "./fitness.ts";

const MOST_STEPS = 100;
/** The CLI gives up an HTTP tool call after 60 s unless told otherwise; a call may wait for an operator, a day at most. */
const TOOL_TIMEOUT_MS = 90_000_000;

export function claudeArgv(
  definition: Definition,
  turn: { model: string; mcp_config: string; conversation: Conversation; budget_usd: number | null },
): string[] {
  const { name, description, prompt } = definition;
  const { id, resume } = turn.conversation;
  return [
    "-p",
    "--input-format=stream-json",
    "--output-format=stream-json",
    "--verbose",
    "--include-partial-messages",
    `--agents=${JSON.stringify({ [name]: { description, prompt } })}`,
    `--agent=${name}`,
    `--model=${turn.model}`,
    "--tools=",
    `--allowedTools=mcp__${SERVER}__*`,
    "--permission-mode=dontAsk",
    "--strict-mcp-config",
    `--mcp-config=${turn.mcp_config}`,
    "--setting-sources=",
    "--disable-slash-commands",
    `--max-turns=${MOST_STEPS}`,
    ...(turn.budget_usd ? [`--max-budget-usd=${turn.budget_usd}`] : []),
    resume ? `--resume=${id}` : `--session-id=${id}`,
  ];
}

export function mcpConfig(url: string, token: string): object {
  const headers = { Authorization: `Bearer ${token}` };
  return { mcpServers: { [SERVER]: { type: "http", url, headers, timeout: TOOL_TIMEOUT_MS } } };
}

/** What the agent has of the session's earlier turns when it does not remember them itself. */
export interface Memory {
  /** It had a conversation, and that is gone. */
  readonly lost: boolean;
  /** The transcript in brief; "" where it remembers, or where there is none. */
  readonly recall: string;
  /** Frames the recall, which holds output; made anew each time. */
  readonly mark: string;
}

/** What the model reads: what it must know of the last turn and of those before, then the operator's words as they are. */
export function promptFor(input: Pick<TurnInput, "prompt" | "aftermath">, { lost, recall, mark }: Memory): string {
  const notes = [
    input.aftermath,
    lost ? "Your memory of the earlier turns of this session was lost. Look at how things stand before you act." : null,
    recall === ""
      ? null
      : "The console's transcript of them, shortened, stands below; after it, the operator's prompt.",
  ].filter((note) => note !== null && note !== "");
  const parts = [
    notes.length > 0 ? `[From the console, not from the operator: ${notes.join(" ")}]` : "",
    recall === "" ? "" : asData(recall, mark),
    input.prompt,
  ];
  const text = parts.filter((part) => part !== "").join("\n\n");
  // "/clear" would be obeyed by the CLI and drop the conversation; with a space before it, it is a prompt.
  return /^\s*\//.test(text) ? ` ${text.trimStart()}` : text;
}

export function userLine(text: string): string {
  const line = { type: "user", message: { role: "user", content: text }, parent_tool_use_id: null, session_id: "" };
  return `${JSON.stringify(line)}\n`;
}

export const INTERRUPT = `${JSON.stringify({ type: "control_request", request_id: "stop", request: { subtype: "interrupt" } })}\n`;
