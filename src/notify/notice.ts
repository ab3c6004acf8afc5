/**
 * What somebody who is away should hear of: an entry of the log, or a sign-in, as a notice. Pure. A notice leaves the house:
 * it says that something happened, to what and by whom, and links to the page; it never holds a command, an output, an
 * agent's words or an error's, since any of them may hold a secret.
 */
import { type ApprovalEntry, approvalFrom } from "../agent/approval-event.ts";
import type { Entry } from "../log/log.ts";
import type { PowerBody } from "../power/event.ts";
import { VERBS } from "../power/verb.ts";
import type { SessionEntry } from "../sessions/event.ts";

export interface Notice {
  readonly kind: "waiting" | "turn_ended" | "verb" | "outcome" | "access";
  readonly title: string;
  /** One or two sentences. */
  readonly text: string;
  /** Where to look, as an address of the console. */
  readonly path: string;
  /** Somebody is waited for, or power was touched. */
  readonly urgent: boolean;
  /** The stream in whose pages it is told when it can't be delivered; null: of no one. */
  readonly stream: string | null;
}

/** What other verbs take as an argument. It returns at once, and nothing of it ever fails. */
export type Notify = (notice: Notice) => void;

const KINDS: ReadonlySet<string> = new Set([
  "approval_asked",
  "turn_ended",
  "requested",
  "overdue",
  "lost",
  "finished",
  "learned",
]);

export const isNotable = (entry: Entry): boolean => KINDS.has(entry.kind);

/** `subject` is all entries about the same subject up to this one, oldest first. */
export function noticeOf(entry: Entry, subject: readonly Entry[]): Notice | null {
  switch (entry.kind) {
    case "approval_asked":
      return waiting(entry as ApprovalEntry);
    case "turn_ended":
      return turnEnded(entry, subject as readonly SessionEntry[]);
    case "requested":
    case "overdue":
    case "lost":
    case "finished":
    case "learned":
      return ofAction(entry, subject);
    default:
      return null;
  }
}

function waiting(entry: ApprovalEntry): Notice | null {
  const asked = approvalFrom([entry]);
  if (!asked) return null;
  const what: Record<typeof asked.tool, string> = {
    power: `It asks to run ${String(asked.input.verb)} on ${asked.target}.`,
    vm_run: `It asks to run a command on ${asked.target}.`,
    ask: `It has a question about ${asked.target}.`,
  };
  const until = new Date(asked.ends_at).toISOString().slice(11, 16);
  return {
    kind: "waiting",
    title: "Breakglass: the agent waits for you",
    text: `${what[asked.tool]} Until ${until} UTC; silence is a no.`,
    path: `/sessions/${asked.session}#p-${asked.approval_id}`,
    urgent: true,
    stream: entry.stream,
  };
}

function turnEnded({ stream }: Entry, turn: readonly SessionEntry[]): Notice {
  const stopped = turn.find((e) => e.kind === "cancelled");
  const broke = turn.some((e) => e.kind === "failed" || (e.kind === "concluded" && e.body.is_error));
  const asked = turn.find((e) => e.kind === "prompted");
  const how = stopped
    ? `It was stopped by ${stopped.body.by}.`
    : broke
      ? "It broke off; the page says why, and the prompt can be sent again."
      : "It is done.";
  return {
    kind: "turn_ended",
    title: "Breakglass: a turn ended",
    text: `${how}${asked ? ` Asked by ${asked.body.by}.` : ""}`,
    path: `/sessions/${stream.replace(/^session:/, "")}`,
    urgent: false,
    stream,
  };
}

function ofAction(entry: Entry, subject: readonly Entry[]): Notice | null {
  const asked = subject.find((e) => e.kind === "requested")?.body as PowerBody["requested"] | undefined;
  if (!asked || !VERBS[asked.verb]?.mutates) return null;
  const on = entry.stream.replace(/^target:/, "");
  const path = `/api/pve/actions/${entry.about}`;
  const { stream } = entry;
  if (entry.kind === "requested")
    return {
      kind: "verb",
      title: `Breakglass: ${asked.verb} on ${on}`,
      // The audit's head leaves the machine with it: from then on a rewritten audit shows.
      text: `${asked.by} asked for ${asked.verb} on ${on}. It begins now.${asked.audit ? ` Audit ${asked.audit}` : ""}`,
      path,
      urgent: true,
      stream,
    };
  const outcome = outcomeOf(entry);
  const words = {
    done: `${asked.verb} on ${on} is done.`,
    failed: `${asked.verb} on ${on} failed.`,
    refused: `${asked.verb} on ${on} was refused by the host; nothing ran.`,
    unknown: `The outcome of ${asked.verb} on ${on} is not known yet; the host is asked for it.`,
  };
  return {
    kind: "outcome",
    title: `Breakglass: ${asked.verb} on ${on}: ${outcome}`,
    text: `${words[outcome]} Asked for by ${asked.by}.`,
    path,
    urgent: true,
    stream,
  };
}

function outcomeOf(entry: Entry): "done" | "failed" | "refused" | "unknown" {
  if (entry.kind !== "finished" && entry.kind !== "learned") return "unknown";
  const { outcome, rejected } = entry.body as PowerBody["finished"];
  return rejected ? "refused" : outcome;
}

/** What access tells, of which only this much is read here. */
export interface AccessNews {
  readonly is: string;
  readonly name: string | null;
  /** The peer's address, or the terminal's account. */
  readonly from: string;
}

const ACCESS: Readonly<Record<string, string>> = {
  signed_in: "signed in at the console itself",
  enrolled: "was enrolled as an operator",
  removed: "was removed as an operator",
  revoked: "had their sign-ins revoked",
  password_changed: "changed their password",
};

/** Whoever comes in past the edge, and who may: few and worth a look. */
export function noticeOfAccess({ is, name, from }: AccessNews): Notice | null {
  const what = ACCESS[is];
  if (!what) return null;
  return {
    kind: "access",
    title: is === "signed_in" ? "Breakglass: a sign-in" : "Breakglass: operators changed",
    text: `${name ?? "Somebody"} ${what}, from ${from}.`,
    path: "/audit",
    urgent: true,
    stream: null,
  };
}
