/**
 * Watches a target while anybody looks: asks the PVE host for `status` and knocks on the VM's ssh, keeps a few minutes of
 * readings, and tells when the state in words changes. A change is written to the log, a repeat is not.
 */
import type { Log } from "../log/log.ts";
import { type Reading, type State, stateFrom } from "./state.ts";
import { streamOf, type Target } from "./target.ts";

export interface WatchTools {
  readonly log: Log;
  /** Asks both ends once. Never throws: trouble is part of the reading. */
  readonly ask: (target: Target) => Promise<Reading>;
  /** Is anybody looking? Nobody looking: nothing is asked. */
  readonly watched: () => boolean;
  /** Told after every reading, changed or not: the page's ages want it. */
  readonly seen: (target: Target, state: State) => void;
  /** How often it is asked while somebody looks; asked anew each time, since it depends on who looks. */
  readonly every_ms: () => number;
}

/** How much history a state may need: a disk counts as still after minutes, not seconds. */
const KEEP_READINGS = 40;

export class Watch {
  private readings: Reading[] = [];
  private state: State;
  /** When the last answer came, as performance.now() has it. */
  private looked_at = Number.NEGATIVE_INFINITY;
  /** What the clock on the wall shows beyond the one that nobody sets. */
  private ahead_ms = aheadNow();
  private asking: Promise<void> | null = null;
  private again = false;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private closed = false;

  constructor(
    readonly target: Target,
    private readonly tools: WatchTools,
  ) {
    this.state = stateFrom([], Date.now());
  }

  get now(): State {
    this.follow();
    return this.state;
  }

  /** Asks now, or once more when the question under way is answered. */
  stir(): void {
    if (this.closed) return;
    if (this.asking) {
      this.again = true;
      return;
    }
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.asking = this.look().finally(() => {
      this.asking = null;
      if (this.closed) return;
      if (this.again) {
        this.again = false;
        this.stir();
      } else if (this.tools.watched()) this.timer = setTimeout(() => this.stir(), this.tools.every_ms());
    });
  }

  /** Somebody came: ask unless it was asked just now. */
  attended(): void {
    const wait_ms = this.tools.every_ms() - (performance.now() - this.looked_at);
    if (wait_ms <= 0) this.stir();
    if (wait_ms <= 0 || this.asking) return;
    // Who came may want it sooner than those who were there.
    if (this.timer) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.stir(), wait_ms);
  }

  close(): void {
    this.closed = true;
    if (this.timer) clearTimeout(this.timer);
  }

  private async look(): Promise<void> {
    const reading = await this.tools.ask(this.target);
    if (this.closed) return;
    this.follow();
    this.looked_at = performance.now();
    this.readings.push(reading);
    if (this.readings.length > KEEP_READINGS) this.readings.shift();
    const before = this.state;
    this.state = stateFrom(this.readings, Date.now());
    if (before.is !== this.state.is && before.heard_at !== null) {
      const body = { is: this.state.is, says: this.state.says, was: before.is };
      await this.tools.log
        .append({ stream: streamOf(this.target), kind: "observed", body })
        .catch((error) => console.error("observed:", error));
    }
    this.tools.seen(this.target, this.state);
  }

  /**
   * A clock that was set makes no reading older or newer: they are moved along with it. Otherwise two looks, one on each side of a
   * jump, would be a disk that has not moved for an hour.
   */
  private follow(): void {
    const ahead_ms = aheadNow();
    const set_ms = Math.round(ahead_ms - this.ahead_ms);
    if (Math.abs(set_ms) < SET_MS) return;
    this.ahead_ms = ahead_ms;
    this.readings = this.readings.map((reading) => ({ ...reading, at: reading.at + set_ms }));
    this.state = stateFrom(this.readings, Date.now());
  }
}

/** Clocks that are kept right by small steps go on by themselves; a second at once is somebody's doing. */
const SET_MS = 1000;
const aheadNow = (): number => Date.now() - performance.now();
