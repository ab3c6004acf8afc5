/**
 * Entries → what the stream sends: HTML with the components of the page, or JSON. A new thing is appended; a thing that
 * changed is replaced whole under its id, so that drawing it twice changes nothing.
 */
import { ActionItem } from "../../views/action.tsx";
import { CheckItem } from "../../views/check.tsx";
import { TurnSlot } from "../../views/composer.tsx";
import { Partial } from "../../views/hx.tsx";
import { EntryItem } from "../../views/message.tsx";
import { Running } from "../../views/power.tsx";
import { CHECKS } from "../checks/check.ts";
import type { CheckEntry } from "../checks/event.ts";
import type { Entry, Log } from "../log/log.ts";
import { type Action, actionFrom } from "../power/action.ts";
import { isPower, type PowerEntry } from "../power/event.ts";
import { VERBS } from "../power/verb.ts";
import type { SessionEntry } from "../sessions/event.ts";
import { readerOf } from "../sessions/reader.ts";
import type { TargetEntry } from "../target/event.ts";
import type { Draw } from "./live.ts";

export const isCheck = (e: Entry): e is CheckEntry => e.kind === "check_started" || e.kind === "check_ended";

export type Item =
  | { is: "entry"; entry: SessionEntry | TargetEntry }
  | { is: "action"; action: Action; fresh: boolean }
  | { is: "check"; entry: CheckEntry; fresh: boolean };

/** A batch of entries as things to draw, in order: one item per subject, as it stands at the end of the batch. */
export function itemsOf(entries: readonly Entry[], log: Log): Item[] {
  const items: Item[] = [];
  const subjects = new Map<string, number>();
  const upto = entries.at(-1)?.seq ?? 0;
  for (const entry of entries) {
    if (!isPower(entry) && !isCheck(entry)) {
      items.push({ is: "entry", entry: entry as SessionEntry | TargetEntry });
      continue;
    }
    const key = `${entry.stream} ${entry.about}`;
    if (subjects.has(key)) continue;
    subjects.set(key, items.length);
    const all = log.about(entry.stream, entry.about ?? "").filter((e) => e.seq <= upto);
    const fresh = entry.kind === "requested" || entry.kind === "check_started";
    const action = isPower(entry) ? actionFrom(all.filter(isPower)) : null;
    const check = all.filter(isCheck).at(-1);
    if (action) items.push({ is: "action", action, fresh });
    if (check) items.push({ is: "check", entry: check, fresh });
  }
  return items;
}

export function Drawn({ item, now }: { item: Item; now: number }) {
  switch (item.is) {
    case "entry":
      return <EntryItem entry={item.entry} whole={wholeOf(item.entry)} now={now} />;
    case "action":
      return <ActionItem action={item.action} now={now} />;
    case "check":
      return (
        <CheckItem
          entry={item.entry}
          title={CHECKS[item.entry.body.name]?.title}
          whole={wholeOf(item.entry)}
          now={now}
        />
      );
    default:
      return item satisfies never;
  }
}

/** Where an output is to be had whole; the page and the stream show a long one by its head and tail. */
const wholeOf = (entry: Entry) => (seq: number) => `/sessions/${entry.stream.replace(/^session:/, "")}/entries/${seq}`;

export function drawFor(session: string, log: Log, now: () => number): Draw {
  const read = readerOf((e) =>
    log.about(e.stream, e.about ?? "").filter((o): o is PowerEntry => isPower(o) && o.seq < e.seq),
  );
  return {
    html: (entries) => {
      const seq = entries.at(-1)?.seq ?? 0;
      return itemsOf(entries, log)
        .map((item) => text(<Streamed item={item} session={session} seq={seq} now={now()} />))
        .join("");
    },
    json: (entry) => {
      const data = read(entry);
      return data && JSON.stringify(data);
    },
  };
}

/** An item as the stream sends it: new ones to append, changed ones in the place of themselves, and what else they change. */
function Streamed({ item, session, seq, now }: { item: Item; session: string; seq: number; now: number }) {
  const drawn = <Drawn item={item} now={now} />;
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
