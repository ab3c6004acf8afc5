/**
 * The only file that spawns. An argv list and an explicit environment become lines, then an Ending.
 * Each child leads a process group (and session) of its own, so that ending it ends what it started; children carry
 * oom_score_adj +500, so that under memory pressure they die before the console.
 */
import { closeSync, openSync, writeFileSync } from "node:fs";
import type { Ending } from "./outcome.ts";
import { within } from "./within.ts";

export interface Spawn {
  readonly argv: readonly string[];
  /** The whole environment of the child; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Text given to stdin, then closed; "open" leaves it to `write` and `closeStdin`; left out: /dev/null. */
  readonly stdin?: string | { readonly open: true };
  /** The longest the child may run, milliseconds, monotonic. */
  readonly limit_ms?: number;
  /** The longest it may say nothing, milliseconds. */
  readonly silence_ms?: number;
  /** A longer line is cut and says how much was left out; bytes, default 32 MiB. */
  readonly line_limit?: number;
}

export interface Line {
  readonly from: "stdout" | "stderr";
  readonly text: string;
}

export interface Child {
  /** Null when it did not start. */
  readonly pid: number | null;
  /** Resolves when the process is over and every line was delivered. Never rejects. */
  readonly ended: Promise<Ending>;
  /** False when the child no longer reads. */
  write(text: string): boolean;
  closeStdin(): void;
  signal(name: NodeJS.Signals): void;
  /** TERM to the group, then KILL after `grace_ms`. Resolves with the ending. */
  stop(grace_ms?: number): Promise<Ending>;
}

/** How long pipes held open by a grandchild may outlive the child before the whole group is killed, ms. */
const LINGER_MS = 500;

/** A listener that returns a promise holds that pipe back until it resolves: back-pressure instead of growth. */
export function startChild(spawn: Spawn, heard: (line: Line) => void | Promise<void>): Child {
  let child: Bun.Subprocess<"pipe" | "ignore", "pipe", "pipe">;
  try {
    child = Bun.spawn([...spawn.argv], {
      env: { ...spawn.env },
      cwd: spawn.cwd,
      stdin: spawn.stdin === undefined ? "ignore" : "pipe",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    }) as typeof child;
  } catch (error) {
    // Bun throws synchronously: ENOENT for a missing program or folder, E2BIG for an argv too long.
    return neverStarted(error instanceof Error ? error.message : String(error));
  }
  yieldToTheKernel(child.pid);

  let cause: Ending | null = null;
  const endWith = (why: Ending, grace_ms = 2000) => {
    cause ??= why;
    killGroup(child.pid, "SIGTERM");
    const harder = setTimeout(() => killGroup(child.pid, "SIGKILL"), grace_ms);
    void child.exited.then(() => clearTimeout(harder));
  };
  const limit =
    spawn.limit_ms === undefined
      ? null
      : setTimeout(() => endWith({ is: "timed_out", after_ms: spawn.limit_ms! }), spawn.limit_ms);
  let silence: ReturnType<typeof setTimeout> | null = null;
  const spoke = () => {
    if (spawn.silence_ms === undefined) return;
    if (silence) clearTimeout(silence);
    silence = setTimeout(() => endWith({ is: "silent", after_ms: spawn.silence_ms! }), spawn.silence_ms);
  };
  spoke();

  const lineLimit = spawn.line_limit ?? 32 * 1024 * 1024;
  const out = readLines(child.stdout, lineLimit, (text) => heard({ from: "stdout", text }), spoke);
  const err = readLines(child.stderr, lineLimit, (text) => heard({ from: "stderr", text }), spoke);

  const stdin = spawn.stdin === undefined ? null : (child.stdin as unknown as Bun.FileSink);
  const write = (text: string): boolean => {
    if (!stdin) return false;
    try {
      stdin.write(text);
      void Promise.resolve(stdin.flush()).catch(() => {});
      return true;
    } catch {
      return false; // EPIPE: the child closed its stdin
    }
  };
  const closeStdin = () => {
    try {
      void Promise.resolve(stdin?.end()).catch(() => {});
    } catch {
      // already closed
    }
  };
  if (typeof spawn.stdin === "string") {
    write(spawn.stdin);
    closeStdin();
  }

  const ended = (async (): Promise<Ending> => {
    await child.exited;
    if (limit) clearTimeout(limit);
    if (silence) clearTimeout(silence);
    // A grandchild may hold the pipes; it gets a moment, then the group is ended and the readers with it.
    const drained = Promise.all([out.done, err.done]);
    if (!(await within(drained, LINGER_MS))) {
      killGroup(child.pid, "SIGKILL");
      if (!(await within(drained, LINGER_MS))) {
        out.cancel();
        err.cancel();
        await within(drained, LINGER_MS);
      }
    }
    if (silence) clearTimeout(silence);
    if (cause) return cause;
    if (child.signalCode) return { is: "signalled", signal: String(child.signalCode) };
    return { is: "exited", code: child.exitCode ?? -1 };
  })();

  return {
    pid: child.pid,
    ended,
    write,
    closeStdin,
    signal: (name) => killGroup(child.pid, name),
    stop: (grace_ms) => {
      endWith({ is: "stopped" }, grace_ms);
      return ended;
    },
  };
}

export interface ToFiles {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A child that outlives us unharmed: its own session, its output in files, never a pipe of ours (a broken pipe would end
 * a legacy run on the PVE host and leave the VM off). Nothing here ends it by itself.
 */
export function startToFiles(spawn: ToFiles): Pick<Child, "pid" | "ended" | "signal"> {
  const files: number[] = [];
  try {
    const [out, err] = [spawn.stdout, spawn.stderr].map((path) => {
      const file = openSync(path, "a", 0o600);
      files.push(file);
      return file;
    });
    const child = Bun.spawn([...spawn.argv], {
      env: { ...spawn.env },
      stdin: "ignore",
      stdout: out,
      stderr: err,
      detached: true,
    });
    yieldToTheKernel(child.pid);
    child.unref();
    const ended = child.exited.then(
      (code): Ending =>
        child.signalCode ? { is: "signalled", signal: String(child.signalCode) } : { is: "exited", code },
    );
    return { pid: child.pid, ended, signal: (name) => killGroup(child.pid, name) };
  } catch (error) {
    const { pid, ended, signal } = neverStarted(error instanceof Error ? error.message : String(error));
    return { pid, ended, signal };
  } finally {
    for (const file of files) closeSync(file);
  }
}

/** Runs to the end and keeps head and tail of each pipe, `keep` bytes at most in all per pipe. */
export async function runChild(
  spawn: Spawn,
  keep = 1024 * 1024,
): Promise<{ ending: Ending; stdout: string; stderr: string }> {
  const kept = { stdout: [] as string[], stderr: [] as string[] };
  const size = { stdout: 0, stderr: 0 };
  const child = startChild(spawn, ({ from, text }) => {
    size[from] += text.length + 1;
    if (size[from] <= keep) kept[from].push(text);
  });
  const ending = await child.ended;
  const whole = (from: Line["from"]) =>
    kept[from].length === 0
      ? ""
      : `${kept[from].join("\n")}\n${size[from] > keep ? `[${size[from] - keep} more bytes were left out]\n` : ""}`;
  return { ending, stdout: whole("stdout"), stderr: whole("stderr") };
}

function readLines(
  pipe: ReadableStream<Uint8Array>,
  limit: number,
  tell: (text: string) => void | Promise<void>,
  spoke: () => void,
) {
  const reader = pipe.getReader();
  const done = (async () => {
    // Invalid UTF-8 becomes U+FFFD; NUL stays for the views to mark.
    const decoder = new TextDecoder();
    let parts: string[] = [];
    let held = 0;
    let over = 0;
    const keep = (text: string) => {
      const room = Math.max(0, limit - held);
      if (text.length > room) over += text.length - room;
      if (room > 0 && text.length > 0) parts.push(text.slice(0, room));
      held += Math.min(text.length, room);
    };
    const line = () => {
      const text = parts.join("") + (over > 0 ? ` [${over} more characters of this line were left out]` : "");
      parts = [];
      held = over = 0;
      return tell(text.endsWith("\r") ? text.slice(0, -1) : text);
    };
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        spoke();
        const pieces = decoder.decode(value, { stream: true }).split("\n");
        for (let i = 0; i < pieces.length; i++) {
          keep(pieces[i]!);
          if (i < pieces.length - 1) await line();
        }
      }
      keep(decoder.decode());
      if (held > 0) await line();
    } catch {
      // cancelled: what was read was told
    }
  })();
  return { done, cancel: () => void reader.cancel().catch(() => {}) };
}

function neverStarted(why: string): Child {
  const ended = Promise.resolve<Ending>({ is: "not_started", why });
  return { pid: null, ended, write: () => false, closeStdin: () => {}, signal: () => {}, stop: () => ended };
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // gone already
  }
}

function yieldToTheKernel(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, "500");
  } catch {
    // not Linux, or gone already
  }
}
