/**
 * The simulated guest: a command line in, text and an exit code out, repairs on the world. An agent may type anything at it;
 * nothing of it is ever run. How the far end lets one in is decided in `far-end.ts`.
 */
import type { Machine } from "./guest/machine.ts";
import { PROGRAMS } from "./guest/programs.ts";
import { runShell } from "./guest/shell.ts";

export interface Asked {
  readonly user: string;
  readonly command: string;
  readonly machine: Machine;
  heard(from: "stdout" | "stderr", text: string): void;
}

/** Resolves with the exit code. Never throws for what was typed. */
export function askGuest({ user, command, machine, heard }: Asked): Promise<number> {
  return runShell(
    { machine, programs: PROGRAMS, user, out: (text) => heard("stdout", text), err: (text) => heard("stderr", text) },
    command,
  );
}
