/**
 * Events from a process that pushes to a reader that pulls. One reader. Pushing is never refused; `room` holds a flood
 * back at its pipe. It knows nothing of what it carries.
 */
export interface EventQueue<T> extends AsyncIterable<T> {
  push(event: T): void;
  /** Undefined when there is room; else resolves once the reader has caught up, or left. */
  room(): Promise<void> | undefined;
  /** What was pushed is still read; then it ends. */
  close(): void;
}

/** High on purpose: a process that ended is drained for a second only, and a slow disk must not cost its last lines. */
const CROWDED = 10_000;

/** `left` is called when the reader goes away before the end. */
export function eventQueue<T>(left: () => void = () => {}): EventQueue<T> {
  let waiting: T[] = [];
  let closed = false;
  let wake: (() => void) | null = null;
  let relieved: { promise: Promise<void>; resolve: () => void } | null = null;
  const relieve = () => {
    relieved?.resolve();
    relieved = null;
  };

  return {
    push(event) {
      if (closed) return;
      waiting.push(event);
      wake?.();
    },
    room() {
      if (closed || waiting.length < CROWDED) return undefined;
      relieved ??= Promise.withResolvers<void>();
      return relieved.promise;
    },
    close() {
      closed = true;
      relieve();
      wake?.();
    },
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          while (waiting.length > 0) {
            const batch = waiting;
            waiting = [];
            yield* batch;
            relieve();
          }
          if (closed) return;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          wake = null;
        }
      } finally {
        const early = !closed;
        closed = true;
        relieve();
        if (early) left();
      }
    },
  };
}
