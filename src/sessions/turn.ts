/**
 * A turn: one prompt and all the agent does about it, detached from any client. The prompt is written before the agent
 * starts, every event before it is shown, and the turn always ends with `turn_ended`, whatever became of the agent.
 */
import { Exclusive } from "../exclusive.ts";
import { Committing } from "../log/committing.ts";
import type { Draft, Entry, Log } from "../log/log.ts";
import { refuse } from "../refusal.ts";
import type { Agent, AgentTurn } from "./agent.ts";
import { type SessionBody, sessionStream } from "./event.ts";
import { PartialWords } from "./partial-words.ts";
import { type Asked, aftermathOf, recallOf, titleFrom } from "./transcript.ts";
import { turnClock } from "./turn-clock.ts";
import { type Calls, written } from "./written.ts";

export type * from "./agent.ts";

export interface TurnTools {
  readonly log: Log;
  readonly agent: Agent;
  readonly newId: () => string;
  readonly max_turns: number;
  /** Of the agent's own time: while a call of the turn waits for an operator, it does not run. */
  readonly limit_ms: number;
  /** True while a call of the turn waits for an operator. */
  readonly waits?: (turn: string) => boolean;
  /** What a turn asked the operator, as it stands. */
  readonly asked?: (session: string, turn: string) => readonly Asked[];
  /** Shows words that are no entry (yet): partial text of the turn that runs in a session; "" clears it. */
  readonly whisper: (session: string, text: string) => void;
  /** The size of a call's whole output, bytes, where it was too long for the transcript and is kept elsewhere. */
  readonly kept?: (session: string, tool_id: string) => number | null;
  /** Takes secrets out of a prompt. */
  readonly clean?: (text: string) => string;
}

export interface Prompt {
  readonly session: string;
  readonly text: string;
  readonly by: string;
  readonly model: string | null;
  readonly request_id: string;
}

interface Running {
  readonly turn: string;
  readonly by: string;
  readonly started_at: number;
  readonly agent: AgentTurn | null;
  readonly over: Promise<void>;
  cancelled_by: string | null;
}

/** A prompt is at most this many bytes of UTF-8 (PRODUCT.md). */
export const PROMPT_LIMIT = 65_536;
/** A turn that said what went wrong is over this soon after it. */
const AT_ITS_END_MS = 6_000;
/** How long a turn that broke off waits for the proof that its agent is gone; an agent takes some seconds at most. */
const STOPPED_WITHIN_MS = 20_000;
/** Entries that are looked through for an agent which forgot the session. */
const RECALLED = 400;

export class Turns {
  private readonly held = new Exclusive<Running>();
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
    const holder: Running = { turn, by: prompt.by, started_at: Date.now(), agent: null, over, cancelled_by: null };
    this.held.take(prompt.session, holder, () => "a turn is already running");
    if (this.held.size > this.tools.max_turns) {
      this.held.release(prompt.session);
      refuse(
        409,
        `${this.tools.max_turns} turns are running already, and that is the limit; wait for one to end or stop one, then send again`,
      );
    }
    try {
      const before = this.before(stream);
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
      void this.carryThrough(prompt, holder, before).finally(() => {
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

  private async carryThrough(prompt: Prompt, holder: Running, before: Before): Promise<void> {
    const { log, agent, limit_ms, whisper } = this.tools;
    const stream = sessionStream(prompt.session);
    const began = performance.now();
    const write = (kind: keyof SessionBody, body: unknown, how: Pick<Draft, "durable" | "rescue"> = {}) =>
      log.append({ ...this.entry(stream, holder.turn, kind, body as never), ...how });
    let stopClock = () => {};
    try {
      const running = agent.start({
        turn: holder.turn,
        session: prompt.session,
        prompt: prompt.text,
        model: prompt.model,
        resumes: before.resumes[agent.name] ?? null,
        aftermath: before.aftermath,
        recall: () => recallOf(log.tail({ streams: [{ stream }], upto: before.upto, limit: RECALLED })),
      });
      (holder as { agent: AgentTurn | null }).agent = running;
      if (holder.cancelled_by) void running.stop();
      let overran = false;
      const overrun = () => {
        overran = true;
        void running.stop();
      };
      stopClock = turnClock(limit_ms, () => this.tools.waits?.(holder.turn) ?? false, overrun);
      const calls: Calls = new Map();
      const partial = new PartialWords((text) => whisper(prompt.session, text));
      for await (const event of running.events) {
        if (event.is === "partial") {
          partial.add(event.text);
          continue;
        }
        partial.clear();
        // After Stop, what the agent says of its own end would only repeat ours.
        if (holder.cancelled_by && (event.is === "failed" || event.is === "concluded")) continue;
        const [kind, body] = written(event, calls);
        const kept = event.is === "returned" ? this.tools.kept?.(prompt.session, event.tool_id) : null;
        await write(kind, kept ? { ...body, kept } : body);
      }
      partial.clear();
      if (holder.cancelled_by)
        await write("cancelled", { by: holder.cancelled_by, ended: await running.stop() }, { durable: true });
      else if (overran)
        await write("failed", {
          error: `The turn was ended after its limit of ${Math.round(limit_ms / 60_000)} min (${await running.stop()}). Ask for the next step in a new prompt.`,
        });
    } catch (error) {
      console.error("turn:", error);
      const why = error instanceof Error ? error.message : String(error);
      // Before the session is free: two agents must not be at work in one conversation.
      const ended = await endedWithin(STOPPED_WITHIN_MS, holder.agent);
      await write(
        "failed",
        { error: `The turn broke off inside the console: ${why}${ended && ` (${ended})`}` },
        { rescue: true },
      ).catch(() => {});
    } finally {
      stopClock();
      const after_ms = Math.round(performance.now() - began);
      await write("turn_ended", { after_ms }, { durable: true, rescue: true }).catch((error) =>
        console.error("turn_ended could not be written:", error),
      );
    }
  }

  /** What the next turn must know of the last one. */
  private before(stream: string): Before {
    const { log } = this.tools;
    const resumes: Record<string, string> = {};
    const last = log.newest({ stream, kind: "agent_started", limit: 1 })[0] as
      | Entry<"agent_started", SessionBody["agent_started"]>
      | undefined;
    if (last) resumes[last.body.agent] = last.body.session_id;
    const turn = log.newest({ stream, kind: "prompted", limit: 1 })[0]?.about;
    const asked = turn ? (this.tools.asked?.(stream.replace(/^session:/, ""), turn) ?? []) : [];
    return { upto: log.head, resumes, aftermath: turn ? aftermathOf(log.about(stream, turn), asked) : null };
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

/** What became of an agent that nobody listens to any more, in words; "" where none had started. */
async function endedWithin(limit_ms: number, agent: AgentTurn | null): Promise<string> {
  if (!agent) return "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`its agent could not be seen to end within ${limit_ms / 1000} s`), limit_ms);
  });
  const ended = await Promise.race([agent.stop().catch((error) => `its agent: ${error}`), late]);
  clearTimeout(timer);
  return ended;
}

interface Before {
  /** The newest seq before the prompt. */
  readonly upto: number;
  readonly resumes: Record<string, string>;
  readonly aftermath: string | null;
}

/** At the start: turns that ran when the server stopped are marked, once, and end. */
export async function endInterrupted(log: Log): Promise<number> {
  const cut = log.unfinished("prompted", ["turn_ended"]);
  for (const { stream, about } of cut)
    await log.appendAll([
      {
        stream,
        kind: "failed",
        about,
        body: {
          error: "The server stopped while this turn ran; it was interrupted. The next prompt goes on from here.",
        },
        durable: true,
      },
      { stream, kind: "turn_ended", about, body: { after_ms: null }, durable: true },
    ]);
  return cut.length;
}
