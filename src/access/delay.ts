/**
 * Delays, never lock-outs: each wrong token makes the next wrong one wait longer, up to a second. The right one never
 * waits, so nobody can keep the owner out by guessing.
 */
export interface Delays {
  /** Called after a wrong token; resolves when the refusal may be sent. */
  afterAFailure(): Promise<void>;
}

const FIRST_MS = 50;
const LONGEST_MS = 1000;
/** Failures further apart than this are strangers to each other. */
const FORGOTTEN_MS = 60_000;
/** More than these wait for nobody: held connections cost more than quick refusals. */
const MOST_WAITING = 200;

export function delays(pause: (ms: number) => Promise<void>, now: () => number): Delays {
  let failures = 0;
  let last = Number.NEGATIVE_INFINITY;
  let waiting = 0;
  return {
    async afterAFailure() {
      if (now() - last > FORGOTTEN_MS) failures = 0;
      last = now();
      const ms = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures++, 10));
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
