/**
 * The clock of a turn's limit. It stands still while the turn waits for an operator: what they take to read, think and answer
 * has a limit of its own, and is no time of the agent's. It knows neither turns nor approvals.
 */

/** Calls `over` once, after `limit_ms` in which `waits` said no. Returns the way to stop it. */
export function turnClock(limit_ms: number, waits: () => boolean, over: () => void): () => void {
  let left_ms = limit_ms;
  let at = performance.now();
  let waited = waits();
  const step_ms = Math.min(1000, Math.max(10, limit_ms / 20));
  const timer = setInterval(() => {
    const now = performance.now();
    const waiting = waits();
    // A step that began or ended with waiting is the operator's.
    if (!waited && !waiting) left_ms -= now - at;
    at = now;
    waited = waiting;
    if (left_ms > 0) return;
    clearInterval(timer);
    over();
  }, step_ms);
  return () => clearInterval(timer);
}
