/** The files in which outputs stand that were too long for the transcript: one per call, the newest kept. It knows no command. */
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ALWAYS_ANSWERS, type Disk } from "../log/disk.ts";

/** How many are kept; with 4 MiB each that is 800 MiB at the very most. */
const MOST = 200;
const NAME = /^[A-Za-z0-9_-]{1,128}$/;

export class Outputs {
  constructor(
    private readonly dir: string,
    private readonly most = MOST,
    private readonly disk: Disk = ALWAYS_ANSWERS,
  ) {}

  /** Resolves with its size in bytes; null when it could not be kept, which must not end a turn. */
  async keep(session: string, tool_id: string, text: string): Promise<number | null> {
    const path = this.path(session, tool_id);
    if (path === null) return null;
    try {
      const trouble = await this.disk.asked();
      if (trouble !== null) throw new Error(trouble);
      mkdirSync(this.dir, { recursive: true, mode: 0o700 });
      await writeFile(path, text, { mode: 0o600 });
      this.prune();
      return statSync(path).size;
    } catch (error) {
      console.error("an output could not be kept:", error);
      return null;
    }
  }

  /** The file of a call, and its size; null when there is none (any more). */
  find(session: string, tool_id: string): { path: string; bytes: number } | null {
    const path = this.path(session, tool_id);
    try {
      return path === null ? null : { path, bytes: statSync(path).size };
    } catch {
      return null;
    }
  }

  /** The files of all its calls. */
  ofSession(session: string): string[] {
    return this.names()
      .filter((name) => name.startsWith(`${session}.`))
      .map((name) => join(this.dir, name));
  }

  /** Removes what was kept before that time. */
  pruneOlder(before: number): void {
    for (const name of this.names()) {
      const path = join(this.dir, name);
      if (statSync(path).mtimeMs < before) rmSync(path, { force: true });
    }
  }

  private names(): string[] {
    try {
      return readdirSync(this.dir).filter((name) => name.endsWith(".txt"));
    } catch {
      return [];
    }
  }

  private path(session: string, tool_id: string): string | null {
    return NAME.test(session) && NAME.test(tool_id) ? join(this.dir, `${session}.${tool_id}.txt`) : null;
  }

  private prune(): void {
    const files = readdirSync(this.dir).filter((name) => name.endsWith(".txt"));
    if (files.length <= this.most) return;
    const oldest = files
      .map((name) => ({ path: join(this.dir, name), at: statSync(join(this.dir, name)).mtimeMs }))
      .sort((x, y) => y.at - x.at)
      .slice(this.most);
    for (const { path } of oldest) rmSync(path, { force: true });
  }
}
