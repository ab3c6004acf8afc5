/** The console itself: the page, the sessions, the transcript without JavaScript, the status. */
import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import type { Child } from "hono/jsx";
import { z } from "zod";
import { EntryPage, type EntryPageProps } from "../../views/entry.tsx";
import type { RequestIds as RequestIdsOfPage } from "../../views/hx.tsx";
import { Page, type Assets as PageAssets } from "../../views/page.tsx";
import { PowerPanel } from "../../views/power.tsx";
import { SessionsPage } from "../../views/sessions.tsx";
import { StatusPage } from "../../views/status.tsx";
import { sessionsText, statusesText, statusText } from "../../views/text.ts";
import { EarlierItems } from "../../views/transcript.tsx";
import type { Env } from "../access/operator.ts";
import type { RequestIds } from "../access/request-id.ts";
import { openApprovals } from "../agent/approval.ts";
import { isApproval } from "../agent/approval-event.ts";
import { CHECKS } from "../checks/check.ts";
import type { Log } from "../log/log.ts";
import type { Power, Pve } from "../power/carry-out.ts";
import { knownBefore } from "../power/preflight.ts";
import { refuse } from "../refusal.ts";
import { sessionStream } from "../sessions/event.ts";
import type { Session, Sessions } from "../sessions/session.ts";
import type { Turns } from "../sessions/turn.ts";
import type { State } from "../target/state.ts";
import { streamOf, type Target, targetNamed } from "../target/target.ts";
import { answer } from "./answer.tsx";
import { Drawn, type Item, isCheck, isElsewhere, itemsOf } from "./draw.tsx";
import { positionOf } from "./live.ts";
import { tailDocument } from "./tail.tsx";

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

export function consoleRoutes(parts: ConsoleParts) {
  const { log, sessions, targets, power } = parts;
  const app = new Hono<Env>();
  const targetOf = (id: string | undefined) => targetNamed(targets, id);

  app.get("/", async (c) => {
    const asked = c.req.query("target");
    const by = c.get("operator").name;
    // Without a target: wherever something happened last, on a target that is still one.
    const on = asked ? [targetOf(asked)] : targets;
    const ids = on.map((t) => t.id);
    const session = sessions.latest(ids) ?? sessions.find(await sessions.open(ids[0]!, by))!;
    return answer(c, { page: () => page(parts, session, by), json: session });
  });

  app.get("/sessions", (c) => {
    const before = positionOf(null, c.req.query("before"), log.head) || undefined;
    const { sessions: all, older: from } = sessions.list(before);
    const older = from === null ? null : `/sessions?before=${from}`;
    const now = Date.now();
    return answer(c, {
      json: { sessions: all, older },
      page: () => (
        <SessionsPage
          sessions={all}
          older={older}
          first={before === undefined}
          now={now}
          requestId={parts.requestIds.make(c.get("operator").name)}
          targets={targets}
        />
      ),
      text: () => sessionsText(all, targets.length > 1, older),
    });
  });

  app.get("/sessions/:id", (c) => {
    const session = sessions.find(c.req.param("id")) ?? refuse(404, "session not found");
    const before = Number(c.req.query("before"));
    const by = c.get("operator").name;
    const older = Number.isSafeInteger(before) && before > 0 ? before : null;
    return answer(c, {
      json: session,
      page: () => page(parts, session, by, older),
      fragment:
        older === null
          ? undefined
          : () => {
              const shown = tailOf(parts, session, older - 1, parts.requestIds.forPage(by));
              return <EarlierItems sessionId={session.session_id} before={shown.earlier} items={shown.items} />;
            },
    });
  });

  const NO_ENTRY = "there is no such entry in this session; go back to it and reload";
  const entryAddress = zValidator(
    "param",
    z.object({ id: z.string(), seq: z.coerce.number().int().positive() }),
    (r) => {
      if (!r.success) refuse(404, NO_ENTRY);
    },
  );
  app.get("/sessions/:id/entries/:seq", entryAddress, (c) => {
    const { id, seq } = c.req.valid("param");
    const session = sessions.find(id) ?? refuse(404, "session not found");
    const streams = [{ stream: sessionStream(session.session_id) }];
    const entry = log.read({ streams, after: seq - 1, upto: seq, limit: 1 })[0] ?? refuse(404, NO_ENTRY);
    // An approval is one card in its session, and no output.
    if (isApproval(entry))
      return answer(c, { json: entry, page: { seeOther: `/sessions/${session.session_id}#p-${entry.about}` } });
    const title = isCheck(entry) ? CHECKS[entry.body.name]?.title : undefined;
    return answer(c, {
      json: entry,
      page: () => (
        <EntryPage
          entry={entry as EntryPageProps["entry"]}
          sessionId={session.session_id}
          title={title}
          lab={targets[0].lab}
          now={Date.now()}
        />
      ),
    });
  });

  app.get("/sessions/:id/tail", (c) => {
    const session = c.req.param("id");
    const streams = sessions.streamsOf(session) ?? refuse(404, "session not found");
    const after = positionOf(null, c.req.query("after"), log.head);
    return new Response(tailDocument(log, { session, streams, after }), {
      headers: { "Content-Type": "text/html; charset=utf-8", "X-Accel-Buffering": "no", "X-Streamed": "1" },
    });
  });

  app.get("/status", (c) => {
    const asked = c.req.query("target");
    const target = targetOf(asked);
    const now = Date.now();
    const seenOf = (target: Target) => {
      parts.attended(target);
      const holder = power.holder(target);
      return {
        target,
        state: parts.stateOf(target),
        action: holder && power.find(target, holder.action),
        last: power.lastChange(target),
        now,
      };
    };
    const seen = seenOf(target);
    const { state } = seen;
    const holder = power.holder(target);
    const others = targets.filter((t) => t !== target);
    const all = !asked && others.length > 0 ? targets.map((t) => (t === target ? seen : seenOf(t))) : null;
    return answer(c, {
      json: {
        targets: targets.map((t) => t.id),
        target: target.id,
        name: target.name,
        vmid: target.vmid,
        lab: target.lab,
        state,
        host: parts.pve.kindOf(target),
        running: holder,
      },
      page: () => <StatusPage {...seen} others={others} />,
      text: () => (all ? statusesText(all, now) : statusText(seen)),
    });
  });

  return app;
}

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

function page(parts: ConsoleParts, session: Session, by: string, before: number | null = null) {
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
function tailOf({ log, sessions }: ConsoleParts, session: Session, upto: number, requestIds: RequestIdsOfPage) {
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
