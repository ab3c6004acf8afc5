/**
 * BREAKGLASS_RETENTION_DAYS: sessions in which nothing was written for so long are deleted, and what actions printed before that
 * (the evidence), with the files of their runs. At the start and four times a day, a little at a time. Actions, approvals and the audit
 * stay. What time it is is not the clock's word alone (`believed.ts`).
 */
import type { Entry, Erasing, Log } from "../log/log.ts";
import { Refusal } from "../refusal.ts";
import { believe, type Looked, writtenAt } from "./believed.ts";
import type { Deletions } from "./deletion.ts";
import { DELETIONS, type DeletionBody, RETENTION } from "./event.ts";

const DAY_MS = 24 * 60 * 60_000;
const EVERY_MS = DAY_MS / 4;
const PAGE = 100;
/** Looks are written down this far apart at the least, by what they believe. */
const WRITTEN_EVERY_MS = 60 * 60_000;
/** Looks that are read back, three years of them, and printed entries that are looked at. */
const NEWEST_LOOKS = 5000;
const NEWEST_PRINTED = 200;
/** Between two sessions: operators first. */
const PAUSE_MS = 20;

export interface RetentionTools {
  readonly log: Log & Erasing;
  readonly deletions: Deletions;
  readonly days: number;
  /** The clock on the wall, ms since the epoch. */
  readonly now: () => number;
  /** A clock that nobody sets, ms. */
  readonly steady?: () => number;
  /** False while the disk does not answer: then it is another day's. */
  readonly mayWrite?: () => Promise<boolean>;
  /** Removes files of runs and outputs older than that. */
  readonly pruneFiles: (before: number) => void;
}

export class Retention {
  private timer: ReturnType<typeof setInterval> | null = null;
  private closed = false;
  private readonly steady: () => number;
  /** What time it was believed to be, and when that was by the steady clock. */
  private believed: { at: number; steady: number };

  /** To be made before this start writes anything: the newest entry there is tells of the last one. */
  constructor(private readonly tools: RetentionTools) {
    this.steady = tools.steady ?? (() => performance.now());
    this.believed = { at: this.lastBelieved(), steady: this.steady() };
  }

  begin(): void {
    const run = () => void this.run().catch((error) => console.error("retention:", error));
    this.timer = setInterval(run, EVERY_MS);
    this.timer.unref();
    run();
  }

  close(): void {
    this.closed = true;
    if (this.timer) clearInterval(this.timer);
  }

  /** Resolves with how many sessions were deleted. */
  async run(): Promise<number> {
    const { log, deletions, days, mayWrite = async () => true } = this.tools;
    const now = this.look();
    const before = now - days * DAY_MS;
    const looks = this.looks();
    let deleted = 0;
    for (let below: number | undefined; ; ) {
      const page = log.newest({ stream: null, kind: "opened", limit: PAGE, before: below });
      for (const opened of page) {
        const { stream } = opened;
        if (this.closed) return deleted;
        const session_id = stream.slice("session:".length);
        if (writtenAt(opened, looks) >= before) continue;
        if (writtenAt(log.tail({ streams: [{ stream }], limit: 1 })[0] ?? opened, looks) >= before) continue;
        if (!(await mayWrite()) || this.closed) return deleted;
        try {
          deletions.delete(session_id, RETENTION);
          deleted++;
        } catch (error) {
          // It runs just now: another time.
          if (!(error instanceof Refusal)) throw error;
        }
        await Bun.sleep(PAUSE_MS);
      }
      if (page.length < PAGE) break;
      below = page.at(-1)!.seq;
    }
    if (!this.wasBehind(before, looks)) {
      if (!(await mayWrite()) || this.closed) return deleted;
      this.evidence(before);
      this.tools.pruneFiles(before);
    }
    if (!this.closed) await log.eraseMarked();
    await this.write(now, looks.at(-1)?.as_of);
    return deleted;
  }

  private look(): number {
    const at = believe(this.tools.now(), this.believed.at, this.steady() - this.believed.steady);
    // Back it does not go: what the clock shows after an hour in the past is caught up with at once.
    this.believed = { at: Math.max(at, this.believed.at), steady: this.steady() };
    return at;
  }

  private lastBelieved(): number {
    const { log, now } = this.tools;
    const look = this.looks(1)[0];
    if (look) return look.as_of;
    const stream = log.lastOfEach("")[0]?.stream;
    const newest = stream === undefined ? undefined : log.tail({ streams: [{ stream }], limit: 1 })[0];
    return newest?.at ?? now();
  }

  /** Oldest first. */
  private looks(limit = NEWEST_LOOKS): Looked[] {
    const looks = this.tools.log.newest({ stream: DELETIONS, kind: "looked", limit });
    return (looks as Entry<"looked", DeletionBody["looked"]>[])
      .map(({ seq, body }) => ({ seq, as_of: body.as_of }))
      .reverse();
  }

  private async write(as_of: number, last: number | undefined): Promise<void> {
    if (this.closed || (last !== undefined && as_of - last < WRITTEN_EVERY_MS)) return;
    const body: DeletionBody["looked"] = { as_of };
    await this.tools.log.append({ stream: DELETIONS, kind: "looked", body });
  }

  /** Evidence and files know their age by the clock alone: while some of the newest was written by one that was behind, all of it stays. */
  private wasBehind(before: number, looks: readonly Looked[]): boolean {
    return this.tools.log
      .newest({ stream: null, kind: "printed", limit: NEWEST_PRINTED })
      .some((entry) => entry.at < before && writtenAt(entry, looks) >= before);
  }

  private evidence(before: number): void {
    const { log } = this.tools;
    const weight = log.weightOf({ printed_before: before });
    if (weight.entries === 0 || this.closed) return;
    const body: DeletionBody["evidence_deleted"] = { by: RETENTION, before: new Date(before).toISOString(), ...weight };
    log.erase({ printed_before: before }, { stream: DELETIONS, kind: "evidence_deleted", body, durable: true });
  }
}
