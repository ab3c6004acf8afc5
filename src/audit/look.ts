/**
 * How far the chain was checked by a console that runs: new rows at each look, everything when it is asked for. A row that was
 * checked is not read again until then, but that the chain still has it, and still ends where it should, is seen at each look.
 */
import type { Database } from "bun:sqlite";
import { BEGINNING, type Checked, checkRows, type Head } from "./audit.ts";
import { anchorsBeside, checkWhole, hashAt, rowsAfter, SLICE } from "./check.ts";

export interface Looked {
  /** The chain as far as it was checked since the console started; broken: the first row that does not hold. */
  readonly checked: Checked;
  readonly checked_at: number;
  /** When the whole of it was checked last; null: not since the start. */
  readonly whole_at: number | null;
}

export interface Standing extends Looked {
  /** What is on disk. */
  readonly head: Head;
  /** Rows that are in memory only, and why; empty when the disk takes everything. */
  readonly pending: number;
  readonly trouble: string;
}

/** Rows that one look checks at most; the next look goes on. */
const AT_ONE_LOOK = 10 * SLICE;

export class Look {
  private checked: Checked = { is: "whole", head: BEGINNING };
  private checked_at = 0;
  private whole_at: number | null = null;
  private checking: Promise<void> | null = null;

  constructor(
    private readonly db: Database,
    /** The file of anchors, or null. */
    private readonly anchors: string | null,
    private readonly now: () => number,
  ) {}

  /** @param end the row that should be the last. */
  on(end: Head): Looked {
    if (this.checked.is === "whole") this.checked = this.goOn(this.checked.head, end);
    this.checked_at = this.now();
    return { checked: this.checked, checked_at: this.checked_at, whole_at: this.whole_at };
  }

  /** From the first row on, with every anchor. `end` is asked for afterwards: rows may come meanwhile. */
  all(end: () => Head): Promise<void> {
    this.checking ??= this.fromTheBeginning(end).finally(() => {
      this.checking = null;
    });
    return this.checking;
  }

  private goOn(from: Head, end: Head): Checked {
    let head = from;
    try {
      if (from.n > 0 && hashAt(this.db, from.n) !== from.hash)
        return broken(from.n, `row ${from.n} is not what it was when it was checked: it was changed, or it is gone.`);
      for (let looked = 0; looked < AT_ONE_LOOK; looked += SLICE) {
        const rows = rowsAfter(this.db, head.n);
        const checked = checkRows(head, rows);
        if (checked.is === "broken") return checked;
        head = checked.head;
        if (rows.length === SLICE) continue;
        if (head.n === end.n && head.hash === end.hash) break;
        return broken(head.n + 1, `the audit should end with row ${end.n}, and ends with row ${head.n}.`);
      }
      return { is: "whole", head };
    } catch (error) {
      return broken(head.n + 1, unreadable(error));
    }
  }

  private async fromTheBeginning(end: () => Head): Promise<void> {
    const anchors = this.anchors === null ? [] : anchorsBeside(this.anchors);
    const pause = () => new Promise<void>((resolve) => setImmediate(resolve));
    try {
      const checked = await checkWhole(this.db, anchors, pause);
      this.checked = checked.is === "whole" ? this.goOn(checked.head, end()) : checked;
    } catch (error) {
      this.checked = broken(1, unreadable(error));
    }
    this.whole_at = this.now();
  }
}

const broken = (n: number, why: string): Checked => ({ is: "broken", n, why });
const unreadable = (error: unknown): string =>
  `the audit can't be read: ${error instanceof Error ? error.message : String(error)}.`;
