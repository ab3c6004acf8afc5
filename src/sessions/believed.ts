/**
 * What time it is for whoever deletes by age. A clock that jumps a year ahead must delete nothing, so time passes here at most twice as
 * fast as it really does (twice, to catch up with what passed while the console was stopped), and what was believed is kept in the log.
 * Where it is wrong, things are kept for longer. Pure.
 */

/** A look that was written down: what time was believed then. */
export interface Looked {
  readonly seq: number;
  readonly as_of: number;
}

/** `last` was believed, and since then `elapsed_ms` really passed; `wall` is what the clock shows. Times in ms since the epoch. */
export const believe = (wall: number, last: number, elapsed_ms: number): number =>
  Math.min(wall, last + 2 * elapsed_ms);

/** When an entry was written, at the least: not before the look before it, whatever the clock showed. `looks`: oldest first. */
export function writtenAt(entry: { readonly seq: number; readonly at: number }, looks: readonly Looked[]): number {
  const before = looks.findLast((look) => look.seq < entry.seq);
  return Math.max(entry.at, before?.as_of ?? entry.at);
}
