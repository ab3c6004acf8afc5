/**
 * Gathers what comes in a burst: the first goes out at once, what follows within the gap goes out together when the gap is
 * over, in order. A line by itself never waits; a flood costs one frame a gap instead of one a line. It knows neither
 * entries nor clients.
 */
export class Gathering<T> {
  private held: T[] = [];
  private timer: ReturnType<typeof setTimeout> | null = null;
  private sent_at = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly gap_ms: () => number,
    private readonly send: (all: readonly T[]) => void,
  ) {}

  add(more: readonly T[]): void {
    this.held.push(...more);
    const wait_ms = this.sent_at + this.gap_ms() - performance.now();
    if (wait_ms <= 0) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), wait_ms);
  }

  /** Sends what is held, now: before anything that must not overtake it. */
  flush(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    if (this.held.length === 0) return;
    const all = this.held;
    this.held = [];
    this.sent_at = performance.now();
    this.send(all);
  }
}
