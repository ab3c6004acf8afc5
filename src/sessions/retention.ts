/**
 * BREAKGLASS_RETENTION_DAYS: sessions in which nothing was written for so long are deleted, and what actions printed before that
 * (the evidence), with the files of their runs. At the start and once a day, a little at a time. Actions, approvals and the audit stay.
 */
import type { Erasing, Log } from "../log/log.ts";
import { Refusal } from "../refusal.ts";
import type { Deletions } from "./deletion.ts";
import { DELETIONS, type DeletionBody, RETENTION } from "./event.ts";

const DAY_MS = 24 * 60 * 60_000;
const PAGE = 100;
/** Between two sessions: operators first. */
const PAUSE_MS = 20;

export interface RetentionTools {
  readonly log: Log & Erasing;
  readonly deletions: Deletions;
  readonly days: number;
  readonly now: () => number;
  /** Removes files of runs and outputs older than that. */
  readonly pruneFiles: (before: number) => void;
}

export class Retention {
  private timer: ReturnType<typeof setInterval> | null = null;
  private closed = false;

  constructor(private readonly tools: RetentionTools) {}

  begin(): void {
    const run = () => void this.run().catch((error) => console.error("retention:", error));
    this.timer = setInterval(run, DAY_MS);
    this.timer.unref();
    run();
  }

  close(): void {
    this.closed = true;
    if (this.timer) clearInterval(this.timer);
  }

  /** Resolves with how many sessions were deleted. */
  async run(): Promise<number> {
    const { log, deletions, days, now } = this.tools;
    const before = now() - days * DAY_MS;
    let deleted = 0;
    for (let below: number | undefined; ; ) {
      const page = log.newest({ stream: null, kind: "opened", limit: PAGE, before: below });
      for (const { stream, at } of page) {
        if (this.closed) return deleted;
        const session_id = stream.slice("session:".length);
        if (at >= before || deletions.lastUsed({ session_id, created_at: new Date(at).toISOString() }) >= before)
          continue;
        try {
          deletions.delete(session_id, RETENTION);
          deleted++;
        } catch (error) {
          // It runs just now: another day.
          if (!(error instanceof Refusal)) throw error;
        }
        await Bun.sleep(PAUSE_MS);
      }
      if (page.length < PAGE) break;
      below = page.at(-1)!.seq;
    }
    this.evidence(before);
    this.tools.pruneFiles(before);
    if (!this.closed) await log.eraseMarked();
    return deleted;
  }

  private evidence(before: number): void {
    const { log } = this.tools;
    const weight = log.weightOf({ printed_before: before });
    if (weight.entries === 0 || this.closed) return;
    const body: DeletionBody["evidence_deleted"] = { by: RETENTION, before: new Date(before).toISOString(), ...weight };
    log.erase({ printed_before: before }, { stream: DELETIONS, kind: "evidence_deleted", body, durable: true });
  }
}
