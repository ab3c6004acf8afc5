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
import { TailFoot, TailHead } from "../../views/tail.tsx";
import { sessionsText, statusesText, statusText } from "../../views/text.ts";
import { EarlierItems } from "../../views/transcript.tsx";
import type { Env } from "../access/operator.ts";
import type { RequestIds } from "../access/request-id.ts";
import { openApprovals } from "../agent/approval.ts";
import { isApproval } from "../agent/approval-event.ts";
import { CHECKS } from "../checks/check.ts";
import type { Entry, Log, StreamRange } from "../log/log.ts";
import type { Power, Pve } from "../power/carry-out.ts";
import { MUTATING } from "../power/verb.ts";
import { refuse } from "../refusal.ts";
import { sessionStream } from "../sessions/event.ts";
import type { Session, Sessions } from "../sessions/session.ts";
import type { Turns } from "../sessions/turn.ts";
import type { State } from "../target/state.ts";
import type { Target } from "../target/target.ts";
import { answer, formOf } from "./answer.tsx";
import { Drawn, type Item, isCheck, itemsOf, text } from "./draw.tsx";
import { positionOf } from "./live.ts";

export interface ConsoleParts {
  readonly log: Log;
  readonly sessions: Sessions;
  readonly turns: Turns;
  readonly power: Power;
  readonly pve: Pve;
  readonly targets: readonly [Target, ...Target[]];
  readonly stateOf: (target: Target) => State;
  readonly requestIds: RequestIds;
  readonly assets: PageAssets;
  readonly keepalive_ms: number;
  /** The lab's fault panel, where there is a lab. */
  readonly faults: ((by: string) => Child) | null;
  /** Somebody opened a page: its facts should be fresh when they look. */
  readonly attended: (target: Target) => void;
}

/** Entries that a page shows at first, and each "Earlier" brings: with 60 usual ones the first screen stays below 10,000 bytes. */
const TAIL = 60;
/** A transcript without JavaScript ends cleanly after this, and is asked for again. */
const FRAME_MS = 25_000;

export function consoleRoutes(parts: ConsoleParts) {
  const { log, sessions, targets, power } = parts;
  const app = new Hono<Env>();
  const targetNamed = (id: string | undefined): Target =>
    targets.find((t) => t.id === id) ??
    (id === undefined || id === "" ? targets[0] : refuse(404, `there is no target '${id}'`));

  app.get("/", async (c) => {
    const asked = c.req.query("target");
    const by = c.get("operator").name;
    // Without a target: wherever something happened last, on a target that is still one.
    const on = asked ? [targetNamed(asked)] : targets;
    const ids = on.map((t) => t.id);
    const session = sessions.latest(ids) ?? sessions.find(await sessions.open(ids[0]!, by))!;
    return answer(c, { page: () => page(parts, session, by), json: session });
  });

  app.get("/sessions", (c) => {
    const all = sessions.list();
    const now = Date.now();
    return answer(c, {
      json: { sessions: all.map(({ target, ...s }) => ({ ...s, target })) },
      page: () => (
        <SessionsPage
          sessions={all}
          now={now}
          requestId={parts.requestIds.make(c.get("operator").name)}
          targets={targets}
        />
      ),
      text: () => sessionsText(all, targets.length > 1),
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
    const streams = sessions.streamsOf(c.req.param("id")) ?? refuse(404, "session not found");
    const after = positionOf(null, c.req.query("after"), log.head);
    return new Response(tailDocument(log, streams, after, c.req.raw.signal), {
      headers: { "Content-Type": "text/html; charset=utf-8", "X-Accel-Buffering": "no", "X-Streamed": "1" },
    });
  });

  app.get("/status", (c) => {
    const asked = c.req.query("target");
    const target = targetNamed(asked);
    const now = Date.now();
    const seenOf = (target: Target) => {
      parts.attended(target);
      const holder = power.holder(target);
      return {
        target,
        state: parts.stateOf(target),
        action: holder && power.find(target, holder.action),
        last: power.list([target], 10).find((a) => a.state === "ended" && MUTATING.includes(a.verb)) ?? null,
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
      fragment: formOf(c.req.raw) === "fragment" ? () => <StatusPage {...seen} /> : undefined,
      text: () => (all ? statusesText(all, now) : statusText(seen)),
    });
  });

  return app;
}

/** The Power region as it is now, with request ids for one operator. */
export function powerPanel(parts: ConsoleParts, target: Target, by: string) {
  const holder = parts.power.holder(target);
  const recent = parts.power.list([target], 10);
  return (
    <PowerPanel
      target={target}
      action={holder && parts.power.find(target, holder.action)}
      last={recent.find((a) => a.state === "ended" && MUTATING.includes(a.verb))}
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
  const recent = parts.power.list([target], 10);
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
      requestIds={requestIds}
      approvals={openApprovals(parts.log, session.session_id)}
      items={shown.items}
      after={parts.log.head}
      earlier={shown.earlier}
      heartbeat_ms={parts.keepalive_ms}
      faults={parts.faults?.(by)}
      action={holder && parts.power.find(target, holder.action)}
      last={recent.find((a) => a.state === "ended" && MUTATING.includes(a.verb))}
      state={parts.stateOf(target)}
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
  const items = itemsOf(entries, log)
    // What began earlier is drawn where it began.
    .filter((item) => item.is === "entry" || item.fresh)
    .map((item) => (
      <Drawn
        item={item}
        now={now}
        requestId={item.is === "approval" ? requestIds(formName(item.approval.approval_id)) : undefined}
      />
    ));
  return { items, earlier: more ? first : null };
}

/** A document can only grow: what began is shown once more when it is over, and not in between. */
function isNewOrOver(item: Item): boolean {
  if (item.is === "entry" || item.fresh) return true;
  switch (item.is) {
    case "action":
      return item.action.state === "ended";
    case "check":
      return item.entry.kind === "check_ended";
    case "approval":
      return item.approval.state !== "open";
    default:
      return item satisfies never;
  }
}

/** A form's name in a request id is of letters only: the digits of a card's id become some. */
const formName = (approval: string): string =>
  `p-${approval
    .slice(0, 12)
    .replace(/[0-9]/g, (d) => "ghijklmnop"[Number(d)]!)
    .replace(/-/g, "")}`;

/** The transcript as a document that grows while it is read, and ends cleanly so that the browser asks again. */
function tailDocument(log: Log, streams: readonly StreamRange[], after: number, signal: AbortSignal) {
  const encoder = new TextEncoder();
  let end = () => {};
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const put = (html: string) => controller.enqueue(encoder.encode(html));
      const draw = (entries: readonly Entry[]) =>
        itemsOf(entries, log)
          .filter(isNewOrOver)
          .map((item) => text(<Drawn item={item} now={Date.now()} />))
          .join("");
      put(TailHead());
      put(draw(log.read({ streams, after, limit: 500 })));
      const unfollow = log.follow((entries) => {
        const ours = entries.filter((e) => streams.some((s) => s.stream === e.stream && e.seq >= (s.from ?? 0)));
        if (ours.length > 0) put(draw(ours));
      });
      const over = setTimeout(() => end(), FRAME_MS);
      end = () => {
        clearTimeout(over);
        unfollow();
        end = () => {};
        try {
          put(TailFoot({ now: Date.now() }));
          controller.close();
        } catch {
          // the reader has gone
        }
      };
      signal.addEventListener("abort", () => end());
    },
    cancel: () => end(),
  });
}
