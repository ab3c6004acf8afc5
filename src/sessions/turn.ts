/**
 * A turn: one prompt and all the agent does about it, detached from any client. The prompt is written before the agent
 * starts, every event before it is shown, and the turn always ends with `turn_ended`, whatever became of the agent.
 */
import { Exclusive } from "../exclusive.ts";
import { Committing } from "../log/committing.ts";
import type { Draft, Entry, Log } from "../log/log.ts";
import { refuse } from "../refusal.ts";
import type { Agent, AgentEvent, AgentTurn } from "./agent.ts";
import { type SessionBody, sessionStream } from "./event.ts";
import { aftermathOf, titleFrom } from "./transcript.ts";

export type * from "./agent.ts";

export interface TurnTools {
  readonly log: Log;
  readonly agent: Agent;
  readonly newId: () => string;
  readonly max_turns: number;
  readonly limit_ms: number;
  /** Shows words that are no entry (yet): partial text of the turn that runs in a session; "" clears it. */
  readonly whisper: (session: string, text: string) => void;
  /** The size of a call's whole output, bytes, where it was too long for the transcript and is kept elsewhere. */
  readonly kept?: (session: string, tool_id: string) => number | null;
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
/** What is kept of one tool output in the log: head and tail, in characters. */
const HEAD = 24_000;
const TAIL = 8_000;

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

  /** Resolves once the prompt is committed; the turn goes on by itself. Throws Refusal 404, 409, 422. */
  async startTurn(prompt: Prompt): Promise<void> {
    const { log } = this.tools;
    const stream = sessionStream(prompt.session);
    const opened = log.newest({ stream, kind: "opened", limit: 1 })[0];
    if (!opened) refuse(404, "session not found");
    const once = `prompt:${prompt.session}:${prompt.request_id}`;
    while (this.committing.pending(once)) await this.committing.pending(once);
    const first = log.once(once) as Entry<"prompted", SessionBody["prompted"]> | null;
    if (first) {
      if (first.body.text === prompt.text) return;
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
    const write = (kind: keyof SessionBody, body: unknown, durable = false) =>
      log.append({ ...this.entry(stream, holder.turn, kind, body as never), durable });
    let late: ReturnType<typeof setTimeout> | undefined;
    try {
      const running = agent.start({
        turn: holder.turn,
        session: prompt.session,
        prompt: prompt.text,
        model: prompt.model,
        resumes: before.resumes[agent.name] ?? null,
        aftermath: before.aftermath,
      });
      (holder as { agent: AgentTurn | null }).agent = running;
      if (holder.cancelled_by) void running.stop();
      let overran = false;
      late = setTimeout(() => {
        overran = true;
        void running.stop();
      }, limit_ms);
      const calls = new Map<string, { name: string; at: number }>();
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
      if (holder.cancelled_by) await write("cancelled", { by: holder.cancelled_by, ended: await running.stop() }, true);
      else if (overran)
        await write("failed", {
          error: `The turn was ended after its limit of ${Math.round(limit_ms / 60_000)} min (${await running.stop()}). Ask for the next step in a new prompt.`,
        });
    } catch (error) {
      console.error("turn:", error);
      const why = error instanceof Error ? error.message : String(error);
      await write("failed", { error: `The turn broke off inside the console: ${why}` }).catch(() => {});
    } finally {
      clearTimeout(late);
      await write("turn_ended", { after_ms: Math.round(performance.now() - began) }, true).catch((error) =>
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
    return { resumes, aftermath: turn ? aftermathOf(log.about(stream, turn)) : null };
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

interface Before {
  readonly resumes: Record<string, string>;
  readonly aftermath: string | null;
}

/** Words as they come, shown at most ten times a second: a thin link has better things to carry. */
class PartialWords {
  private text = "";
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly show: (text: string) => void) {}

  add(text: string): void {
    this.text += text;
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.show(this.text);
    }, 100);
  }

  clear(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    if (this.text !== "") this.show("");
    this.text = "";
  }
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

function written(
  event: Exclude<AgentEvent, { is: "partial" }>,
  calls: Map<string, { name: string; at: number }>,
): [keyof SessionBody, SessionBody[keyof SessionBody]] {
  switch (event.is) {
    case "started":
      return ["agent_started", { session_id: event.session_id, agent: event.agent }];
    case "said":
      return ["said", { text: event.text }];
    case "called":
      calls.set(event.tool_id, { name: event.name, at: performance.now() });
      return ["called", { name: event.name, input: event.input, tool_id: event.tool_id }];
    case "returned": {
      const call = calls.get(event.tool_id);
      const long = event.output.length > HEAD + TAIL;
      return [
        "returned",
        {
          name: call?.name ?? "",
          tool_id: event.tool_id,
          output: long ? `${event.output.slice(0, HEAD)}\n…\n${event.output.slice(-TAIL)}` : event.output,
          left_out: long ? event.output.length - HEAD - TAIL : 0,
          is_error: event.is_error,
          duration_ms: call ? Math.round(performance.now() - call.at) : 0,
        },
      ];
    }
    case "remarked":
      return ["remarked", { text: event.text }];
    case "concluded":
      return [
        "concluded",
        { is_error: event.is_error, result: event.result, duration_ms: event.duration_ms, cost_usd: event.cost_usd },
      ];
    case "failed":
      return ["failed", { error: event.error }];
    default:
      return event satisfies never;
  }
}
