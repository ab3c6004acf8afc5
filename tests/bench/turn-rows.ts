/** The rows of a turn: what the console adds to the agent's own time, and the memory that a turn takes. They have no budget. */
import { dirname, join } from "node:path";
import { claudeCliInCache } from "../support/claude-cli.ts";
import { messagesApi } from "../support/messages-api.ts";
import { count, median, repeat, spread } from "./figures.ts";
import { openBarePlace } from "./place.ts";
import { type Row, row } from "./row.ts";
import { aloneMs, type Turn, takeTurn } from "./turn.ts";

const RUNS = 5;

export async function turn(): Promise<Row[]> {
  return [...(await withStandIn()), ...(await withRealCli())];
}

async function withStandIn(): Promise<Row[]> {
  const wish = { entries: 1, every_ms: 1, stamped: true };
  const place = await openBarePlace();
  try {
    // The first turn of a process loads what the tools need.
    const first = await takeTurn(place, { wish, words: "@@" });
    const runs = await repeat(RUNS, () => takeTurn(place, { wish, words: "@@" }));
    const program = [process.execPath, join(import.meta.dir, "pouring-claude.ts")];
    const line = `${JSON.stringify({ message: { content: JSON.stringify(wish) } })}\n`;
    const alone = await repeat(RUNS, () => aloneMs(program, line, "@@"));
    const words = runs.map((run) => run.words_ms);
    const ours = count(median(words) - median(alone));
    return [
      row(
        "prompt → first words, a stand-in for the CLI",
        "–",
        "–",
        `${spread(words, "ms", 0)}, of it the stand-in's own ${count(median(alone))} ms, ours ${ours} ms; a process's first turn ${count(first.words_ms)} ms`,
      ),
      memoryRow("a stand-in for the CLI", [first, ...runs]),
    ];
  } finally {
    await place.end();
  }
}

async function withRealCli(): Promise<Row[]> {
  const cli = claudeCliInCache();
  if (!cli) return [row("prompt → first words, the real CLI", "–", "–", "not measured: `bun run check` fetches it")];
  const api = messagesApi(() => ({ text: "first-words" }));
  const path = `${dirname(cli)}:${process.env.PATH}`;
  const place = await openBarePlace(async () => {}, { ...api.env, PATH: path });
  try {
    const once = () => takeTurn(place, { wish: {}, words: "first-words" });
    await once();
    const runs: Turn[] = await repeat(RUNS, once);
    return [
      row(
        "prompt → first words, the real CLI",
        "–",
        "–",
        `${spread(
          runs.map((run) => run.words_ms),
          "ms",
          0,
        )}, with an API that answers at once`,
      ),
      memoryRow("the real CLI", runs),
    ];
  } finally {
    await place.end();
    await api.stop();
  }
}

function memoryRow(what: string, runs: readonly Turn[]): Row {
  const most = (key: "rest" | "console" | "agent") => count(Math.max(...runs.map((run) => run[key])));
  const measured = `the console ${count(runs[0]!.rest)} MiB before, ${most("console")} MiB at most; its process ${most("agent")} MiB`;
  return row(`memory during a turn, ${what}`, "–", "–", measured);
}
