/**
 * How often in a row nobody answered what a turn asked. It bounds a turn, whose clock stands still while it waits for an
 * operator: where nobody is, it is not let ask for ever. It knows neither approvals nor time.
 */

/** In a row: nobody is there. */
export const MOST_SILENCES = 3;
/** The newest turns that are remembered; far more than run at once. */
const TURNS = 200;

export class Silences {
  private readonly count = new Map<string, number>();

  tooMany(turn: string): boolean {
    return (this.count.get(turn) ?? 0) >= MOST_SILENCES;
  }

  /** An answer of any kind ends the row. */
  heard(turn: string, silence: boolean): void {
    const before = this.count.get(turn) ?? 0;
    this.count.delete(turn);
    if (!silence) return;
    this.count.set(turn, before + 1);
    const [oldest] = this.count.keys();
    if (this.count.size > TURNS && oldest !== undefined) this.count.delete(oldest);
  }
}
