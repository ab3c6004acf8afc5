/**
 * Approvals: the operator's yes or no to something the agent asks to do. The question is written before anything else, it
 * outlives every connection, and it is settled once: answered by an operator, or lapsed (silence is a no). Only this process
 * can turn a yes into a deed: nobody wants a stale root command to run after a restart.
 */
import type { Draft, Log } from "../log/log.ts";
import { refuse } from "../refusal.ts";
import { sessionStream } from "../sessions/event.ts";
import {
  APPROVAL_ENDS,
  type Approval,
  type ApprovalBody,
  type ApprovalEntry,
  approvalFrom,
  isApproval,
} from "./approval-event.ts";

export interface Asking extends Omit<ApprovalBody["approval_asked"], "limit_ms"> {
  readonly session: string;
}

export type Decision =
  | { readonly is: "allowed"; readonly approval_id: string; readonly by: string }
  | { readonly is: "denied"; readonly approval_id: string; readonly by: string }
  | { readonly is: "lapsed"; readonly approval_id: string; readonly why: string };

export interface ApprovalTools {
  readonly log: Log;
  readonly newId: () => string;
  /** BREAKGLASS_APPROVAL_TIMEOUT_SECONDS, ms. */
  readonly limit_ms: number;
}

/** Cards of one session that are looked at for open ones; a turn has four calls at most. */
const NEWEST = 12;
const STOPPED = "the turn was stopped before anybody answered";
const RESTARTED = "the server was restarted before anybody answered";

export class Approvals {
  /** Those that somebody waits for here. */
  private readonly waiting = new Map<string, (settled: ApprovalEntry) => void>();

  constructor(private readonly tools: ApprovalTools) {}

  /** Resolves once it is settled; `signal` is the turn's. Rejects with LogUnwritable: then nothing was asked. */
  async ask({ session, ...asked }: Asking, signal?: AbortSignal): Promise<Decision> {
    const { log, newId, limit_ms } = this.tools;
    const id = newId();
    if (signal?.aborted) return { is: "lapsed", approval_id: id, why: STOPPED };
    const stream = sessionStream(session);
    const settled = new Promise<ApprovalEntry>((resolve) => this.waiting.set(id, resolve));
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
        this.waiting.get(id)?.({ kind: "approval_lapsed", body: { why } } as ApprovalEntry);
        this.waiting.delete(id);
      });
    const late = setTimeout(() => lapse(`nobody answered within ${limitInWords(limit_ms)}`), limit_ms);
    const stopped = () => lapse(STOPPED);
    signal?.addEventListener("abort", stopped, { once: true });
    if (signal?.aborted) stopped();
    try {
      return decisionOf(id, await settled);
    } finally {
      clearTimeout(late);
      signal?.removeEventListener("abort", stopped);
    }
  }

  /** Once. The same answer by the same operator again is fine. Throws Refusal 404, and 409 with who and when. */
  async answer(id: string, decision: "allowed" | "denied", by: string): Promise<Approval> {
    const before = this.find(id) ?? refuse(404, "approval not found; reload the page to see what is asked");
    const stream = sessionStream(before.session);
    if (before.state === "open") {
      // What nobody waits for can't be allowed any more, even if its end is not written yet.
      if (this.waiting.has(id)) await this.settle(stream, id, "approval_answered", { decision, by });
      else await this.settle(stream, id, "approval_lapsed", { why: RESTARTED });
    }
    const now = this.find(id)!;
    if (now.state === decision && now.by === by) return now;
    refuse(409, whySettled(now), { approval_id: id, state: now.state, by: now.by });
  }

  find(id: string): Approval | null {
    const asked = this.tools.log.once(askedOnce(id));
    return asked && approvalFrom(this.tools.log.about(asked.stream, id).filter(isApproval));
  }

  /** The first word on it, whoever says it: all go through one key of the log. */
  private async settle<K extends (typeof APPROVAL_ENDS)[number]>(
    stream: string,
    id: string,
    kind: K,
    body: ApprovalBody[K],
  ): Promise<void> {
    const { entry } = await this.tools.log.append(ending(stream, id, kind, body));
    this.waiting.get(id)?.(entry as ApprovalEntry);
    this.waiting.delete(id);
  }
}

/** The open ones of a session as of a seq, oldest first. */
export function openApprovals(log: Log, session: string, upto = Number.MAX_SAFE_INTEGER): Approval[] {
  const stream = sessionStream(session);
  return log
    .newest({
      stream,
      kind: "approval_asked",
      limit: NEWEST,
      before: upto === Number.MAX_SAFE_INTEGER ? upto : upto + 1,
    })
    .map((asked) =>
      approvalFrom(
        log.about(stream, asked.about ?? "").filter((e) => isApproval(e) && e.seq <= upto) as ApprovalEntry[],
      ),
    )
    .filter((approval): approval is Approval => approval?.state === "open")
    .reverse();
}

/** At the start: whoever waited for these is gone. They stand as lapsed and can never be allowed. */
export async function lapseOpen(log: Log): Promise<number> {
  const open = log.unfinished("approval_asked", APPROVAL_ENDS);
  await log.appendAll(
    open.map(({ stream, about }) => ending(stream, about ?? "", "approval_lapsed", { why: RESTARTED })),
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

function decisionOf(approval_id: string, settled: ApprovalEntry): Decision {
  switch (settled.kind) {
    case "approval_answered":
      return { is: settled.body.decision, approval_id, by: settled.body.by };
    case "approval_lapsed":
      return { is: "lapsed", approval_id, why: settled.body.why };
    default:
      throw new Error(`an approval can't end with ${settled.kind}`);
  }
}

function whySettled(approval: Approval): string {
  const when =
    approval.settled_at === null ? "" : ` at ${new Date(approval.settled_at).toISOString().slice(11, 19)} UTC`;
  if (approval.state === "lapsed")
    return `this approval lapsed${when}: ${approval.why}; nothing ran. Ask the agent again if it is still right`;
  return `this approval was ${approval.state} by ${approval.by}${when}; it is answered once`;
}

export function limitInWords(ms: number): string {
  const s = Math.round(ms / 1000);
  return s < 120 ? `${s} s` : `${Math.round(s / 60)} min`;
}
