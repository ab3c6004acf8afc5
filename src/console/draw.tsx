/**
 * Entries → what the stream sends: HTML with the components of the page, or JSON. A new thing is appended; a thing that
 * changed is replaced whole under its id, so that drawing it twice changes nothing.
 */

import { ActionItem } from "../../views/action.tsx";
import { ApprovalItem, Asking } from "../../views/approval.tsx";
import { CheckItem } from "../../views/check.tsx";
import { TurnSlot } from "../../views/composer.tsx";
import { Partial } from "../../views/hx.tsx";
import { EntryItem } from "../../views/message.tsx";
import { Running } from "../../views/power.tsx";
import { openApprovals } from "../agent/approval.ts";
import { type Approval, approvalFrom, isApproval } from "../agent/approval-event.ts";
import { CHECKS } from "../checks/check.ts";
import type { CheckEntry } from "../checks/event.ts";
import type { Entry, Log } from "../log/log.ts";
import { type Action, actionFrom } from "../power/action.ts";
import { isPower } from "../power/event.ts";
import { VERBS } from "../power/verb.ts";
import type { SessionEntry } from "../sessions/event.ts";
import { readerOf } from "../sessions/reader.ts";
import type { TargetEntry } from "../target/event.ts";
import type { Draw } from "./live.ts";
import { markdown } from "./markdown.ts";

export const isCheck = (e: Entry): e is CheckEntry => e.kind === "check_started" || e.kind === "check_ended";

export type Item =
  | { is: "entry"; entry: SessionEntry | TargetEntry }
  | { is: "action"; action: Action; fresh: boolean }
  | { is: "check"; entry: CheckEntry; fresh: boolean }
  | { is: "approval"; approval: Approval; fresh: boolean; stream: string };

/** The kinds that begin a subject: a new item, where every other kind changes one. */
const BEGINS: ReadonlySet<string> = new Set(["requested", "check_started", "approval_asked"]);

/** A batch of entries as things to draw, in order: one item per subject, as it stands at the end of the batch. */
export function itemsOf(entries: readonly Entry[], log: Log): Item[] {
  const items: Item[] = [];
  const subjects = new Map<string, number>();
  const upto = entries.at(-1)?.seq ?? 0;
  for (const entry of entries) {
    if (!isPower(entry) && !isCheck(entry) && !isApproval(entry)) {
      items.push({ is: "entry", entry: entry as SessionEntry | TargetEntry });
      continue;
    }
    const key = `${entry.stream} ${entry.about}`;
    if (subjects.has(key)) continue;
    subjects.set(key, items.length);
    const all = log.about(entry.stream, entry.about ?? "").filter((e) => e.seq <= upto);
    const fresh = BEGINS.has(entry.kind);
    const action = isPower(entry) ? actionFrom(all.filter(isPower)) : null;
    const check = all.filter(isCheck).at(-1);
    if (action) items.push({ is: "action", action, fresh });
    const approval = isApproval(entry) ? approvalFrom(all.filter(isApproval)) : null;
    if (approval) items.push({ is: "approval", approval, fresh, stream: entry.stream });
    if (check) items.push({ is: "check", entry: check, fresh });
  }
  return items;
}

/** Another session's card: it is answered on that session's page, and one line here leads to it. */
export const isElsewhere = (item: Item, session: string): boolean =>
  item.is === "approval" && item.approval.session !== session;

/** `requestId` belongs to one operator's page; the stream goes to everybody and has none. `again` lets a prompt be sent again. */
export function Drawn({
  item,
  now,
  requestId,
  again,
}: {
  item: Item;
  now: number;
  requestId?: string;
  again?: boolean;
}) {
  switch (item.is) {
    case "entry":
      return (
        <EntryItem
          entry={item.entry}
          whole={wholeOf(item.entry)}
          kept={keptOf(item.entry)}
          again={again ? { requestId } : undefined}
          now={now}
          markdown={markdown}
        />
      );
    case "action":
      return <ActionItem action={item.action} now={now} requestId={requestId} />;
    case "check":
      return (
        <CheckItem
          entry={item.entry}
          title={CHECKS[item.entry.body.name]?.title}
          whole={wholeOf(item.entry)}
          now={now}
        />
      );
    case "approval":
      return <ApprovalItem approval={item.approval} now={now} requestId={requestId} />;
    default:
      return item satisfies never;
  }
}

/** Where an output is to be had whole; the page and the stream show a long one by its head and tail. */
const wholeOf = (entry: Entry) => (seq: number) => `/sessions/${entry.stream.replace(/^session:/, "")}/entries/${seq}`;

/** Where the output of a call stands that was too long for its entry. */
const keptOf = (entry: Entry) => (tool_id: string) =>
  `/sessions/${entry.stream.replace(/^session:/, "")}/outputs/${tool_id}`;

export function drawFor(session: string, log: Log, now: () => number): Draw {
  const read = readerOf((e) => log.about(e.stream, e.about ?? "").filter((o) => o.seq < e.seq));
  return {
    html: (entries) => {
      const seq = entries.at(-1)?.seq ?? 0;
      return itemsOf(entries, log)
        .map((item) => text(<Streamed item={item} session={session} log={log} seq={seq} now={now()} />))
        .join("");
    },
    json: (entry, passed) => {
      const data = read(entry);
      return passed ? null : data && JSON.stringify(data);
    },
    subject: (entry) => (isPower(entry) ? `${entry.stream} ${entry.about}` : null),
  };
}

interface StreamedProps {
  readonly item: Item;
  readonly session: string;
  readonly log: Log;
  readonly seq: number;
  readonly now: number;
}

/** An item as the stream sends it: new ones to append, changed ones in the place of themselves, and what else they change. */
function Streamed({ item, session, log, seq, now }: StreamedProps) {
  const drawn = <Drawn item={item} now={now} again />;
  switch (item.is) {
    case "action":
      return (
        <>
          {item.fresh ? drawn : <Partial target={`#a-${item.action.id}`}>{drawn}</Partial>}
          {VERBS[item.action.verb].mutates && (
            <Partial target="#running" swap="outerHTML">
              <Running action={item.action} last={item.action} seq={seq} now={now} />
            </Partial>
          )}
        </>
      );
    case "approval":
      return (
        <>
          {isElsewhere(item, session) ? null : item.fresh ? (
            drawn
          ) : (
            <Partial target={`#p-${item.approval.approval_id}`}>{drawn}</Partial>
          )}
          <Partial target="#asking" swap="outerHTML">
            <Asking approvals={openApprovals(log, item.stream, seq)} session={session} seq={seq} />
          </Partial>
        </>
      );
    case "check":
      return item.fresh ? drawn : <Partial target={`#c-${item.entry.about}`}>{drawn}</Partial>;
    case "entry": {
      const { entry } = item;
      const turns = entry.kind === "prompted" || entry.kind === "turn_ended";
      return (
        <>
          {drawn}
          {turns && (
            <Partial target="#turn" swap="outerHTML">
              <TurnSlot
                sessionId={session}
                running={entry.kind === "prompted"}
                startedAt={entry.at}
                by={entry.kind === "prompted" ? entry.body.by : ""}
                seq={seq}
                now={now}
              />
            </Partial>
          )}
        </>
      );
    }
    default:
      return item satisfies never;
  }
}

/** The views are synchronous; an async one would turn up here as a promise, and must not. */
export function text(element: { toString(): string | Promise<string> }): string {
  const drawn = element.toString();
  if (typeof drawn !== "string") throw new Error("a view is asynchronous");
  return drawn;
}
