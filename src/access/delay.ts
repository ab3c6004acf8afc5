/**
 * Delays, never lock-outs: each failure from somewhere makes the next refusal there wait longer, up to a second. What is
 * right never waits, so nobody can keep the owner out by guessing. The counts also tell whose attempts are looked at last.
 */
export interface Delays {
  /** Called after a wrong token, password or code; resolves when the refusal may be sent. */
  afterAFailure(from: string): Promise<void>;
  /** Failures there within the last minute. */
  failures(from: string): number;
  /** Counts one without a wait: for what is no address (a form, a device). */
  count(key: string): void;
}

const FIRST_MS = 50;
const LONGEST_MS = 1000;
/** Failures further apart than this are strangers to each other. */
const FORGOTTEN_MS = 60_000;
/** More than these wait for nobody: held connections cost more than quick refusals. */
const MOST_WAITING = 200;
/** As many places are remembered; the oldest are forgotten first. */
const MOST_PLACES = 5_000;

export function delays(pause: (ms: number) => Promise<void>, now: () => number): Delays {
  const places = new Map<string, { failures: number; last: number }>();
  let waiting = 0;
  const failures = (key: string): number => {
    const place = places.get(key);
    return place && now() - place.last <= FORGOTTEN_MS ? place.failures : 0;
  };
  const count = (key: string): void => {
    const before = failures(key);
    places.delete(key);
    places.set(key, { failures: before + 1, last: now() });
    if (places.size > MOST_PLACES) places.delete(places.keys().next().value!);
  };
  return {
    failures,
    count,
    async afterAFailure(from) {
      const ms = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures(from), 10));
      count(from);
      if (waiting >= MOST_WAITING) return;
      waiting++;
      try {
        await pause(ms);
      } finally {
        waiting--;
      }
    },
  };
}
