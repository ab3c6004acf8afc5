/**
 * An executable in the place of the claude CLI that prints an incident at a given pace. The prompt says how, as JSON:
 * {entries, every_ms, stamped, partials}. Stamped, each line says when it was printed. It does nothing and keeps nothing.
 */
import { cliLine, entryOf } from "./incident.ts";
import { stampNow } from "./stamp.ts";

interface Wish {
  readonly entries: number;
  readonly every_ms: number;
  /** Each entry is text of about the usual size that carries the time. */
  readonly stamped?: boolean;
  /** Text also comes word by word first, as the CLI sends it. */
  readonly partials?: boolean;
}

const option = (name: string) => process.argv.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
const session_id = option("session-id") ?? option("resume") ?? "";
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

let asked = "";
for await (const chunk of Bun.stdin.stream()) {
  asked += new TextDecoder().decode(chunk);
  if (asked.includes("\n")) break;
}
const prompt: string = JSON.parse(asked.slice(0, asked.indexOf("\n"))).message.content;
const wish = JSON.parse(/\{.*\}/s.exec(prompt)?.[0] ?? "{}") as Wish;

say({
  type: "system",
  subtype: "init",
  session_id,
  tools: ["vm_run", "power", "check", "runbook", "ask"].map((name) => `mcp__breakglass__${name}`),
  mcp_servers: [{ name: "breakglass", status: "connected" }],
  model: "pouring",
});
const began = performance.now();
for (let i = 0; i < wish.entries; i++) {
  const late = performance.now() - began - i * wish.every_ms;
  if (late < 0) await Bun.sleep(-late);
  const entry = entryOf(i);
  if (wish.stamped) {
    const words = entryOf(3 * i);
    say(cliLine({ is: "said", text: `${stampNow()} ${words.is === "said" ? words.text : ""}` }));
    continue;
  }
  if (wish.partials && entry.is === "said")
    for (const text of entry.text.split(/(?<= )/)) {
      say({ type: "stream_event", event: { type: "content_block_delta", delta: { type: "text_delta", text } } });
      await Bun.sleep(wish.every_ms);
    }
  say(cliLine(entry));
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
