/**
 * What was answered to a request id: the same again is the same answer, and nothing is done; another body under it is refused.
 * In memory it holds at once and without a disk; the file is how it outlives a restart. It knows no routes.
 */
import { refuse } from "../refusal.ts";
import { digest } from "./digest.ts";
import type { Store } from "./store.ts";

/** A page that is posted again later than this is a new request. */
const HOLDS_MS = 30 * 24 * 60 * 60_000;
/** In memory; the file has them all. */
const MOST = 500;

interface Answer {
  readonly what: string;
  readonly answer: string;
}

export class Answered {
  private readonly newest = new Map<string, Answer>();

  constructor(
    private readonly store: Store,
    private readonly now: () => number,
  ) {}

  /**
   * Does `work` once for this operator's request id, and gives what came of it each time; without an id, each time anew.
   * `what` is the request in words that hold no secret: it is kept. Throws Refusal 422 where the id came with another.
   */
  once<T>(operatorName: string, request_id: string | undefined, what: string, work: () => T): T {
    if (!request_id) return work();
    // Another operator's id is another request.
    const id = digest(JSON.stringify([operatorName, request_id])).toString("hex");
    const before = this.newest.get(id) ?? this.onDisk(id);
    if (before !== null) {
      if (before.what !== what)
        refuse(422, "this request id came with another request before; reload the page, and do it there");
      return JSON.parse(before.answer) as T;
    }
    const came = work();
    this.keep(id, { what, answer: JSON.stringify(came) });
    return came;
  }

  private onDisk(id: string): Answer | null {
    try {
      return this.store.db
        .query("select what, answer from answered where id = ? and at > ?")
        .get(id, this.now() - HOLDS_MS) as Answer | null;
    } catch (error) {
      console.error("access:", error);
      return null;
    }
  }

  private keep(id: string, answer: Answer): void {
    this.newest.set(id, answer);
    if (this.newest.size > MOST) this.newest.delete(this.newest.keys().next().value!);
    // Written behind, as sign-ins are: nobody waits for a disk that hangs.
    this.store.disk.later(() => {
      try {
        this.store.write((db) => {
          db.query("delete from answered where at <= ?").run(this.now() - HOLDS_MS);
          db.query("insert or replace into answered (id, what, answer, at) values (?, ?, ?, ?)").run(
            id,
            answer.what,
            answer.answer,
            this.now(),
          );
        });
      } catch (error) {
        // It was done; until a restart it is known in memory.
        console.error("access:", error);
      }
    });
  }
}
