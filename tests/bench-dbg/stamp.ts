/** The time in a printed line, to be found again in the bytes that a client got: milliseconds with microseconds, one machine. */
import { textOf } from "./bytes.ts";

const MARK = "@@";
const DIGITS = 17;

export function stampNow(): string {
  return `${MARK}${nowMs().toFixed(3)}`;
}

/** Milliseconds since the epoch. performance.now() never steps, and both processes began on the same clock. */
export const nowMs = (): number => performance.timeOrigin + performance.now();

/** Calls `found` with each stamp that is whole in `bytes`; returns what must be kept for the next bytes. */
export function readStamps(bytes: Buffer, found: (at_ms: number) => void): Buffer {
  let from = 0;
  for (;;) {
    const at = bytes.indexOf(MARK, from);
    if (at < 0) return bytes.subarray(Math.max(from, bytes.length - 1));
    if (at + MARK.length + DIGITS > bytes.length) return bytes.subarray(at);
    found(Number(textOf(bytes, at + MARK.length, at + MARK.length + DIGITS)));
    from = at + MARK.length + DIGITS;
  }
}
