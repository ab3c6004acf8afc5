/**
 * The install guide, docs/host.md, as steps that can be carried out: its own code blocks in their order. A line that begins with
 * "Write `<file>`" stands before what goes into that file; every other block is commands. It carries nothing out.
 */
export type Step = RunStep | WriteStep;

export interface RunStep {
  readonly is: "run";
  /** The heading that it stands under. */
  readonly section: string;
  /** The number of the list item, or null outside of a list. */
  readonly item: number | null;
  /** What stands behind `#`, as the guide says that it is answered; '' where it says nothing. */
  readonly lines: readonly { readonly command: string; readonly answer: string }[];
}

export interface WriteStep {
  readonly is: "write";
  readonly section: string;
  readonly item: number | null;
  readonly file: string;
  readonly mode: string | null;
  readonly text: string;
  readonly run: string | null;
}

const WRITE = /\bWrite `([^`]+)`(?:, mode (\d{3}))?(?:, then run `([^`]+)`)?:$/;

export function readGuide(markdown: string): Step[] {
  const steps: Step[] = [];
  let section = "";
  let item: number | null = null;
  let prose = "";
  const lines = markdown.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    const heading = /^##? (.*)/.exec(line);
    const listed = /^(\d+)\. /.exec(line);
    if (heading) [section, item, prose] = [heading[1]!, null, ""];
    if (listed) item = Number(listed[1]);
    else if (/^\S/.test(line)) item = null;

    const margin = item === null ? "" : "   ";
    const where = { section, item };
    if (line === `${margin}\`\`\``) {
      const body: string[] = [];
      while (lines[++i] !== `${margin}\`\`\``) {
        if (i >= lines.length) throw new Error(`the guide's block after "${prose}" has no end`);
        body.push(lines[i]!.slice(margin.length));
      }
      const write = WRITE.exec(prose);
      if (!write) throw new Error(`"${prose}" does not say which file the block after it goes into`);
      const [, file, mode, run] = write;
      const text = `${body.join("\n")}\n`;
      steps.push({ is: "write", ...where, file: file!, mode: mode ?? null, text, run: run ?? null });
    } else if (line.startsWith(`${margin}    `) && lines[i - 1] === "") {
      const commands = [];
      for (; lines[i]?.startsWith(`${margin}    `); i++) {
        const [, command, answer] = /^(.*?)(?:\s+# (.*))?$/.exec(lines[i]!.trim())!;
        commands.push({ command: command!, answer: answer ?? "" });
      }
      steps.push({ is: "run", ...where, lines: commands });
      i--;
    } else if (line !== "") prose = line.trim();
  }
  return steps;
}
