/**
 * Whose password is looked at next. Hashing costs 19 MiB and a core for some tens of milliseconds, so two at a time and no more;
 * under a storm of guesses the order is what lets the owner in. First whoever is known here (signed in, or on a device that this
 * operator has used), then whose form has failed least, then whose address has, then who came last: in a storm a quick yes or no is worth more than a
 * place in a queue that never ends. It knows no passwords.
 */
import { Refusal } from "../refusal.ts";
import type { Delays } from "./delay.ts";

export interface Whose {
  /** Signed in, or on a device that this operator signed in on before. */
  readonly known: boolean;
  /** What the form was bound to, or the device: the same behind one address for each of the people there. */
  readonly form: string;
  /** The address, as widely as one person holds it. */
  readonly peer: string;
}

export const AT_A_TIME = 2;
/** More would wait longer than anybody does: a busy machine looks at ten a second. */
export const MOST_WAITING = 32;

const MOST_TYPING_MISTAKES = 5;

interface Waiting extends Whose {
  readonly came: number;
  start(): void;
  refuse(error: Refusal): void;
}

export class HashTurns {
  private working = 0;
  private readonly waiting: Waiting[] = [];
  private came = 0;
  /** The most that ever worked at once. */
  peak = 0;

  constructor(private readonly failures: Pick<Delays, "failures">) {}

  /** Throws a Refusal (503) when more wait than can be seen to, and this one is the last of them. */
  async take<T>(whose: Whose, hash: () => Promise<T>): Promise<T> {
    await new Promise<void>((start, refuse) => {
      this.waiting.push({ ...whose, came: this.came++, start, refuse });
      this.next();
      if (this.waiting.length > MOST_WAITING) this.leave();
    });
    try {
      return await hash();
    } finally {
      this.working--;
      this.next();
    }
  }

  private next(): void {
    while (this.working < AT_A_TIME && this.waiting.length > 0) {
      const [first] = this.waiting.splice(this.best(1), 1);
      this.working++;
      this.peak = Math.max(this.peak, this.working);
      first!.start();
    }
  }

  private leave(): void {
    const [last] = this.waiting.splice(this.best(-1), 1);
    last!.refuse(
      new Refusal(
        503,
        "too many sign-ins are being tried at this moment; nothing is locked, send it again in a second",
      ),
    );
  }

  /** The index of the one to see to first (1), or last (-1). Asked anew each time: what failed meanwhile counts. */
  private best(sign: 1 | -1): number {
    let best = 0;
    for (let i = 1; i < this.waiting.length; i++)
      if (sign * this.compare(this.waiting[i]!, this.waiting[best]!) < 0) best = i;
    return best;
  }

  /** A device that guesses is a stranger again: its cookie may have been copied. */
  private isKnown({ known, form }: Waiting): boolean {
    return known && this.failures.failures(form) < MOST_TYPING_MISTAKES;
  }

  private compare(a: Waiting, b: Waiting): number {
    return (
      Number(this.isKnown(b)) - Number(this.isKnown(a)) ||
      this.failures.failures(a.form) - this.failures.failures(b.form) ||
      this.failures.failures(a.peer) - this.failures.failures(b.peer) ||
      b.came - a.came
    );
  }
}
