/**
 * A turn: one prompt and all the agent does about it, detached from any client. One runs in a session at a time; the prompt is
 * written before the agent starts. What then becomes of it is `carry-through.ts`; who may ask is the routes' to know.
 */
import { Exclusive } from "../exclusive.ts";
import { Committing } from "../log/committing.ts";
import type { Draft, Entry } from "../log/log.ts";
import { refuse } from "../refusal.ts";
import { beforeTurn } from "./before.ts";
import { type CarryTools, carryThrough, type Prompt, type Running } from "./carry-through.ts";
import { type SessionBody, sessionStream } from "./event.ts";
import { type Asked, titleFrom } from "./transcript.ts";

export interface TurnTools extends CarryTools {
  readonly newId: () => string;
  readonly max_turns: number;
  /** What a turn asked the operator, as it stands. */
  readonly asked?: (session: string, turn: string) => readonly Asked[];
  /** Takes secrets out of a prompt. */
  readonly clean?: (text: string) => string;
}

interface Holder extends Running {
  readonly by: string;
  readonly started_at: number;
  readonly over: Promise<void>;
}

/** A prompt is at most this many bytes of UTF-8 (PRODUCT.md). */
export const PROMPT_LIMIT = 65_536;
/** A turn that said what went wrong is over this soon after it. */
const AT_ITS_END_MS = 6_000;

export class Turns {
  private readonly held = new Exclusive<Holder>();
  private readonly committing = new Committing();
  private closing = false;

  constructor(private readonly tools: TurnTools) {}

  /** The session in which a turn runs, or null when it is over. */
  sessionOf(turn: string): string | null {
    for (const [session, holder] of this.held.all()) if (holder.turn === turn) return session;
    return null;
  }

  /** The sessions in which a turn runs. */
  running(): string[] {
    return [...this.held.all()].map(([session]) => session);
  }

  /** The turn that runs in a session, or null. */
  runningIn(session: string): { turn: string; by: string; started_at: number } | null {
    return this.held.holder(session);
  }

  /** What a turn of this session was asked, to ask it again: not before the turn is over, if it is at its end just now. */
  async promptOf(session: string, turn: string): Promise<Pick<Prompt, "text" | "model"> | null> {
    const prompted = this.tools.log.about(sessionStream(session), turn).find((e) => e.kind === "prompted");
    const running = this.held.holder(session);
    if (running?.turn === turn) await Promise.race([running.over, Bun.sleep(AT_ITS_END_MS)]);
    return (prompted?.body as SessionBody["prompted"] | undefined) ?? null;
  }

  /** Resolves once the prompt is committed; the turn goes on by itself. Throws Refusal 404, 409, 422. */
  async startTurn(given: Prompt): Promise<void> {
    const { log, clean } = this.tools;
    // Before the agent, too: its CLI keeps the conversation on the disk, and "Try again" sends what the log has.
    const prompt = clean ? { ...given, text: clean(given.text) } : given;
    const stream = sessionStream(prompt.session);
    const opened = log.newest({ stream, kind: "opened", limit: 1 })[0];
    if (!opened) refuse(404, "session not found");
    const once = `prompt:${prompt.session}:${prompt.request_id}`;
    while (this.committing.pending(once)) await this.committing.pending(once);
    const first = log.once(once) as Entry<"prompted", SessionBody["prompted"]> | null;
    if (first) {
      if (first.body.text === prompt.text && first.body.model === prompt.model) return;
      refuse(422, "this request id was used for another prompt; reload the page and send again");
    }
    if (this.closing) refuse(409, "the server is stopping; send it again in a moment");

    const turn = this.tools.newId();
    let settle = () => {};
    const over = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const holder: Holder = { turn, by: prompt.by, started_at: Date.now(), agent: null, over, cancelled_by: null };
    this.held.take(prompt.session, holder, () => "a turn is already running");
    if (this.held.size > this.tools.max_turns) {
      this.held.release(prompt.session);
      refuse(
        409,
        `${this.tools.max_turns} turns are running already, and that is the limit; wait for one to end or stop one, then send again`,
      );
    }
    try {
      const asked = (turn: string) => this.tools.asked?.(prompt.session, turn) ?? [];
      const earlier = beforeTurn(log, stream, asked);
      const drafts: Draft[] = [
        {
          ...this.entry(stream, turn, "prompted", { text: prompt.text, by: prompt.by, model: prompt.model }),
          once,
          durable: true,
        },
      ];
      if (log.newest({ stream, kind: "titled", limit: 1 }).length === 0)
        drafts.push(this.entry(stream, null, "titled", { title: titleFrom(prompt.text), by: prompt.by }));
      await this.committing.track(once, log.appendAll(drafts));
      void carryThrough(this.tools, prompt, holder, earlier).finally(() => {
        this.held.release(prompt.session);
        settle();
      });
    } catch (error) {
      this.held.release(prompt.session);
      settle();
      throw error;
    }
  }

  /** Stops the turn and waits until nothing of it is left. False when none ran. Throws Refusal 404. */
  async cancelTurn(session: string, by: string): Promise<boolean> {
    if (!this.tools.log.newest({ stream: sessionStream(session), kind: "opened", limit: 1 })[0])
      refuse(404, "session not found");
    const running = this.held.holder(session);
    if (!running) return false;
    running.cancelled_by ??= by;
    await running.agent?.stop();
    await running.over;
    return true;
  }

  /** No new turns; those that run are stopped with a mark. */
  async close(): Promise<void> {
    this.closing = true;
    await Promise.all(
      [...this.held.all()].map(([session]) => this.cancelTurn(session, "the server, which is stopping")),
    );
  }

  private entry<K extends keyof SessionBody>(
    stream: string,
    turn: string | null,
    kind: K,
    body: SessionBody[K],
  ): Draft {
    return { stream, kind, about: turn, body };
  }
}
