/** What a simulated program gets and gives. There is no way from here to the machine that runs the lab. */
import type { Repair, World } from "../world.ts";

/** The world behind the guest: read as it is now, changed by a repair. */
export interface Machine {
  now(): number;
  world(): World;
  repair(repair: Repair): void;
  /** Waits; resolves early with false when the client has gone. */
  sleep(ms: number): Promise<void>;
}

export interface Run {
  readonly name: string;
  readonly args: readonly string[];
  readonly stdin: string;
  /** Root, by sudo or by signing in so. */
  readonly root: boolean;
  readonly user: string;
  readonly machine: Machine;
  out(text: string): void;
  err(text: string): void;
}

/** Returns the exit code. */
export type Program = (run: Run) => number | Promise<number>;
export type Programs = Readonly<Record<string, Program>>;

/** Words without dashes, and a test for a short or long option. */
export function options(args: readonly string[]): {
  plain: string[];
  has: (...names: string[]) => boolean;
  value: (...names: string[]) => string | null;
} {
  const plain = args.filter((arg) => !/^-./.test(arg));
  const has = (...names: string[]) =>
    args.some((arg) =>
      names.some((name) =>
        name.length === 1
          ? /^-[a-zA-Z0-9]+$/.test(arg) && arg.includes(name)
          : arg === `--${name}` || arg.startsWith(`--${name}=`),
      ),
    );
  const value = (...names: string[]) => {
    for (const [i, arg] of args.entries())
      for (const name of names) {
        const option = name.length === 1 ? `-${name}` : `--${name}`;
        if (arg === option) return args[i + 1] ?? null;
        if (name.length > 1 && arg.startsWith(`${option}=`)) return arg.slice(option.length + 1);
        if (name.length === 1 && arg.startsWith(option) && arg.length > 2) return arg.slice(2);
      }
    return null;
  };
  return { plain, has, value };
}

/** As `-h` prints: 4.0K, 31G. */
export function human(kb: number): string {
  if (kb === 0) return "0";
  let n = kb;
  for (const unit of ["K", "M", "G", "T"]) {
    if (n < 1000)
      return n < 10 && unit !== "K" ? `${(Math.ceil(n * 10) / 10).toFixed(1)}${unit}` : `${Math.ceil(n)}${unit}`;
    n /= 1024;
  }
  return `${Math.ceil(n)}P`;
}
