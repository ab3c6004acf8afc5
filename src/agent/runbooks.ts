/**
 * The operator's runbooks: Markdown files in one folder (BREAKGLASS_RUNBOOKS) that the agent may read and nothing else. A name
 * is looked up in the list of what lies there, so that no name is a path; a link counts only if it stays in the folder (a
 * mounted ConfigMap is made of such links). It knows no other file and writes none.
 */
import { constants } from "node:fs";
import { open, readdir, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import type { ToolAnswer } from "../sessions/agent.ts";
import { within } from "../within.ts";
import { ANSWER_LIMIT } from "./data.ts";

export interface Runbooks {
  /** The text of one, or with null the list. Never rejects. */
  answer(name: string | null): Promise<ToolAnswer>;
}

interface Runbook {
  readonly name: string;
  readonly heading: string;
  readonly bytes: number;
  readonly text: string;
}

/** Of one file, bytes; as much as an answer may hold, and a little, in UTF-8 of up to 4 bytes. */
const READ = 4 * ANSWER_LIMIT;
const MOST = 200;
/** A folder on a dead network mount never answers. */
const WITHIN_MS = 5000;

/** `folder` is absolute, or null where the operator gave none. */
export function runbooksIn(folder: string | null): Runbooks {
  return {
    async answer(name) {
      if (folder === null)
        return said("The operator has mounted no runbooks (BREAKGLASS_RUNBOOKS is not set). Go on without.");
      try {
        return await inTime(name === null ? list(folder) : one(folder, name));
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        return said(`The runbooks can't be read (${why}). Go on without, and say so.`, true);
      }
    },
  };
}

async function list(folder: string): Promise<ToolAnswer> {
  const names = await namesIn(folder);
  const read = await Promise.all(names.slice(0, MOST).map((name) => readOne(folder, name)));
  const lines = read.flatMap((book) => (book ? [`${book.name} (${book.bytes} bytes): ${book.heading}`] : []));
  if (lines.length === 0) return said("The folder of runbooks holds no Markdown file. Go on without.");
  const more = names.length > MOST ? `\n[${names.length - MOST} more are not listed]` : "";
  return { text: lines.join("\n") + more, is_error: false, document: true };
}

async function one(folder: string, name: string): Promise<ToolAnswer> {
  const names = await namesIn(folder);
  const known = names.find((other) => other === name) ?? names.find((other) => other === `${name}.md`);
  const book = known === undefined ? null : await readOne(folder, known);
  if (!book) return said("There is no runbook of that name. Call runbook without a name for the list.", true);
  if (book.text.length <= ANSWER_LIMIT && book.bytes <= READ)
    return { text: book.text, is_error: false, document: true };
  // Of a document the beginning counts, not the end: the frame's own cut would take its middle.
  const note = `\n[It goes on: this is the beginning of ${book.bytes} bytes; ask the operator for the rest]`;
  return { text: book.text.slice(0, ANSWER_LIMIT - note.length) + note, is_error: false, document: true };
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter((name) => /\.(md|markdown)$/i.test(name) && !name.startsWith(".")).sort();
}

/** Null for what is no file, or lies elsewhere. */
async function readOne(folder: string, name: string): Promise<Runbook | null> {
  try {
    const [root, path] = await Promise.all([realpath(folder), realpath(join(folder, name))]);
    if (!path.startsWith(root.endsWith(sep) ? root : root + sep)) return null;
    // Should it have become a link or a pipe since: neither is followed, nor waited for.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) return null;
      const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(stat.size, READ)), 0, undefined, 0);
      const text = buffer.toString("utf8", 0, bytesRead).replace(/\uFFFD+$/, "");
      return { name, heading: headingOf(text), bytes: stat.size, text };
    } finally {
      await file.close();
    }
  } catch {
    return null;
  }
}

/** The first heading, else the first line that says something. */
function headingOf(text: string): string {
  const lines = text.replace(/^\uFEFF?---\r?\n[\s\S]*?\n---\r?\n/, "").split(/\r?\n/, 200);
  const line = lines.find((one) => /^#{1,6}\s+\S/.test(one)) ?? lines.find((one) => one.trim() !== "") ?? "";
  return (
    line
      .replace(/^#+\s+/, "")
      .replace(/\s+/g, " ")
      .trim()
      .slice(0, 120) || "(empty)"
  );
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  if (await within(work, WITHIN_MS)) return work;
  throw new Error(`the folder did not answer within ${WITHIN_MS / 1000} s`);
}

const said = (text: string, is_error = false): ToolAnswer => ({ text, is_error, own_words: true });
