/** Reads a stream as a program does: frames as they come, with their ids, until told to stop. */
export interface Frame {
  readonly id: string | null;
  readonly event: string | null;
  readonly data: string | null;
}

export function readSse(response: Response) {
  const frames: Frame[] = [];
  const waiting = new Set<() => void>();
  const reader = response.body!.getReader();
  let over = false;
  let rest = "";
  const done = (async () => {
    const decoder = new TextDecoder();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const parts = (rest + decoder.decode(value, { stream: true })).split("\n\n");
        rest = parts.pop()!;
        frames.push(...parts.map(frameFrom));
        for (const wake of waiting) wake();
      }
    } catch {
      // cut or dropped: what was read was read
    }
    over = true;
    for (const wake of waiting) wake();
  })();
  return {
    frames,
    done,
    get over() {
      return over;
    },
    /** Resolves when `enough` is true of the frames so far; rejects when the stream ends first. */
    async until(enough: (frames: readonly Frame[]) => boolean): Promise<readonly Frame[]> {
      while (!enough(frames)) {
        if (over) throw new Error(`the stream ended before that: ${JSON.stringify(frames).slice(0, 500)}`);
        let wake = () => {};
        await new Promise<void>((resolve) => {
          wake = resolve;
          waiting.add(wake);
        });
        waiting.delete(wake);
      }
      return frames;
    },
    cancel: () => reader.cancel().catch(() => {}),
  };
}

function frameFrom(text: string): Frame {
  const field = (name: string) => {
    const lines = text.split("\n").filter((line) => line.startsWith(`${name}: `));
    return lines.length === 0 ? null : lines.map((line) => line.slice(name.length + 2)).join("\n");
  };
  return { id: field("id"), event: field("event"), data: field("data") };
}

export const caughtUp = (frames: readonly Frame[]): boolean => frames.some((f) => f.event === "caught-up");
