/**
 * What a run captured before it changed anything: the host script's sections, each with its own verdict. Pure. Lines of the
 * script stand at column 0, what it quotes is indented, so nothing that a guest or a kernel says can begin a section.
 */
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

/** The `verify.` lines: what the run proved after its work. */
export function provenBy(stdout: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...stdout.matchAll(/^verify\.(\w+): (.*)$/gm)].map((m) => [m[1]!, m[2]!.trim()]));
}
