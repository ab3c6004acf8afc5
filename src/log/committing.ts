/**
 * Keys on their way to the disk. Two taps with one request id may come within one tick, before the log knows the first:
 * the second waits for it, then finds it there. Check with `while (c.pending(key)) await c.pending(key)`: a check that
 * awaits first would let both through.
 */
export class Committing {
  private readonly under_way = new Map<string, Promise<unknown>>();

  pending(key: string): Promise<unknown> | undefined {
    return this.under_way.get(key);
  }

  /** Settles as `written` does, and keeps the key pending until then. */
  async track<T>(key: string, written: Promise<T>): Promise<T> {
    this.under_way.set(
      key,
      written.catch(() => {}),
    );
    try {
      return await written;
    } finally {
      this.under_way.delete(key);
    }
  }
}
