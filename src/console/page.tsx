/**
 * A session's page, put together from what is known at this moment: its target, the turn, the newest of the transcript, with request
 * ids for whoever asked. It knows no address but those that stand in it; what a route answers is the routes' own.
 */
import type { Child } from "hono/jsx";
import type { RequestIds as RequestIdsOfPage } from "../../views/hx.tsx";
import { Page, type Assets as PageAssets } from "../../views/page.tsx";
import { PowerPanel } from "../../views/power.tsx";
import type { RequestIds } from "../access/request-id.ts";
import { openApprovals } from "../agent/approval.ts";
import { CHECKS } from "../checks/check.ts";
import type { Log } from "../log/log.ts";
import type { Power, Pve } from "../power/carry-out.ts";
import { knownBefore } from "../power/preflight.ts";
import { refuse } from "../refusal.ts";
import type { Session, Sessions } from "../sessions/session.ts";
import type { Turns } from "../sessions/turn.ts";
import type { State } from "../target/state.ts";
import { streamOf, type Target } from "../target/target.ts";
import { Drawn, type Item, isElsewhere, itemsOf } from "./draw.tsx";

export interface ConsoleParts {
  readonly log: Log;
  readonly sessions: Sessions;
  readonly turns: Turns;
  readonly power: Power;
  readonly pve: Pve;
  readonly targets: readonly [Target, ...Target[]];
  readonly stateOf: (target: Target) => State;
  readonly requestIds: RequestIds;
  /** What the composer offers, the usual one first; empty where the agent has no model. */
  readonly models: readonly string[];
  readonly assets: PageAssets;
  readonly keepalive_ms: number;
  /** The lab's fault panel, where there is a lab. */
  readonly faults: ((by: string) => Child) | null;
  /** Somebody opened a page: its facts should be fresh when they look. */
  readonly attended: (target: Target) => void;
}

/** Entries that a page shows at first, and each "Earlier" brings: with 50 usual ones the first screen stays below 10,000 bytes. */
const TAIL = 50;

/** What is known of a target before a tap on power. */
export const knownOf = ({ stateOf, power, pve }: Pick<ConsoleParts, "stateOf" | "power" | "pve">, target: Target) =>
  knownBefore(target, stateOf(target), power.lastEvidence(target), pve.kindOf(target));

/** The Power region as it is now, with request ids for one operator. */
export function powerPanel(parts: ConsoleParts, target: Target, by: string) {
  const holder = parts.power.holder(target);
  return (
    <PowerPanel
      target={target}
      action={holder && parts.power.find(target, holder.action)}
      last={parts.power.lastChange(target)}
      requestIds={parts.requestIds.forPage(by)}
      state={parts.stateOf(target)}
      legacy={parts.pve.kindOf(target) === "legacy"}
      seq={parts.log.head}
      now={Date.now()}
    />
  );
}

export function sessionPage(parts: ConsoleParts, session: Session, by: string, before: number | null = null) {
  const target =
    parts.targets.find((t) => t.id === session.target) ??
    refuse(
      404,
      `this session's target '${session.target}' is not in the settings any more; its transcript is at /sessions/${session.session_id}/tail`,
    );
  parts.attended(target);
  const running = parts.turns.runningIn(session.session_id);
  const holder = parts.power.holder(target);
  const requestIds = parts.requestIds.forPage(by);
  const shown = tailOf(parts, session, before === null ? parts.log.head : before - 1, requestIds);
  return (
    <Page
      assets={parts.assets}
      target={target}
      targets={parts.targets}
      session={session}
      turn={{ running: running !== null, startedAt: running?.started_at ?? null, by: running?.by ?? null }}
      presets={Object.values(CHECKS)}
      models={parts.models}
      requestIds={requestIds}
      approvals={openApprovals(parts.log, streamOf(target))}
      items={shown.items}
      after={parts.log.head}
      earlier={shown.earlier}
      heartbeat_ms={parts.keepalive_ms}
      faults={parts.faults?.(by)}
      action={holder && parts.power.find(target, holder.action)}
      last={parts.power.lastChange(target)}
      state={parts.stateOf(target)}
      known={knownOf(parts, target)}
      legacy={parts.pve.kindOf(target) === "legacy"}
      now={Date.now()}
    />
  );
}

/** The newest entries up to a seq as items, and where "Earlier" goes on. */
export function tailOf({ log, sessions }: ConsoleParts, session: Session, upto: number, requestIds: RequestIdsOfPage) {
  const streams = sessions.streamsOf(session.session_id) ?? [];
  const entries = log.tail({ streams, upto, limit: TAIL });
  const first = entries[0]?.seq ?? 0;
  const more = entries.length === TAIL && log.tail({ streams, upto: first - 1, limit: 1 }).length > 0;
  const now = Date.now();
  // Only what was asked last can be sent again; of an earlier part of the transcript, nothing.
  const asked = upto === log.head ? entries.findLast((e) => e.kind === "prompted")?.about : undefined;
  const again = (item: Item) => item.is === "entry" && item.entry.kind === "failed" && item.entry.about === asked;
  const items = itemsOf(entries, log)
    // What began earlier is drawn where it began.
    .filter((item) => (item.is === "entry" || item.fresh) && !isElsewhere(item, session.session_id))
    .map((item) => (
      <Drawn
        item={item}
        now={now}
        again={again(item)}
        requestId={
          item.is === "approval"
            ? requestIds(formName(item.approval.approval_id))
            : item.is === "action" && item.action.outcome === "unknown"
              ? requestIds(formName(item.action.id))
              : again(item)
                ? requestIds("again")
                : undefined
        }
      />
    ));
  return { items, earlier: more ? first : null };
}

/** A form's name in a request id is of letters only: the digits of a card's id become some. */
const formName = (approval: string): string =>
  `p-${approval
    .slice(0, 12)
    .replace(/[0-9]/g, (d) => "ghijklmnop"[Number(d)]!)
    .replace(/-/g, "")}`;
