/**
 * An executable in the place of the claude CLI that says, and has "printed" by a tool, the strings of `hostile.ts`. The prompt
 * says which, as JSON: {seed, count, canary}. It calls nothing and keeps nothing.
 */
import { hostile } from "./hostile.ts";

const option = (name: string) => process.argv.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
const session_id = option("session-id") ?? option("resume") ?? "";
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

let asked = "";
for await (const chunk of Bun.stdin.stream()) {
  asked += new TextDecoder().decode(chunk);
  if (asked.includes("\n")) break;
}
const prompt: string = JSON.parse(asked.slice(0, asked.indexOf("\n"))).message.content;
const { seed, count, canary } = JSON.parse(/\{.*\}/s.exec(prompt)![0]);

say({
  type: "system",
  subtype: "init",
  session_id,
  tools: ["vm_run", "power", "check", "runbook", "ask"].map((name) => `mcp__breakglass__${name}`),
  mcp_servers: [{ name: "breakglass", status: "connected" }],
  model: "hostile",
});
const assistant = (block: object) =>
  say({ type: "assistant", message: { model: "hostile", content: [block] }, parent_tool_use_id: null });
for (const [i, text] of hostile(seed, count, canary).entries()) {
  assistant({ type: "text", text });
  const id = `toolu_${i}`;
  assistant({ type: "tool_use", id, name: "mcp__breakglass__vm_run", input: { command: text, reason: text } });
  say({
    type: "user",
    message: {
      role: "user",
      content: [{ type: "tool_result", tool_use_id: id, content: text, is_error: i % 7 === 0 }],
    },
    parent_tool_use_id: null,
  });
}
say({
  type: "result",
  subtype: "success",
  is_error: false,
  result: "ok",
  duration_ms: 1,
  total_cost_usd: 0,
  session_id,
});
