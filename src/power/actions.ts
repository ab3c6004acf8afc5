/**
 * The actions as the log has them: found, listed, written on, and waited for. It starts nothing and asks nobody; who may
 * act, and what comes of a run, is decided elsewhere.
 */
import type { Draft, Log } from "../log/log.ts";
import { streamOf, type Target } from "../target/target.ts";
import { type Action, actionFrom } from "./action.ts";
import { isEnd, isPower, type PowerBody, type PowerEntry } from "./event.ts";
import { hasEvidence } from "./evidence.ts";
import { gatherOutput } from "./output.ts";
import { VERBS } from "./verb.ts";

/** How many actions are read off the log at a time. */
const PAGE = 50;
/** Evidence further back than this many captures is of another time, and each look back reads a whole output. */
const LOOK_BACK = 50;

type Requested = Extract<PowerEntry, { kind: "requested" }>;

export class Actions {
  private readonly watchers = new Map<string, Set<() => void>>();

  constructor(
    private readonly log: Log,
    /** Takes secrets out of what a run prints. */
    readonly clean: (text: string) => string = (text) => text,
  ) {}

  /** The action as it now stands, or null. */
  find(target: Target, id: string): Action | null {
    return actionFrom(this.log.about(streamOf(target), id).filter(isPower));
  }

  /** The newest first. */
  list(targets: readonly Target[], limit: number): Action[] {
    return targets
      .flatMap((t) => this.log.newest({ stream: streamOf(t), kind: "requested", limit }).map((e) => [t, e] as const))
      .sort(([, a], [, b]) => b.seq - a.seq)
      .slice(0, limit)
      .map(([t, e]) => this.find(t, e.about ?? ""))
      .filter((a) => a !== null);
  }

  /** The newest run that ended of a verb that changes the VM, however many questions came after it. */
  lastChange(target: Target): Action | null {
    for (const { about, body } of this.newestFirst(target)) {
      const action = VERBS[body.verb].mutates ? this.find(target, about ?? "") : null;
      if (action?.state === "ended") return action;
    }
    return null;
  }

  /** Whether a run that changed the VM ended after that entry. By seq: the clock may have been set meanwhile. */
  changedSince(target: Target, seq: number): boolean {
    const last = this.lastChange(target);
    const end = last && this.log.about(streamOf(target), last.id).find(isEnd);
    return !!end && end.seq > seq;
  }

  /** The newest action that has evidence; null also where it is further back than LOOK_BACK captures. */
  lastEvidence(target: Target): Action | null {
    let looks = 0;
    for (const { about, body } of this.newestFirst(target)) {
      if (body.verb === "status") continue;
      if (++looks > LOOK_BACK) return null;
      const action = this.find(target, about ?? "");
      if (action && hasEvidence(action)) return action;
    }
    return null;
  }

  /** Resolves when the action has an outcome (`unknown` counts: a waiting POST must not wait for ever). */
  async settled(target: Target, id: string): Promise<Action> {
    for (;;) {
      const action = this.find(target, id);
      if (!action) throw new Error(`no such action: ${id}`);
      if (action.outcome !== null) return action;
      await new Promise<void>((resolve) => {
        const set = this.watchers.get(id) ?? new Set();
        this.watchers.set(id, set.add(resolve));
      });
    }
  }

  async write<K extends keyof PowerBody>(target: Target, id: string, kind: K, body: PowerBody[K]): Promise<void> {
    await this.log.append(this.draft(target, id, kind, body));
    const waiting = this.watchers.get(id);
    if (!waiting || this.find(target, id)?.outcome === null) return;
    this.watchers.delete(id);
    for (const resolve of waiting) resolve();
  }

  /** Where a run's lines go on their way into the log. */
  output(target: Target, id: string) {
    return gatherOutput(
      (drafts) =>
        this.log.appendAll(drafts.map(([kind, body]) => ({ ...this.draft(target, id, kind, body), durable: false }))),
      this.clean,
    );
  }

  draft<K extends keyof PowerBody>(target: Target, id: string, kind: K, body: PowerBody[K]): Draft {
    return { stream: streamOf(target), kind, about: id, body, durable: true, rescue: true };
  }

  private *newestFirst(target: Target): Generator<Requested> {
    for (let before: number | undefined; ; ) {
      const page = this.log.newest({ stream: streamOf(target), kind: "requested", limit: PAGE, before });
      yield* page as Requested[];
      if (page.length < PAGE) return;
      before = page.at(-1)!.seq;
    }
  }
}
