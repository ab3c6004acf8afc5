/**
 * The claude CLI's protocol, from its side, for executables that take its place: what it is asked, and the lines that it says. What
 * it does in between is theirs.
 */

/** `argv` holds the agent's options. */
export function claudeLines(model: string, argv: readonly string[] = process.argv) {
  const option = (name: string) => argv.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3) ?? "";
  const session_id = option("session-id") || option("resume");
  const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
  const assistant = (block: object) =>
    say({ type: "assistant", message: { model, content: [block] }, parent_tool_use_id: null });
  return {
    option,
    session_id,
    say,
    init: (tools: readonly string[] = TOOLS, status = "connected") =>
      say({
        type: "system",
        subtype: "init",
        session_id,
        tools,
        mcp_servers: [{ name: "breakglass", status }],
        model,
      }),
    said: (text: string) => assistant({ type: "text", text }),
    called: (id: string, name: string, input: unknown) =>
      assistant({ type: "tool_use", id, name: `mcp__breakglass__${name}`, input }),
    returned: (tool_use_id: string, content: unknown, is_error: boolean) =>
      say({
        type: "user",
        message: { role: "user", content: [{ type: "tool_result", tool_use_id, content, is_error }] },
        parent_tool_use_id: null,
      }),
    result: (text: string, figures = { duration_ms: 5, total_cost_usd: 0.01 }) =>
      say({ type: "result", subtype: "success", is_error: false, result: text, ...figures, session_id }),
  };
}

export const TOOLS = ["vm_run", "power", "check", "runbook", "ask"].map((name) => `mcp__breakglass__${name}`);

/** The lines of stdin. While they are read the process stays; `return` lets it go. */
export async function* stdinLines(): AsyncGenerator<string, void> {
  let held = "";
  for await (const chunk of Bun.stdin.stream()) {
    held += new TextDecoder().decode(chunk);
    for (let at = held.indexOf("\n"); at >= 0; at = held.indexOf("\n")) {
      yield held.slice(0, at);
      held = held.slice(at + 1);
    }
  }
}

/** The prompt in a line of stdin. */
export const promptIn = (line: string): string => JSON.parse(line).message.content;

/** The wish that a prompt is, for a stand-in that serves wishes: the JSON in it. */
export async function wished<Wish>(): Promise<Wish> {
  const lines = stdinLines();
  const first = await lines.next();
  await lines.return();
  return JSON.parse(/\{.*\}/s.exec(first.done ? "" : promptIn(first.value))?.[0] ?? "{}") as Wish;
}
