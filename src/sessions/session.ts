/** A session: a conversation that the server owns. Read off the log; clients attach to it. */
import type { Entry, Log, StreamRange } from "../log/log.ts";
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

/** How many of the newest sessions are looked through for the latest at a time. */
const PAGE = 200;

type Opened = Entry<"opened", SessionBody["opened"]>;

export class Sessions {
  constructor(
    private readonly log: Log,
    private readonly newId: () => string,
    private readonly active: (session: string) => boolean,
  ) {}

  /** Resolves with the new session's id once it is committed. */
  async open(target: string, by: string): Promise<string> {
    const id = this.newId();
    await this.log.append({ stream: sessionStream(id), kind: "opened", body: { target, by }, durable: true });
    return id;
  }

  find(id: string): Session | null {
    const opened = this.opened(id);
    return opened ? this.fromOpened(opened) : null;
  }

  /** Newest first by their latest entry; at most `limit`. */
  list(limit = 100): Session[] {
    const all = this.log.newest({ stream: null, kind: "opened", limit }) as Opened[];
    return all.map((opened) => this.fromOpened(opened)).sort((a, b) => b.last_seq - a.last_seq);
  }

  /** The session with the latest entry of those on one of these targets; null when there is none. */
  latest(targets: readonly string[]): Session | null {
    let before: number | undefined;
    for (;;) {
      const opened = this.log.newest({ stream: null, kind: "opened", limit: PAGE, before }) as Opened[];
      const theirs = opened.filter((o) => targets.includes(o.body.target)).map((o) => this.fromOpened(o));
      if (theirs.length > 0) return theirs.reduce((a, b) => (b.last_seq > a.last_seq ? b : a));
      if (opened.length < PAGE) return null;
      before = opened.at(-1)!.seq;
    }
  }

  /** The streams that a page of this session holds: its own, and its target's since it began. */
  streamsOf(id: string): readonly StreamRange[] | null {
    const opened = this.opened(id);
    if (!opened) return null;
    return [{ stream: opened.stream }, { stream: streamOf({ id: opened.body.target }), from: opened.seq }];
  }

  async title(id: string, title: string, by: string): Promise<void> {
    await this.log.append({ stream: sessionStream(id), kind: "titled", body: { title, by } });
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
