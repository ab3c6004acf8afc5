/**
 * markdown-it, as the views want it: loaded at the first words of an agent, since that takes 20 ms, which a start has not got. What
 * its tokens become is the views' to say.
 */
import { createRequire } from "node:module";
import type { MarkdownIt } from "markdown-it";
import type { Markdown } from "../../views/prose.tsx";

let made: MarkdownIt | null = null;

function parser(): MarkdownIt {
  if (made) return made;
  const Parser = createRequire(import.meta.url)("markdown-it") as typeof import("markdown-it")["default"];
  // References would hide their line, and what is left of HTML is text.
  made = new Parser({ html: false, linkify: false, typographer: false }).disable(["reference"]);
  // Anything else (javascript:, data:, our own addresses, others' hosts by //) stays the text that it came as.
  made.validateLink = (address: string) => /^(https?:\/\/|mailto:)/i.test(address);
  return made;
}

export const markdown: Markdown = (source) => parser().parse(source, {});
