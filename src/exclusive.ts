/** The lock that throws a domain word: one holder per key, taken without awaiting, so that two taps can't both pass. */
import { Refusal } from "./refusal.ts";

export class Exclusive<Holder> {
  private readonly held = new Map<string, Holder>();

  /** Takes `key` for `holder`, or throws a Refusal 409 whose sentence `busy` makes from who holds it. */
  take(key: string, holder: Holder, busy: (holder: Holder) => string, more: (holder: Holder) => object = () => ({})) {
    const other = this.held.get(key);
    if (other !== undefined) throw new Refusal(409, busy(other), { ...more(other) });
    this.held.set(key, holder);
  }

  release(key: string): void {
    this.held.delete(key);
  }

  holder(key: string): Holder | null {
    return this.held.get(key) ?? null;
  }

  all(): IterableIterator<[string, Holder]> {
    return this.held.entries();
  }

  get size(): number {
    return this.held.size;
  }
}
