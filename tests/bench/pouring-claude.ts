/**
 * An executable in the place of the claude CLI that prints an incident at a given pace. The prompt says how, as JSON:
 * {entries, every_ms, stamped, partials}. Stamped, each line says when it was printed. It does nothing and keeps nothing.
 */
import { claudeLines, wished } from "../support/claude-lines.ts";
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

const cli = claudeLines("pouring");
const wish = await wished<Wish>();

cli.init();
const began = performance.now();
for (let i = 0; i < wish.entries; i++) {
  const late = performance.now() - began - i * wish.every_ms;
  if (late < 0) await Bun.sleep(-late);
  const entry = entryOf(i);
  if (wish.stamped) {
    const words = entryOf(3 * i);
    cli.say(cliLine({ is: "said", text: `${stampNow()} ${words.is === "said" ? words.text : ""}` }));
    continue;
  }
  if (wish.partials && entry.is === "said")
    for (const text of entry.text.split(/(?<= )/)) {
      cli.say({ type: "stream_event", event: { type: "content_block_delta", delta: { type: "text_delta", text } } });
      await Bun.sleep(wish.every_ms);
    }
  cli.say(cliLine(entry));
}
cli.result("ok", { duration_ms: 1, total_cost_usd: 0 });
