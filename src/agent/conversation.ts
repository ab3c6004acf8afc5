/**
 * The agent's own conversations, as files of the CLI. Which of `--resume` and `--session-id` is right depends on whether
 * the file is there: each fails in the other's place. It reads no file, and writes none.
 */
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

export interface Conversation {
  readonly id: string;
  /** True when the CLI has a file of it: `--resume`, else `--session-id`; each fails in the other's place. */
  readonly resume: boolean;
  /** An earlier conversation was to be resumed and is gone. */
  readonly lost: boolean;
}

export function conversationFor(config_dir: string, resumes: string | null): Conversation {
  if (resumes !== null && UUID.test(resumes) && conversationExists(config_dir, resumes))
    return { id: resumes, resume: true, lost: false };
  return { id: randomUUID(), resume: false, lost: resumes !== null };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** `<config>/projects/<folder made of the cwd>/<id>.jsonl`, written after init. */
function conversationExists(config_dir: string, id: string): boolean {
  const projects = join(config_dir, "projects");
  try {
    return readdirSync(projects).some((folder) => existsSync(join(projects, folder, `${id}.jsonl`)));
  } catch {
    return false;
  }
}
