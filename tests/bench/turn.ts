/** One turn, from the operator's prompt to its first words on the wire, and what the console and the agent's process hold meanwhile. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { attach, type Place } from "./place.ts";
import { residentMiB } from "./process.ts";
import { nowMs } from "./stamp.ts";

export interface Turn {
  /** From the prompt's POST to the words in the bytes that a client got, ms. */
  readonly words_ms: number;
  /** Resident, MiB: the console before and at its most, and the agent's process at its most. */
  readonly rest: number;
  readonly console: number;
  readonly agent: number;
}

/** `words` is what the agent will say, and nothing else on the page does. */
export async function takeTurn(place: Place, { wish, words }: { wish: object; words: string }): Promise<Turn> {
  const session = await place.newSession();
  const wire = await attach(place, session, { gzip: false });
  await wire.until((text) => text.includes("event: caught-up"));
  const { pid } = place.server;
  const rest = residentMiB(pid);
  let most = { console: rest, agent: 0 };
  const sampling = setInterval(() => {
    const children = childrenOf(pid).map(residentOr0);
    most = { console: Math.max(most.console, residentMiB(pid)), agent: Math.max(most.agent, ...children) };
  }, 20);
  try {
    const heard = wire.text.length;
    const began = nowMs();
    await place.pour(session, wish as Record<string, unknown>);
    await wire.until((text) => text.includes(words, heard));
    const words_ms = nowMs() - began;
    await wire.until((text) => text.includes("turn-send", heard));
    return { words_ms, rest, ...most };
  } finally {
    clearInterval(sampling);
    wire.close();
  }
}

/** How long the agent's program takes by itself, from its start to its first words, ms: what no console can better. */
export async function aloneMs(argv: readonly string[], prompt: string, words: string): Promise<number> {
  const began = nowMs();
  const child = Bun.spawn([...argv], { stdin: new Blob([prompt]), stdout: "pipe", stderr: "ignore" });
  let said = "";
  let words_ms = Number.NaN;
  for await (const chunk of child.stdout) {
    said += new TextDecoder().decode(chunk);
    if (Number.isNaN(words_ms) && said.includes(words)) words_ms = nowMs() - began;
  }
  await child.exited;
  return words_ms;
}

/** An `sh` in front of the program counts as its parent: all that descend from it. */
function childrenOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(join("/proc", name, "stat"), "utf8");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // gone meanwhile
    }
  }
  const below = (of: number): number[] =>
    [...parents].filter(([, parent]) => parent === of).flatMap(([child]) => [child, ...below(child)]);
  return below(pid);
}

function residentOr0(pid: number): number {
  try {
    return residentMiB(pid);
  } catch {
    return 0;
  }
}
