/**
 * A session is deleted: by an operator, or because it is older than is kept. What remains is a line that says so, in the log and in
 * the audit: who, when, and how much it was. Never while something runs in it. What it left on the disk goes with it.
 */
import type { Entry, Erasing, Log } from "../log/log.ts";
import { refuse } from "../refusal.ts";
import { DELETIONS, type DeletionBody, type SessionBody, sessionStream } from "./event.ts";
import type { Session, Sessions } from "./session.ts";

export interface DeletionTools {
  readonly log: Log & Erasing;
  readonly sessions: Sessions;
  /** What runs in a session, in words; null when nothing does. */
  readonly busy: (session: string) => string | null;
  /** Ends the streams of those who have it open: they come back, and are told that it is gone. */
  readonly gone: (session: string) => void;
  readonly leavings: {
    count(session: string, conversations: readonly string[]): { files: number; bytes: number };
    remove(session: string, conversations: readonly string[]): void;
  };
}

export class Deletions {
  constructor(private readonly tools: DeletionTools) {}

  weightOf(session: string): { entries: number; files: number; bytes: number } {
    const { log, leavings } = this.tools;
    const { entries, bytes } = log.weightOf({ stream: `session:${session}` });
    const left = leavings.count(session, this.conversationsOf(session));
    return { entries, files: left.files, bytes: bytes + left.bytes };
  }

  /**
   * It is gone when this returns; the disk is freed by and by. A request id that came before gets the first answer. Throws
   * Refusal 404, 409 and 422, and LogUnwritable.
   */
  delete(id: string, by: string, request_id?: string): { entries: number; files: number; bytes: number } {
    const { log, sessions, busy, gone, leavings } = this.tools;
    const once = request_id && `delete:${request_id}`;
    const first = once ? log.once(once) : null;
    if (first) {
      if (first.about !== id) refuse(422, "this request id deleted another session; reload the page and send again");
      const { entries, files, bytes } = first.body as DeletionBody["session_deleted"];
      return { entries, files, bytes };
    }
    const session = sessions.find(id) ?? refuse(404, "session not found");
    const running = busy(id);
    if (running) refuse(409, `${running} in this session; stop it or wait for its end, then delete`);
    const weight = this.weightOf(id);
    const conversations = this.conversationsOf(id);
    const body: DeletionBody["session_deleted"] = {
      by,
      target: session.target,
      last_used: new Date(this.lastUsed(session)).toISOString(),
      ...weight,
    };
    // No await from here on: a prompt that came in between would begin in a session that is half gone.
    log.erase(
      { stream: `session:${id}` },
      { stream: DELETIONS, kind: "session_deleted", about: id, body, durable: true, once },
    );
    leavings.remove(id, conversations);
    gone(id);
    void log.eraseMarked().catch((error) => console.error("a deleted session:", error));
    return weight;
  }

  /** At the start: what the last stop cut is gone on with. */
  async goOn(): Promise<void> {
    for (const stream of this.tools.log.marked())
      if (stream.startsWith("session:")) this.tools.leavings.remove(stream.slice("session:".length), []);
    await this.tools.log.eraseMarked();
  }

  /** When the newest entry of its own was written; ms since the epoch. */
  lastUsed(session: Pick<Session, "session_id" | "created_at">): number {
    const last = this.tools.log.tail({ streams: [{ stream: sessionStream(session.session_id) }], limit: 1 })[0];
    return last?.at ?? Date.parse(session.created_at);
  }

  private conversationsOf(session: string): string[] {
    const started = this.tools.log.newest({
      stream: sessionStream(session),
      kind: "agent_started",
      limit: 10_000,
    }) as Entry<"agent_started", SessionBody["agent_started"]>[];
    return [...new Set(started.map((entry) => entry.body.session_id))];
  }
}
