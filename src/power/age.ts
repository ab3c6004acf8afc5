/**
 * How long ago an action was asked for, whatever the clock on the wall does. What this process saw itself is measured; what an earlier one
 * asked for is known by the wall alone, and then the age is bounded from both sides. It knows no action.
 */

export interface Age {
  /** It is at least so old, ms, as far as the clock tells: 0 where it was asked for "in the future". */
  least(): number;
  /** It is at most so old, ms: without bound where the clock went back since. */
  most(): number;
}

/** `since`: ms since the epoch, as it was written then. */
export function ageSince(since: number): Age {
  const before = Date.now() - since;
  const began = performance.now();
  const meanwhile = () => performance.now() - began;
  return {
    least: () => Math.max(0, before) + meanwhile(),
    most: () => (before < 0 ? Number.POSITIVE_INFINITY : before + meanwhile()),
  };
}
