/**
 * What a run captured before it changed anything: the host script's sections, each with its own verdict. Pure. Lines of the
 * script stand at column 0, what it quotes is indented, so nothing that a guest or a kernel says can begin a section.
 */
import type { Action } from "./action.ts";

export interface Section {
  readonly name: string;
  readonly verdict: "ok" | "timed out" | "missing";
  /** Why, and how long it took, in the script's words. */
  readonly more: string;
  readonly text: string;
}

export function sectionsOf(stdout: string): Section[] {
  const sections: Section[] = [];
  let open: { head: Omit<Section, "text">; lines: string[] } | null = null;
  const shut = () => {
    if (open) sections.push({ ...open.head, text: open.lines.join("\n") });
    open = null;
  };
  for (const line of stdout.split("\n")) {
    const head = /^section (.+): (ok|timed out|missing)(?:, )?(.*)$/.exec(line);
    if (head) {
      shut();
      open = { head: { name: head[1]!, verdict: head[2] as Section["verdict"], more: head[3]!.trim() }, lines: [] };
    } else if (line.startsWith("  ")) open?.lines.push(line.slice(2));
    else shut();
  }
  shut();
  return sections;
}

/** Something was captured: a mutating run's own sections, or a capture by itself that ended well. */
export const hasEvidence = ({ verb, outcome, stdout }: Pick<Action, "verb" | "outcome" | "stdout">): boolean =>
  (verb === "forensics" && outcome === "done") || sectionsOf(stdout).length > 0;
