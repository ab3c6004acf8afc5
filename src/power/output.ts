/** The output of a run on its way into the log: gathered so that a burst is one entry, bounded, and read for what it says. */
import type { Line } from "../child.ts";
import { linesThrough } from "../secrets/as-it-comes.ts";
import type { PowerBody } from "./event.ts";

/** Output is gathered for this long into one entry. */
const GATHER_MS = 300;
/** What is kept of one action's output in the log, characters. */
const KEEP = 1024 * 1024;

export type OutputDraft = ["printed", PowerBody["printed"]] | ["cut", PowerBody["cut"]];

export interface Output {
  heard(line: Line): void;
  /** Writes what is waiting. Never throws: a full disk must not end a run. */
  flush(): Promise<void>;
  /** When a line last came, as performance.now() has it. */
  heardAt(): number;
  lastError(): string;
  /** The reason after `verdict: <word>`, as the host script prints it last; empty without one. */
  verdict(): string;
}

export function gatherOutput(
  append: (drafts: readonly OutputDraft[]) => Promise<unknown>,
  clean: (text: string) => string = (text) => text,
): Output {
  let waiting: { from: Line["from"]; text: string }[] = [];
  let timer: ReturnType<typeof setTimeout> | null = null;
  let kept = 0;
  let cut = 0;
  let last = performance.now();
  let lastError = "";
  let verdict = "";
  const write = async (drafts: readonly OutputDraft[]) => {
    if (timer) clearTimeout(timer);
    timer = null;
    if (drafts.length === 0) return;
    await append(drafts).catch((error) => console.error("output of an action:", error));
  };
  const take = (): OutputDraft[] => {
    const drafts = waiting.map((body): OutputDraft => ["printed", body]);
    waiting = [];
    return drafts;
  };
  // Before it is cut into entries: a secret may go over the border of two.
  const through = linesThrough(clean, ({ from, text }) => {
    if (kept + text.length > KEEP) {
      cut += text.length + 1;
      return;
    }
    kept += text.length + 1;
    const newest = waiting.at(-1);
    if (newest?.from === from) newest.text += `${text}\n`;
    else waiting.push({ from, text: `${text}\n` });
    timer ??= setTimeout(() => void write(take()), GATHER_MS);
  });
  return {
    heard({ from, text }) {
      last = performance.now();
      if (from === "stderr" && text.trim() !== "") lastError = text.trim();
      if (text.startsWith("verdict: ")) verdict = text.replace(/^verdict: \w+ ?/, "");
      through.heard({ from, text });
    },
    async flush() {
      through.end();
      const drafts = take();
      if (cut > 0) drafts.push(["cut", { bytes: cut }]);
      cut = 0;
      await write(drafts);
    },
    heardAt: () => last,
    lastError: () => lastError,
    verdict: () => verdict,
  };
}

/**
 * What of a run's whole output is not in what was shown of it. The lines by which a host shows that it lives ("# 12 s: …") are
 * of the connection, not of the run. A line that broke off is shown whole.
 */
export function notYetShown(shown: string, whole: string): string {
  const have = shown.replace(/^# \d+ s: .*\n/gm, "").split("\n");
  const lines = whole.split("\n");
  let same = 0;
  while (same < have.length && same < lines.length && have[same] === lines[same]) same++;
  return lines.slice(same).join("\n");
}
