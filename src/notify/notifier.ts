/**
 * Follows the log and has notices delivered, one after the other, in nobody's way: whatever happens at the far end, an entry
 * was written before and is not held up. Beyond a bound the oldest are dropped. A failure is told once, in the transcript and
 * on stderr, and so is its end. It knows no HTTP.
 */
import type { Entry, Log } from "../log/log.ts";
import { type AccessNews, isNotable, type Notice, type Notify, noticeOf, noticeOfAccess } from "./notice.ts";
import type { Post } from "./post.ts";

export interface NotifierTools {
  readonly log: Log;
  readonly post: Post;
  /** The stream that is told of trouble with a notice that belongs to none. */
  readonly fallback: string;
}

/** Notices that wait for delivery. */
const MOST_WAITING = 50;
/** At the end, what is under way gets this long, ms. */
const CLOSE_WITHIN_MS = 1_500;

export class Notifier {
  private readonly waiting: Notice[] = [];
  private delivering: Promise<void> | null = null;
  /** Lost since the last one that was delivered. */
  private lost = 0;
  private closed = false;
  private readonly unfollow: () => void;

  constructor(private readonly tools: NotifierTools) {
    this.unfollow = tools.log.follow((entries) => {
      for (const entry of entries) if (isNotable(entry)) this.hear(entry);
    });
  }

  readonly notify: Notify = (notice) => {
    if (this.closed) return;
    this.waiting.push(notice);
    if (this.waiting.length > MOST_WAITING) {
      const dropped = this.waiting.shift()!;
      void this.fell(dropped, "too many were waiting");
    }
    this.delivering ??= this.deliver().finally(() => {
      this.delivering = null;
    });
  };

  /** Sign-ins and what changes them. @returns the way to stop. */
  followAccess(follow: (told: (news: AccessNews) => void) => () => void): () => void {
    return follow((news) => {
      const notice = noticeOfAccess(news);
      if (notice) this.notify(notice);
    });
  }

  /** What is still waiting gets a moment. */
  async close(): Promise<void> {
    this.unfollow();
    this.closed = true;
    await Promise.race([this.delivering, Bun.sleep(CLOSE_WITHIN_MS)]);
    this.waiting.length = 0;
  }

  /** A fault in a notice must not reach whoever wrote the entry. */
  private hear(entry: Entry): void {
    try {
      const subject = entry.about === null ? [entry] : this.tools.log.about(entry.stream, entry.about);
      const notice = noticeOf(
        entry,
        subject.filter((e) => e.seq <= entry.seq),
      );
      if (notice) this.notify(notice);
    } catch (error) {
      console.error("notice:", error);
    }
  }

  private async deliver(): Promise<void> {
    for (let notice = this.waiting.shift(); notice; notice = this.waiting.shift()) {
      try {
        await this.tools.post(notice);
      } catch (error) {
        await this.fell(notice, error instanceof Error ? error.message : String(error));
        continue;
      }
      if (this.lost === 0) continue;
      await this.tell(notice, `Notices are delivered again; ${this.lost} ${this.lost === 1 ? "was" : "were"} lost.`);
      this.lost = 0;
    }
  }

  private async fell(notice: Notice, why: string): Promise<void> {
    this.lost++;
    // Said once until one is delivered again: a dead address must fill neither the transcript nor stderr.
    if (this.lost > 1) return;
    await this.tell(notice, `A notice could not be delivered: ${why}. Nobody was told; look at BREAKGLASS_NOTIFY_URL.`);
  }

  private async tell({ kind, stream }: Notice, text: string): Promise<void> {
    console.error(`breakglass: notices (${kind}): ${text}`);
    await this.tools.log
      .append({ stream: stream ?? this.tools.fallback, kind: "remarked", body: { text } })
      .catch((error: unknown) => console.error("notice:", error));
  }
}
