/**
 * The wall board's reading and its stream. It follows the log, and draws again what an entry or a reading of a target
 * changed; a piece of the board is a whole state under its own id, so that drawing it twice changes nothing. The stream is
 * `Live` once more, holding nothing that is replayed: who attaches gets the whole board. It changes nothing anywhere.
 */
import { BoardParts, BoardTarget, Happened } from "../../views/kiosk.tsx";
import { APPROVAL_ENDS } from "../agent/approval-event.ts";
import type { CheckBody } from "../checks/event.ts";
import type { Entry, Log } from "../log/log.ts";
import type { Power } from "../power/carry-out.ts";
import { isEnd, type PowerBody } from "../power/event.ts";
import { type SessionBody, sessionStream } from "../sessions/event.ts";
import type { Sessions } from "../sessions/session.ts";
import type { Turns } from "../sessions/turn.ts";
import type { TargetBody } from "../target/event.ts";
import type { State } from "../target/state.ts";
import { streamOf, type Target } from "../target/target.ts";
import { type Board, HAPPENINGS, type Happening, type OnBoard } from "./board.ts";
import { text } from "./draw.tsx";
import { Gathering } from "./gathering.ts";
import { Live } from "./live.ts";

export interface KioskTools {
  readonly log: Log;
  readonly power: Pick<Power, "holder" | "find">;
  readonly turns: Pick<Turns, "running" | "runningIn">;
  readonly sessions: Pick<Sessions, "find">;
  readonly targets: readonly [Target, ...Target[]];
  readonly stateOf: (target: Target) => State;
  /** Changes with the board's style and script. */
  readonly made: string;
  readonly keepalive_ms: number;
  /** A board was hung up: its facts should be fresh. */
  readonly attended: () => void;
}

/** No entry is ever written here: a board's stream replays nothing. */
const STREAM = "kiosk";
/** The least time between two drawings, ms: a board is for the eye. */
const GAP_MS = 250;
/** The kinds of entries that a board shows something of; what is printed and said is not among them. */
const SHOWN: ReadonlySet<string> = new Set([
  ...["requested", "overdue", "lost", "finished", "learned", "proved", "observed", "check_ended"],
  ...["prompted", "turn_ended", "approval_asked", ...APPROVAL_ENDS],
]);

export class Kiosk {
  private readonly live: Live;
  private readonly gathering: Gathering<Entry>;
  private readonly unfollow: () => void;

  constructor(private readonly tools: KioskTools) {
    const nothing = { html: () => "", json: () => null };
    this.live = new Live(tools.log, () => nothing, tools.keepalive_ms, tools.attended);
    this.gathering = new Gathering(
      () => GAP_MS,
      () => this.redraw(),
    );
    this.unfollow = tools.log.follow((entries) => {
      const shown = entries.filter((entry) => SHOWN.has(entry.kind));
      if (shown.length > 0 && this.watched) this.gathering.add(shown);
    });
  }

  /** A board hangs somewhere. */
  get watched(): boolean {
    return this.live.clients > 0;
  }

  attach(gzip: boolean): Response {
    const streams = [{ stream: STREAM }];
    const attached = this.live.attach({ session: STREAM, streams, after: this.tools.log.head, format: "html", gzip });
    // It has joined by now. The other boards get theirs again, which changes nothing.
    this.tell("board", BoardParts({ board: this.read(Date.now()) }));
    return attached;
  }

  /** A target was read, changed or not: its age is on the board. */
  seen(target: Target): void {
    if (this.watched) this.tell(target.id, BoardTarget({ on: this.onBoard(target), now: Date.now() }));
  }

  read(now: number): Board {
    const { targets, made } = this.tools;
    return { targets: targets.map((target) => this.onBoard(target)), happened: this.happened(), made, now };
  }

  async close(): Promise<void> {
    this.unfollow();
    await this.live.close();
  }

  private redraw(): void {
    if (!this.watched) return;
    const { targets, happened, now } = this.read(Date.now());
    for (const on of targets) this.tell(on.target.id, BoardTarget({ on, now }));
    this.tell("happened", Happened({ happened, now, several: targets.length > 1 }));
  }

  private tell(about: string, piece: { toString(): string | Promise<string> }): void {
    this.live.whisper(STREAM, { about, html: text(piece) });
  }

  private onBoard(target: Target): OnBoard {
    const { power, turns, sessions, stateOf, log } = this.tools;
    const holder = power.holder(target);
    const held = holder && power.find(target, holder.action);
    // They come in the order in which they began.
    const turn = turns
      .running()
      .filter((session) => sessions.find(session)?.target === target.id)
      .map((session) => turns.runningIn(session))
      .find((running) => running !== null);
    // Only a turn at work can have asked; without one the log need not be looked through.
    const open = turn ? log.unfinished("approval_asked", APPROVAL_ENDS) : [];
    return {
      target,
      state: stateOf(target),
      // The lock is let go a moment after the end was written.
      action: held?.state === "running" ? held : null,
      turn: turn ? { by: turn.by, started_at: turn.started_at } : null,
      asks: open.some((entry) => this.targetOf(entry) === target),
    };
  }

  private happened(): Happening[] {
    const { log, targets } = this.tools;
    const newest = (kind: string, stream: string | null = null) => log.newest({ stream, kind, limit: HAPPENINGS });
    const told = (entries: readonly Entry[], tell: (entry: Entry) => Happening | null) =>
      entries.map((entry) => ({ seq: entry.seq, happening: tell(entry) }));
    return (
      [
        ...targets.flatMap((target) => this.actionsOf(target)),
        ...targets.flatMap((target) => told(newest("observed", streamOf(target)), (e) => this.observed(e, target))),
        ...told(newest("check_ended"), (entry) => this.checked(entry)),
        ...told(newest("turn_ended"), (entry) => this.turned(entry)),
      ]
        // By seq: the clock may have been set meanwhile.
        .toSorted((a, b) => b.seq - a.seq)
        .map(({ happening }) => happening)
        .filter((happening) => happening !== null)
        .slice(0, HAPPENINGS)
    );
  }

  /** What ended; the one at work stands with its target. A `status` is a question, and no event. */
  private actionsOf(target: Target): { seq: number; happening: Happening }[] {
    const { log, power } = this.tools;
    return log
      .newest({ stream: streamOf(target), kind: "requested", limit: 40 })
      .filter((entry) => (entry.body as PowerBody["requested"]).verb !== "status")
      .slice(0, HAPPENINGS)
      .flatMap(({ about }) => {
        const action = power.find(target, about ?? "");
        const end = log.about(streamOf(target), about ?? "").find(isEnd);
        return action && end ? [{ seq: end.seq, happening: { is: "action", at: end.at, target, action } }] : [];
      });
  }

  private observed(entry: Entry, target: Target): Happening {
    const { is, was } = entry.body as TargetBody["observed"];
    return { is: "state", at: entry.at, target, state: is, was };
  }

  private checked(entry: Entry): Happening | null {
    const target = this.targetOf(entry);
    if (!target) return null;
    const { name, findings } = entry.body as CheckBody["check_ended"];
    const count = (level: string) => findings.filter((finding) => finding.level === level).length;
    return { is: "check", at: entry.at, target, name, bad: count("bad"), warn: count("warn") };
  }

  private turned(entry: Entry): Happening | null {
    const { log } = this.tools;
    const target = this.targetOf(entry);
    if (!target) return null;
    const { stream, seq } = entry;
    // How it ended stands right before its end; a turn may have thousands of entries.
    const last = log.tail({ streams: [{ stream }], upto: seq, limit: 8 }).filter((e) => e.about === entry.about);
    const asked = log.newest({ stream, kind: "prompted", limit: 1, before: seq })[0];
    const wrong = last.some(
      (e) => e.kind === "failed" || (e.kind === "concluded" && (e.body as SessionBody["concluded"]).is_error),
    );
    return {
      is: "turn",
      at: entry.at,
      target,
      ended: last.some((e) => e.kind === "cancelled") ? "stopped" : wrong ? "failed" : "done",
      by: (asked?.body as SessionBody["prompted"] | undefined)?.by ?? "",
    };
  }

  private targetOf({ stream }: Entry): Target | null {
    const { targets, sessions } = this.tools;
    const id = stream.startsWith(sessionStream(""))
      ? sessions.find(stream.slice(sessionStream("").length))?.target
      : stream.replace(/^target:/, "");
    return targets.find((target) => target.id === id) ?? null;
  }
}
