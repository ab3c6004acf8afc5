/**
 * What a session leaves on the disk beside the log: its working folder, its outputs, and the CLI's own files of its conversations.
 * It finds and removes them, and knows nothing of why.
 */
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Outputs } from "./outputs.ts";

export interface LeavingsPlace {
  readonly sessions_dir: string;
  /** The CLI's: `projects/<made of the working folder>/<conversation>.jsonl`, and more under the conversation's name. */
  readonly config_dir: string;
  readonly outputs: Outputs;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function leavingsIn({ sessions_dir, config_dir, outputs }: LeavingsPlace) {
  const find = (session: string, conversations: readonly string[]): string[] => {
    if (!UUID.test(session)) return [];
    // Each is a name that we or the CLI made; anything else would be a path out of these folders.
    const names = conversations.filter((id) => UUID.test(id));
    const below = namesIn(config_dir).flatMap((folder) => namesIn(join(config_dir, folder)).map((n) => [folder, n]));
    const ofCli = below
      .filter(
        ([folder, name]) =>
          (folder === "projects" && name!.endsWith(`-${session}`)) || names.some((id) => name!.startsWith(id)),
      )
      .map(([folder, name]) => join(config_dir, folder!, name!));
    const inProjects = namesIn(join(config_dir, "projects")).flatMap((project) =>
      namesIn(join(config_dir, "projects", project))
        .filter((name) => names.some((id) => name.startsWith(id)))
        .map((name) => join(config_dir, "projects", project, name)),
    );
    return [join(sessions_dir, session), ...outputs.ofSession(session), ...ofCli, ...inProjects];
  };
  return {
    count(session: string, conversations: readonly string[]) {
      const sizes = [...new Set(find(session, conversations).flatMap(filesIn))].map(sizeOf);
      return { files: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
    },
    /** Never throws: what a disk does not let go stays, and is said. */
    remove(session: string, conversations: readonly string[]) {
      for (const path of find(session, conversations))
        try {
          rmSync(path, { recursive: true, force: true });
        } catch (error) {
          console.error(`of a deleted session this could not be removed: ${path}:`, error);
        }
    },
  };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function filesIn(path: string): string[] {
  try {
    return statSync(path).isDirectory() ? namesIn(path).flatMap((name) => filesIn(join(path, name))) : [path];
  } catch {
    return [];
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}
