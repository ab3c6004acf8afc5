/**
 * The simulated guest: a command line in, text and an exit code out, repairs on the world. An agent may type anything at it;
 * nothing of it is ever run. How the far end lets one in is decided in `far-end.ts`.
 */
import { farAsked } from "../agent/far-run.ts";
import type { Machine } from "./guest/machine.ts";
import { PROGRAMS } from "./guest/programs.ts";
import { runShell } from "./guest/shell.ts";

export interface Asked {
  readonly user: string;
  readonly command: string;
  readonly machine: Machine;
  heard(from: "stdout" | "stderr", text: string): void;
  /** What ssh was given on stdin, for the console's wrapper of a command. */
  readonly stdin?: Stdin;
}

export interface Stdin {
  line(): Promise<string>;
  /** Resolves when it closes. */
  readonly closed: Promise<void>;
  /** The process that stands for the group there, and whether one still lives. */
  readonly pid: number;
  lives(pid: number): boolean;
}

/** Resolves with the exit code. Never throws for what was typed. */
export async function askGuest({ user, command, machine, heard, stdin }: Asked): Promise<number> {
  const shell = {
    machine,
    programs: PROGRAMS,
    user,
    out: (text: string) => heard("stdout", text),
    err: (text: string) => heard("stderr", text),
  };
  const asked = stdin ? farAsked(command) : null;
  if (!stdin || !asked) return runShell(shell, command);
  if (asked.is === "question") {
    for (let n = 0; n < 30 && stdin.lives(asked.group); n++) await machine.sleep(50);
    heard("stdout", `sees all\nleft ${stdin.lives(asked.group) ? `${asked.group} ` : ""}\nasked\n`);
    return 0;
  }
  // The wrapper's part is played: its words, its limit, and the end with its stdin.
  const nonce = await stdin.line();
  heard("stdout", `${nonce} group ${stdin.pid}\n`);
  let over = false;
  const quiet = {
    ...shell,
    out: (t: string) => void (over || shell.out(t)),
    err: (t: string) => void (over || shell.err(t)),
  };
  const ended = await Promise.race([
    runShell(quiet, asked.command).then((code) => ({ why: "self", code })),
    machine.sleep(asked.limit_s * 1000).then(() => ({ why: "limit", code: 143 })),
    stdin.closed.then(() => ({ why: "told", code: 143 })),
  ]);
  over = true;
  heard("stdout", `\n${nonce} end ${ended.why} ${ended.code} 0 0\n`);
  return ended.code;
}
