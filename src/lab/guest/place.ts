/** Where a command of the simulated guest runs: its pipes, its rights, its limit; and how a command leaves what runs it. */
export interface Place {
  out(text: string): void;
  err(text: string): void;
  stdin: string;
  root: boolean;
  /** When `timeout` ends this, by the machine's clock. */
  deadline: number;
}

export class Leave extends Error {
  constructor(
    readonly how: "exit" | "return" | "break" | "continue" | "timeout",
    readonly code: number,
  ) {
    super(how);
  }
}

/** A subshell: what leaves it leaves only it. */
export async function apart(run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Leave && error.how !== "timeout") return error.code;
    throw error;
  }
}

export type Vars = Map<string, string>;
