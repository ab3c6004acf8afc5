/**
 * The agent's definition: a Markdown file with a frontmatter of `name`, `description` and `model`, whose body is what the
 * agent is told. An operator may give a file of their own. Other keys are passed over: what the agent may do (tools,
 * permissions, hooks, servers) is the console's to say, never the file's.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface Definition {
  readonly name: string;
  readonly description: string;
  /** What the file would rather be run with; a model that the operator sets wins. */
  readonly model: string | null;
  readonly prompt: string;
}

export const OUR_DEFINITION = fileURLToPath(new URL("./breakglass.md", import.meta.url));

/** The whole definition travels in argv, of which one word may be 128 KiB. */
const LIMIT = 65_536;

/** Throws an Error whose message is a sentence with the fix. */
export function readDefinition(path: string = OUR_DEFINITION): Definition {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `The agent's definition ${path} can't be read (${why}). Correct BREAKGLASS_AGENT, or leave it out.`,
    );
  }
  const definition = parseDefinition(text);
  if (typeof definition === "string") throw new Error(`The agent's definition ${path} is no good: ${definition}`);
  return definition;
}

/** A definition, or the sentence that says what is wrong with it. */
export function parseDefinition(text: string): Definition | string {
  if (text.length > LIMIT) return `it has ${text.length} characters; at most ${LIMIT} fit.`;
  const parts = /^\uFEFF?---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)([\s\S]*)$/.exec(text);
  if (!parts) return "it must begin with a frontmatter between two lines of `---`, with `name:` and `description:`.";
  const said = new Map<string, string>();
  for (const line of parts[1]!.split(/\r?\n/)) {
    const pair = /^([A-Za-z][\w-]*):[ \t]*(.*)$/.exec(line);
    if (pair) said.set(pair[1]!, pair[2]!.trim().replace(/^(["'])(.*)\1$/, "$2"));
  }
  const name = said.get("name") ?? "";
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(name)) return "`name:` must be lower-case letters, digits and dashes.";
  const description = said.get("description") ?? "";
  if (description === "") return "`description:` is missing; one line that says what the agent is for.";
  const model = said.get("model") || null;
  if (model !== null && !isModelName(model)) return `\`model: ${model}\` does not look like a model's name.`;
  const prompt = parts[2]!.trim();
  if (prompt === "") return "its body is empty; it is what the agent is told.";
  if (/\0/.test(text)) return "it holds a NUL character.";
  return { name, description, model, prompt };
}

/** Aliases (`sonnet`), full names, Bedrock ARNs, Vertex names with `@`. Never something that reads as an option. */
export function isModelName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._:/@[\]-]{0,199}$/.test(name);
}
