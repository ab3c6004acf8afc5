/** A session: a conversation that the server owns. Read off the log; clients attach to it. */
import type { Entry, Log, StreamRange } from "../log/log.ts";
import { refuse } from "../refusal.ts";
import { streamOf } from "../target/target.ts";
import { type SessionBody, sessionStream } from "./event.ts";

export interface Session {
  readonly session_id: string;
  readonly title: string;
  readonly target: string;
  /** ISO 8601, UTC. */
  readonly created_at: string;
  readonly last_seq: number;
  readonly turn_active: boolean;
}

/** How many a list has. */
const LISTED = 100;

type Opened = Entry<"opened", SessionBody["opened"]>;

export class Sessions {
  constructor(
    private readonly log: Log,
    private readonly newId: () => string,
    private readonly active: (session: string) => boolean,
  ) {}

  /**
   * Resolves with the new session's id once it is committed; a request id that came before gives the first one's. Deleting a
   * session ends its request id as well. Throws Refusal 422 for a request id that opened a session on another target.
   */
  async open(target: string, by: string, request_id?: string): Promise<string> {
    const { entry } = await this.log.append({
      stream: sessionStream(this.newId()),
      kind: "opened",
      body: { target, by },
      durable: true,
      // The page of a console that has none yet is where the verbs are.
      rescue: true,
      once: request_id && `session:${request_id}`,
    });
    if ((entry as Opened).body.target !== target)
      refuse(422, "this request id opened a session on another target; reload the page and send again");
    return entry.stream.slice("session:".length);
  }

  find(id: string): Session | null {
    const opened = this.opened(id);
    return opened ? this.fromOpened(opened) : null;
  }

  /** Those that were begun last, or last before an entry, newest first by their latest entry; `older` is where to go on, or null. */
  list(before?: number, limit = LISTED): { sessions: Session[]; older: number | null } {
    const found = this.log.newest({ stream: null, kind: "opened", limit: limit + 1, before }) as Opened[];
    const opened = found.slice(0, limit);
    return {
      sessions: opened.map((o) => this.fromOpened(o)).sort((a, b) => b.last_seq - a.last_seq),
      older: found.length > limit ? opened.at(-1)!.seq : null,
    };
  }

  /** The session with the latest entry of those on one of these targets; null when there is none. */
  latest(targets: readonly string[]): Session | null {
    for (const { stream } of this.log.lastOfEach("session:")) {
      const opened = this.opened(stream.slice("session:".length));
      if (opened && targets.includes(opened.body.target)) return this.fromOpened(opened);
    }
    return null;
  }

  /** The streams that a page of this session holds: its own, and its target's since it began. */
  streamsOf(id: string): readonly StreamRange[] | null {
    const opened = this.opened(id);
    if (!opened) return null;
    return [{ stream: opened.stream }, { stream: streamOf({ id: opened.body.target }), from: opened.seq }];
  }

  /** A request id that came before changes nothing; with another title it is refused, 422. */
  async rename(id: string, title: string, by: string, request_id: string): Promise<void> {
    const { entry } = await this.log.append({
      stream: sessionStream(id),
      kind: "titled",
      body: { title, by, renamed: true },
      once: `title:${id}:${request_id}`,
    });
    if ((entry.body as SessionBody["titled"]).title !== title)
      refuse(422, "this request id gave another title; reload the page and send again");
  }

  private opened(id: string): Opened | null {
    return (this.log.newest({ stream: sessionStream(id), kind: "opened", limit: 1 })[0] as Opened | undefined) ?? null;
  }

  private fromOpened(opened: Opened): Session {
    const stream = opened.stream;
    const id = stream.slice("session:".length);
    const titled = this.log.newest({ stream, kind: "titled", limit: 1 })[0] as
      | Entry<"titled", SessionBody["titled"]>
      | undefined;
    return {
      session_id: id,
      title: titled?.body.title ?? "New session",
      target: opened.body.target,
      created_at: new Date(opened.at).toISOString(),
      last_seq: this.log.last([{ stream }]),
      turn_active: this.active(id),
    };
  }
}
