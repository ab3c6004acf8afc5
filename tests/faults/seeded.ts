/** Chance that can be had again: the same seed gives the same numbers, on every machine. Pure. */
export interface Chance {
  /** From 0 to 1, without 1. */
  next(): number;
  upto(n: number): number;
  pick<T>(from: readonly T[]): T;
  /** One of the keys, each as often as its weight says. */
  weighed<K extends string>(weights: Readonly<Record<K, number>>): K;
}

/** @param stream keeps clients that share a seed apart. */
export function chanceOf(seed: number, stream = 0): Chance {
  // Numerical Recipes' constants; the middle bits are mixed, since the low ones of such a generator repeat soon.
  let state = (Math.imul(seed >>> 0, 2654435761) ^ Math.imul(stream + 1, 40503)) >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    let mixed = state ^ (state >>> 15);
    mixed = Math.imul(mixed, 739982445) >>> 0;
    return ((mixed ^ (mixed >>> 12)) >>> 0) / 4294967296;
  };
  for (let n = 0; n < 8; n++) next();
  const upto = (n: number) => Math.floor(next() * n);
  return {
    next,
    upto,
    pick: (from) => from[upto(from.length)]!,
    weighed(weights) {
      const all = Object.entries(weights) as [keyof typeof weights, number][];
      let at = next() * all.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [key, weight] of all) {
        at -= weight;
        if (at < 0) return key;
      }
      return all[0]![0];
    },
  };
}
