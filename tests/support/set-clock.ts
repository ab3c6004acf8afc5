/**
 * Loaded before a program (bunfig's `preload`): its clock on the wall is ahead by what the file `clock-offset` in its working folder
 * says, ms, read anew at each look, so that it jumps while the program runs. What measures time (performance.now, timers) goes on as it
 * does when a real clock is set: that was tried with libc's own clock under Bun 1.4.5, a year forwards and two hours back.
 */
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const OFFSET = "clock-offset";
const Real = Date;

function ahead(): number {
  try {
    return Number(readFileSync(OFFSET, "utf8")) || 0;
  } catch {
    return 0;
  }
}

class SetDate extends Real {
  constructor(...given: [] | [number | string | Date]) {
    if (given.length === 0) super(SetDate.now());
    else super(...given);
  }
  static override now(): number {
    return Real.now() + ahead();
  }
}

/** Sets it for the programs whose working folder this is. */
export const setClock = (dir: string, ahead_ms: number): void => writeFileSync(join(dir, OFFSET), String(ahead_ms));

/** Makes a working folder one whose programs, and the children they start there, go by its clock. */
export function giveClock(dir: string): void {
  writeFileSync(join(dir, "bunfig.toml"), `preload = [${JSON.stringify(import.meta.path)}]\n`);
  // Bun reads there, too, what JSX is to become.
  copyFileSync(join(import.meta.dir, "../../tsconfig.json"), join(dir, "tsconfig.json"));
  setClock(dir, 0);
}

// Only where it was asked for: a test that imports this keeps its own.
if (process.env.BREAKGLASS_DATA_DIR !== undefined || Bun.main.includes("/src/lab/")) {
  const origin = performance.timeOrigin + ahead();
  Object.defineProperty(performance, "timeOrigin", { value: origin });
  globalThis.Date = SetDate as DateConstructor;
}
