/** The console as an operator starts it: a real process on a free port of 127.0.0.1, killed as a power cut would, started again. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MAIN = join(import.meta.dir, "../../src/start.ts");

export interface TestServer {
  readonly url: string;
  readonly port: number;
  readonly dir: string;
  readonly pid: number;
  /** What it printed so far, both pipes. */
  output(): string;
  stop(signal?: NodeJS.Signals): Promise<number>;
}

/** The environment of tests: nothing of the developer's, so that no key and no target leaks in. */
export function scrubbed(more: Record<string, string> = {}): Record<string, string> {
  return { PATH: process.env.PATH ?? "/usr/bin:/bin", HOME: tmpdir(), LANG: "C.UTF-8", ...more };
}

export function tempDir(name: string): string {
  return mkdtempSync(join(tmpdir(), `bg-${name}-`));
}

/** `cwd`: its working folder, where it finds settings of Bun's own. */
export async function startServer(
  dir: string,
  env: Record<string, string> = {},
  port = 0,
  cwd?: string,
): Promise<TestServer> {
  const child = Bun.spawn([process.execPath, MAIN], {
    cwd,
    env: scrubbed({ PORT: String(port), BREAKGLASS_DATA_DIR: dir, ...env }),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let printed = "";
  const pump = async (pipe: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of pipe) printed += decoder.decode(chunk, { stream: true });
  };
  void pump(child.stdout);
  void pump(child.stderr);
  const address = /at (http:\/\/[^/\s]+:(\d+))\//;
  while (!address.test(printed)) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}: ${printed}`);
    await Bun.sleep(10);
  }
  const [, url, taken] = address.exec(printed)!;
  return {
    url: url!,
    port: Number(taken),
    dir,
    pid: child.pid,
    output: () => printed,
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      await child.exited;
      return child.exitCode ?? -1;
    },
  };
}

/** Ends the simulated VM that outlives a killed console, and removes the folder. */
export function cleanUp(dir: string): void {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      if (line.includes(dir) && Number(pid) !== process.pid) process.kill(Number(pid), "SIGKILL");
    } catch {
      // gone already, or not ours to see
    }
  }
  rmSync(dir, { recursive: true, force: true });
}
