/**
 * A turn from its committed prompt to `turn_ended`: what the agent says is written before it is shown, and whatever becomes of
 * the agent, the turn ends. It does not know which session is busy, nor who may begin a turn.
 */
import { type Draft, type Log, LogUnwritable } from "../log/log.ts";
import { within } from "../within.ts";
import type { Agent, AgentTurn } from "./agent.ts";
import type { Before } from "./before.ts";
import { type SessionBody, sessionStream } from "./event.ts";
import { PartialWords } from "./partial-words.ts";
import { turnClock } from "./turn-clock.ts";
import { type Calls, written } from "./written.ts";

export interface CarryTools {
  readonly log: Log;
  readonly agent: Agent;
  /** Of the agent's own time: while a call of the turn waits for an operator, it does not run. */
  readonly limit_ms: number;
  /** True while a call of the turn waits for an operator. */
  readonly waits?: (turn: string) => boolean;
  /** Shows words that are no entry (yet): partial text of the turn that runs in a session; "" clears it. */
  readonly whisper: (session: string, text: string) => void;
  /** How often what the log refuses is tried again, once a second; left out, 20 times. */
  readonly write_tries?: number;
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

/** A turn while it runs. Whoever stops it says so here first, then stops its agent. */
export interface Running {
  readonly turn: string;
  agent: AgentTurn | null;
  cancelled_by: string | null;
}

/** A log that refuses is asked again so often, with such pauses: 20 s, and what a disk that hangs takes to be known as that. */
const WRITE_TRIES = 20;
const WRITE_AGAIN_MS = 1000;
/** How long a turn that broke off waits for the proof that its agent is gone; an agent takes some seconds at most. */
const STOPPED_WITHIN_MS = 20_000;

/** Never rejects. */
export async function carryThrough(tools: CarryTools, prompt: Prompt, running: Running, before: Before): Promise<void> {
  const { log, agent, limit_ms, whisper } = tools;
  const stream = sessionStream(prompt.session);
  const began = performance.now();
  const write = async (kind: keyof SessionBody, body: unknown, how: Pick<Draft, "durable" | "rescue"> = {}) => {
    for (let tries = 1; ; tries++)
      try {
        return await log.append({ stream, kind, about: running.turn, body, ...how });
      } catch (error) {
        // A disk that is behind by seconds ends no turn: the agent waits with us.
        if (!(error instanceof LogUnwritable) || tries > (tools.write_tries ?? WRITE_TRIES) || running.cancelled_by)
          throw error;
        await Bun.sleep(WRITE_AGAIN_MS);
      }
  };
  let stopClock = () => {};
  try {
    const started = agent.start({
      turn: running.turn,
      session: prompt.session,
      prompt: prompt.text,
      model: prompt.model,
      resumes: before.resumes[agent.name] ?? null,
      aftermath: before.aftermath,
      recall: before.recall,
    });
    running.agent = started;
    if (running.cancelled_by) void started.stop();
    let overran = false;
    const overrun = () => {
      overran = true;
      void started.stop();
    };
    stopClock = turnClock(limit_ms, () => tools.waits?.(running.turn) ?? false, overrun);
    const calls: Calls = new Map();
    const partial = new PartialWords((text) => whisper(prompt.session, text));
    for await (const event of started.events) {
      if (event.is === "partial") {
        partial.add(event.text);
        continue;
      }
      partial.clear();
      // After Stop, what the agent says of its own end would only repeat ours.
      if (running.cancelled_by && (event.is === "failed" || event.is === "concluded")) continue;
      const [kind, body] = written(event, calls);
      const kept = event.is === "returned" ? tools.kept?.(prompt.session, event.tool_id) : null;
      await write(kind, kept ? { ...body, kept } : body);
    }
    partial.clear();
    if (running.cancelled_by)
      await write("cancelled", { by: running.cancelled_by, ended: await started.stop() }, { durable: true });
    else if (overran)
      await write("failed", {
        error: `The turn was ended after its limit of ${Math.round(limit_ms / 60_000)} min (${await started.stop()}). Ask for the next step in a new prompt.`,
      });
  } catch (error) {
    console.error("turn:", error);
    const why = error instanceof Error ? error.message : String(error);
    // Before the session is free: two agents must not be at work in one conversation.
    const ended = await endedInWords(running.agent);
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

/** What became of an agent that nobody listens to any more, in words; "" where none had started. */
async function endedInWords(agent: AgentTurn | null): Promise<string> {
  if (!agent) return "";
  let how = "";
  const ended = agent.stop().then(
    (words) => {
      how = words;
    },
    (error) => {
      how = `its agent: ${error}`;
    },
  );
  return (await within(ended, STOPPED_WITHIN_MS))
    ? how
    : `its agent could not be seen to end within ${STOPPED_WITHIN_MS / 1000} s`;
}
