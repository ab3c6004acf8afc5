/**
 * Approvals: the operator's yes or no to something the agent asks to do, and their answer to what it asks to know. It is
 * written before anything else, in its target's stream, it outlives every connection, and it is settled once: answered by an
 * operator, or lapsed (silence is a no). Only this process can turn a yes into a deed: nobody wants a stale root command to
 * run after a restart.
 */
import type { Draft, Log } from "../log/log.ts";
import { refuse } from "../refusal.ts";
import { streamOf, type Target } from "../target/target.ts";
import {
  APPROVAL_ENDS,
  type Approval,
  type ApprovalBody,
  type ApprovalEntry,
  approvalFrom,
  isApproval,
} from "./approval-event.ts";
import { MOST_SILENCES, Silences } from "./silence.ts";

export interface Asking extends Omit<ApprovalBody["approval_asked"], "limit_ms"> {
  readonly session: string;
  /** Whose pages show it; `target` is its name in words. */
  readonly on: Pick<Target, "id">;
}

type Lapsed = { readonly is: "lapsed"; readonly approval_id: string; readonly why: string };

export type Decision =
  | { readonly is: "allowed"; readonly approval_id: string; readonly by: string }
  | { readonly is: "denied"; readonly approval_id: string; readonly by: string }
  | Lapsed;

export type Reply = { readonly is: "answered"; readonly text: string; readonly by: string } | Lapsed;

export interface ApprovalTools {
  readonly log: Log;
  readonly newId: () => string;
  /** BREAKGLASS_APPROVAL_TIMEOUT_SECONDS, ms. */
  readonly limit_ms: number;
}

/** Cards of one target that are looked at for open ones; a turn has four calls at most. */
const NEWEST = 40;
export const STOPPED = "the turn was stopped before anybody answered";
const RESTARTED = "the server was restarted before anybody answered";

export class Approvals {
  /** Those that somebody waits for here. */
  private readonly waiting = new Map<string, { turn: string; settled: (by: ApprovalEntry) => void }>();

  private readonly silences = new Silences();

  constructor(private readonly tools: ApprovalTools) {}

  /** True while a call of the turn waits for an operator. */
  waits(turn: string): boolean {
    return [...this.waiting.values()].some((one) => one.turn === turn);
  }

  /** May it? Resolves once it is settled; `signal` is the turn's. Rejects with LogUnwritable: then nothing was asked. */
  async ask(asking: Asking, signal?: AbortSignal): Promise<Decision> {
    const settled = await this.settled(asking, signal);
    if (settled.is === "answered") throw new Error("what asks for a yes was answered with words");
    return settled;
  }

  /** What does the operator say? Otherwise as `ask`. */
  async inquire(asking: Asking & { tool: "ask" }, signal?: AbortSignal): Promise<Reply> {
    const settled = await this.settled(asking, signal);
    if (settled.is === "allowed" || settled.is === "denied") throw new Error("a question was answered with yes or no");
    return settled;
  }

  private async settled({ on, ...asked }: Asking, signal?: AbortSignal): Promise<Decision | Reply> {
    const { log, newId, limit_ms } = this.tools;
    const id = newId();
    if (signal?.aborted) return { is: "lapsed", approval_id: id, why: STOPPED };
    const stream = streamOf(on);
    if (this.silences.tooMany(asked.turn))
      return { is: "lapsed", approval_id: id, why: `nobody answered the last ${MOST_SILENCES} times in this turn` };
    const settled = new Promise<ApprovalEntry>((resolve) =>
      this.waiting.set(id, { turn: asked.turn, settled: resolve }),
    );
    try {
      const body = { ...asked, limit_ms };
      await log.append({ stream, kind: "approval_asked", about: id, body, once: askedOnce(id), durable: true });
    } catch (error) {
      this.waiting.delete(id);
      throw error;
    }
    const lapse = (why: string) =>
      void this.settle(stream, id, "approval_lapsed", { why }).catch((error) => {
        // A log that takes nothing makes no yes of it: it lapses all the same, and is written at the next start.
        console.error(`approval ${id}:`, error);
        this.waiting.get(id)?.settled({ kind: "approval_lapsed", body: { why } } as ApprovalEntry);
        this.waiting.delete(id);
      });
    let silence = false;
    const late = setTimeout(() => {
      silence = true;
      lapse(`nobody answered within ${limitInWords(limit_ms)}`);
    }, limit_ms);
    const stopped = () => lapse(STOPPED);
    signal?.addEventListener("abort", stopped, { once: true });
    if (signal?.aborted) stopped();
    try {
      const decision = decisionOf(id, await settled);
      this.silences.heard(asked.turn, silence && decision.is === "lapsed");
      return decision;
    } finally {
      clearTimeout(late);
      signal?.removeEventListener("abort", stopped);
    }
  }

  /** Once. The same answer by the same operator again is fine. Throws Refusal 404, 422, and 409 with who and when. */
  answer(id: string, decision: "allowed" | "denied", by: string): Promise<Approval> {
    return this.say(id, { decision, by });
  }

  /** The answer to a question, in the operator's words; otherwise as `answer`. */
  reply(id: string, text: string, by: string): Promise<Approval> {
    return this.say(id, { decision: "answered", by, text });
  }

  find(id: string): Approval | null {
    const asked = this.asked(id);
    return asked && approvalFrom(this.tools.log.about(asked.stream, id).filter(isApproval));
  }

  private async say(id: string, said: ApprovalBody["approval_answered"]): Promise<Approval> {
    const before = this.find(id) ?? refuse(404, "approval not found; reload the page to see what is asked");
    if ((before.tool === "ask") !== (said.decision === "answered"))
      refuse(
        422,
        before.tool === "ask"
          ? 'the agent asks a question here: send {"decision": "answer", "text": "…"}'
          : 'this asks for a yes or a no: send {"decision": "allow"} or {"decision": "deny"}',
      );
    const { stream } = this.asked(id)!;
    if (before.state === "open") {
      // What nobody waits for can't be allowed any more, even if its end is not written yet.
      if (this.waiting.has(id)) await this.settle(stream, id, "approval_answered", said);
      else await this.settle(stream, id, "approval_lapsed", { why: RESTARTED });
    }
    const now = this.find(id)!;
    if (now.state === said.decision && now.by === said.by && now.text === (said.text ?? null)) return now;
    refuse(409, whySettled(now), { approval_id: id, state: now.state, by: now.by });
  }

  private asked = (id: string) => this.tools.log.once(askedOnce(id));

  /** The first word on it, whoever says it: all go through one key of the log. */
  private async settle<K extends (typeof APPROVAL_ENDS)[number]>(
    stream: string,
    id: string,
    kind: K,
    body: ApprovalBody[K],
  ): Promise<void> {
    const { entry } = await this.tools.log.append(ending(stream, id, kind, body));
    this.waiting.get(id)?.settled(entry as ApprovalEntry);
    this.waiting.delete(id);
  }
}

/** The open ones of a target's stream as of a seq, oldest first, of all its sessions. */
export function openApprovals(log: Log, stream: string, upto?: number): Approval[] {
  return newest(log, stream, upto)
    .filter(({ state }) => state === "open")
    .reverse();
}

/** What a turn asked, newest first, as it stands. */
export function approvalsOf(log: Log, target: Pick<Target, "id">, turn: string): Approval[] {
  return newest(log, streamOf(target)).filter((approval) => approval.turn === turn);
}

function newest(log: Log, stream: string, upto = Number.MAX_SAFE_INTEGER - 1): Approval[] {
  return log
    .newest({ stream, kind: "approval_asked", limit: NEWEST, before: upto + 1 })
    .flatMap(
      (asked) =>
        approvalFrom(
          log.about(stream, asked.about ?? "").filter((e) => e.seq <= upto && isApproval(e)) as ApprovalEntry[],
        ) ?? [],
    );
}

/** At the start: whoever waited for these is gone. They stand as lapsed and can never be allowed. */
export async function lapseOpen(log: Log): Promise<number> {
  const open = log.unfinished("approval_asked", APPROVAL_ENDS);
  await log.appendAll(
    open.map(({ stream, about }) => ({
      ...ending(stream, about ?? "", "approval_lapsed", { why: RESTARTED }),
      rescue: true,
    })),
  );
  return open.length;
}

function ending<K extends (typeof APPROVAL_ENDS)[number]>(
  stream: string,
  id: string,
  kind: K,
  body: ApprovalBody[K],
): Draft {
  return { stream, kind, about: id, body, once: `approval:${id}`, durable: true };
}

const askedOnce = (id: string): string => `approval-asked:${id}`;

function decisionOf(approval_id: string, settled: ApprovalEntry): Decision | Reply {
  switch (settled.kind) {
    case "approval_answered": {
      const { decision, by, text } = settled.body;
      return decision === "answered" ? { is: decision, text: text ?? "", by } : { is: decision, approval_id, by };
    }
    case "approval_lapsed":
      return { is: "lapsed", approval_id, why: settled.body.why };
    default:
      throw new Error(`an approval can't end with ${settled.kind}`);
  }
}

function whySettled(approval: Approval): string {
  const when =
    approval.settled_at === null ? "" : ` at ${new Date(approval.settled_at).toISOString().slice(11, 19)} UTC`;
  const what = approval.tool === "ask" ? "question" : "approval";
  if (approval.state === "lapsed")
    return `this ${what} lapsed${when}: ${approval.why}${what === "approval" ? "; nothing ran" : ""}. Ask the agent again if it still matters`;
  return `this ${what} was ${approval.state} by ${approval.by}${when}; it is answered once`;
}

export function limitInWords(ms: number): string {
  const s = Math.round(ms / 1000);
  return s < 120 ? `${s} s` : `${Math.round(s / 60)} min`;
}
