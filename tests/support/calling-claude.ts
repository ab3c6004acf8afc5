/** A folder with a `claude` in it that calls the console's tools as its prompt says: `CALL power {"verb":"cycle",…}`, one a line. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The environment of a lab whose agent is that one, or another manner of tests/support/fake-claude.ts. */
export function callingClaude(dir: string, manner = "calls"): Record<string, string> {
  const bin = join(dir, "bin");
  mkdirSync(bin, { recursive: true });
  const program = join(bin, "claude");
  writeFileSync(
    program,
    `#!/bin/sh\nexec '${process.execPath}' '${join(import.meta.dir, "fake-claude.ts")}' ${manner} "$@"\n`,
  );
  chmodSync(program, 0o755);
  return { PATH: `${bin}:${process.env.PATH}`, BREAKGLASS_LAB_AGENT: "claude" };
}

export const CALL = (tool: string, input: object): string => `CALL ${tool} ${JSON.stringify(input)}`;
