/**
 * The agent's tools, offered to the CLI over MCP on a loopback listener of its own, with a token per turn. A call goes to
 * the console's own doings (`AgentTools`), where locks, limits and the log are; this file knows only who may call, and
 * what is under way. MCP itself is in `mcp.ts`, which is heavy and is loaded when the first turn begins.
 */
import { createHash, randomBytes } from "node:crypto";
import type { AgentTools, ToolAnswer, ToolCall } from "../sessions/agent.ts";
import { asData, bounded } from "./data.ts";
import type { Listener } from "./mcp.ts";

export const TOOL_NAMES = ["vm_run", "power", "check", "runbook", "ask"] as const;
export type ToolName = (typeof TOOL_NAMES)[number];

export interface ToolServer {
  /** Starts the listener if it does not run yet. Rejects when it can't. One turn is opened once. */
  open(turn: string): Promise<{ readonly url: string; readonly token: string }>;
  /**
   * From now on the token is refused. Calls under way are told to end once `after` has settled (at once, without it) and
   * waited for, `wait_ms` at most. Resolves with what was under way, in words; empty when nothing was.
   */
  close(turn: string, after?: Promise<unknown>, wait_ms?: number): Promise<readonly string[]>;
  /** How many calls of the turn are under way. */
  running(turn: string): number;
  stop(): Promise<void>;
}

/** A turn that is open, as the listener sees it. */
export interface OpenTurn {
  readonly turn: string;
  call(name: ToolName, input: ToolInput, tool_id: string | null): Promise<ToolAnswer>;
}

export interface ToolInput {
  readonly command?: string;
  readonly verb?: string;
  readonly name?: string;
  readonly reason?: string;
  readonly timeout_s?: number;
  readonly question?: string;
  readonly choices?: readonly string[];
}

/** A turn's token is a secret while the turn is open, and no answer to the agent holds a secret of the console. */
export interface SecretsOfTurns {
  readonly clean?: (text: string) => string;
  readonly learn?: (token: string) => () => void;
}

interface Turn extends OpenTurn {
  readonly forget: () => void;

  readonly digest: string;
  readonly stopping: AbortController;
  readonly over: AbortController;
  readonly calls: Map<Promise<ToolAnswer>, string>;
}

/** Parallel calls of one turn; a model that wants more is told to wait. */
const MOST_AT_ONCE = 4;
const DEFAULT_TIMEOUT_S = 60;
/** A command that ignores TERM takes 2 s to end, and its proof another connection. */
const CLOSE_WITHIN_MS = 8000;
const FORGET_AFTER_MS = 60_000;

export function toolServer(does: AgentTools, secrets: SecretsOfTurns = {}): ToolServer {
  /** By digest: comparing digests tells a guesser nothing about the token. */
  const open = new Map<string, Turn>();
  let listener: Promise<Listener> | null = null;

  const listen = (): Promise<Listener> => {
    listener ??= import("./mcp.ts").then((mcp) => mcp.listenForTools((token) => open.get(digestOf(token)) ?? null));
    // A listener that failed once is tried again with the next turn.
    listener.catch(() => {
      listener = null;
    });
    return listener;
  };
  const find = (turn: string): Turn | undefined => [...open.values()].find((t) => t.turn === turn);

  return {
    async open(turn) {
      const { url } = await listen();
      const token = randomBytes(32).toString("base64url");
      const digest = digestOf(token);
      open.set(digest, openTurn(does, turn, digest, secrets, secrets.learn?.(token) ?? (() => {})));
      return { url, token };
    },
    async close(turn, after, wait_ms = CLOSE_WITHIN_MS) {
      const closing = find(turn);
      if (!closing) return [];
      open.delete(closing.digest);
      closing.stopping.abort();
      const under_way = new Map(closing.calls);
      await after;
      closing.over.abort();
      if (under_way.size > 0) await Promise.race([Promise.allSettled(under_way.keys()), Bun.sleep(wait_ms)]);
      // What the process says at its end may name it still.
      setTimeout(closing.forget, FORGET_AFTER_MS).unref();
      return Promise.all(
        [...under_way].map(async ([call, words]) => {
          if (closing.calls.has(call)) return `${words}, which goes on`;
          const ended = await call.then(
            (answer) => answer.ended,
            () => undefined,
          );
          return ended ? `${words} (${ended})` : words;
        }),
      );
    },
    running: (turn) => find(turn)?.calls.size ?? 0,
    async stop() {
      for (const { turn } of open.values()) void this.close(turn, undefined, 0);
      await (await listener?.catch(() => null))?.stop();
      listener = null;
    },
  };
}

function openTurn(
  does: AgentTools,
  turn: string,
  digest: string,
  { clean = (text) => text }: SecretsOfTurns,
  forget: () => void,
): Turn {
  const stopping = new AbortController();
  const over = new AbortController();
  const calls = new Map<Promise<ToolAnswer>, string>();
  return {
    turn,
    digest,
    forget,
    stopping,
    over,
    calls,
    async call(name, input, tool_id) {
      if (over.signal.aborted) return refused("The turn is over; nothing was done.");
      if (calls.size >= MOST_AT_ONCE)
        return refused(
          `${MOST_AT_ONCE} calls are under way already; nothing was done. Wait for one of them to answer.`,
        );
      const signals = { signal: over.signal, stopping: stopping.signal };
      const doing = carryOut(does, name, input, { turn, tool_id: tool_id ?? undefined, ...signals });
      calls.set(doing, inWords(name, input));
      try {
        const answer = await doing;
        if (answer.own_words) return answer;
        const mark = randomBytes(6).toString("hex");
        const text = asData(bounded(clean(answer.text)), mark, answer.document ? "document" : "machine");
        return { text, is_error: answer.is_error };
      } catch (error) {
        // A refusal is a sentence for the agent, too: it can go on with it.
        return refused(error instanceof Error ? error.message : String(error));
      } finally {
        calls.delete(doing);
      }
    },
  };
}

function carryOut(does: AgentTools, name: ToolName, input: ToolInput, call: ToolCall): Promise<ToolAnswer> {
  const reason = input.reason ?? "";
  switch (name) {
    case "vm_run":
      return does.vmRun({
        ...call,
        command: input.command ?? "",
        reason,
        timeout_s: input.timeout_s ?? DEFAULT_TIMEOUT_S,
      });
    case "power":
      return does.power({ ...call, verb: input.verb ?? "", reason });
    case "check":
      return does.check({ ...call, name: input.name ?? "" });
    case "runbook":
      return does.runbook({ ...call, name: input.name ?? null });
    case "ask":
      return does.ask({ ...call, question: input.question ?? "", choices: input.choices ?? [] });
    default:
      return name satisfies never;
  }
}

const refused = (sentence: string): ToolAnswer => ({ text: sentence, is_error: true });

function inWords(name: ToolName, input: ToolInput): string {
  const what = (input.command ?? input.verb ?? input.name ?? input.question ?? "").replace(/\s+/g, " ");
  return `${name} ${what.length > 80 ? `${what.slice(0, 80)}…` : what}`;
}

const digestOf = (token: string): string => createHash("sha256").update(token).digest("hex");
