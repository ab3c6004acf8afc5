/** The parts of the fault proof: each in full, and the tenth of it that `check` runs. */
import { cuts } from "./cuts.ts";
import { interleavings } from "./interleavings.ts";
import { kills } from "./kills.ts";
import type { Result } from "./result.ts";

export interface Part {
  full(seed: number, stop?: AbortSignal): Promise<Result>;
  tenth(seed: number, stop?: AbortSignal): Promise<Result>;
}

export const PARTS: Readonly<Record<"kills" | "interleavings" | "cuts", Part>> = {
  kills: {
    full: (seed, stop) => kills({ seed, points: 100, lanes: 3, stop }),
    tenth: (seed, stop) => kills({ seed, points: 10, lanes: 2, stop }),
  },
  interleavings: {
    full: (seed, stop) => interleavings({ seed, operations: 1000, stop }),
    tenth: (seed, stop) => interleavings({ seed, operations: 100, stop }),
  },
  cuts: {
    full: (seed, stop) => cuts({ seed, cuts: 5000, stop }),
    tenth: (seed, stop) => cuts({ seed, cuts: 500, stop }),
  },
};

export const isPart = (name: string): name is keyof typeof PARTS => Object.hasOwn(PARTS, name);
