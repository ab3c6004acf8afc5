/**
 * The real Claude Code CLI for tests: one pinned version from npm, in a cache outside the tree (250–380 MB), never in
 * package.json. Fetched once; a test that needs it and can't have it fails, so that it is never left out unnoticed.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export const CLAUDE_VERSION = "2.1.330";

const folder = () =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "breakglass-check", `claude-${CLAUDE_VERSION}`);

/** The native program; npm's postinstall, which would only copy it, is not run. */
function programIn(dir: string): string | null {
  const platform = `${process.platform}-${process.arch}`;
  const found = [platform, `${platform}-musl`]
    .map((name) => join(dir, "node_modules", "@anthropic-ai", `claude-code-${name}`, "claude"))
    .find((path) => existsSync(path));
  return found ?? null;
}

/** Its path if it is in the cache already. */
export const claudeCliInCache = (): string | null => programIn(folder());

/** Its path; fetched with npm if need be. Throws a sentence. */
export async function claudeCli(): Promise<string> {
  const cached = claudeCliInCache();
  if (cached) return cached;
  const final = folder();
  const fresh = `${final}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  try {
    const npm = Bun.spawn(
      [
        "npm",
        "install",
        "--prefix",
        fresh,
        "--no-save",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        `@anthropic-ai/claude-code@${CLAUDE_VERSION}`,
      ],
      { cwd: fresh, stdout: "ignore", stderr: "pipe", stdin: "ignore" },
    );
    const [code, said] = await Promise.all([npm.exited, new Response(npm.stderr).text()]);
    if (code !== 0 || !programIn(fresh))
      throw new Error(
        `claude ${CLAUDE_VERSION} could not be fetched from npm (exit code ${code}):\n${said.slice(-2000)}`,
      );
    try {
      renameSync(fresh, final);
    } catch {
      // Another test run was faster.
    }
    return claudeCliInCache() ?? programIn(fresh)!;
  } finally {
    if (claudeCliInCache()) rmSync(fresh, { recursive: true, force: true });
  }
}
