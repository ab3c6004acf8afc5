/**
 * An executable in the place of the claude CLI that says, and has "printed" by a tool, the strings of `hostile.ts`. The prompt
 * says which, as JSON: {seed, count, canary}. It calls nothing and keeps nothing.
 */
import { claudeLines, wished } from "./claude-lines.ts";
import { hostile } from "./hostile.ts";

const cli = claudeLines("hostile");
const { seed, count, canary } = await wished<{ seed: number; count: number; canary: string }>();

cli.init();
for (const [i, text] of hostile(seed, count, canary).entries()) {
  cli.said(text);
  const id = `toolu_${i}`;
  cli.called(id, "vm_run", { command: text, reason: text });
  cli.returned(id, text, i % 7 === 0);
}
cli.result("ok", { duration_ms: 1, total_cost_usd: 0 });
