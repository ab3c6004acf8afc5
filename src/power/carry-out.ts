/**
 * Carries out a verb: once per request id, one mutating action per target, the intent written before ssh starts, and the
 * outcome learnt, never assumed. The run belongs to the host: whatever dies here, it goes to its end there, and we ask.
 */
import { Exclusive } from "../exclusive.ts";
import { Committing } from "../log/committing.ts";
import type { Log } from "../log/log.ts";
import { refuse } from "../refusal.ts";
import { streamOf, type Target } from "../target/target.ts";
import type { Action } from "./action.ts";
import { Actions } from "./actions.ts";
import { ageSince } from "./age.ts";
import { Confirmations } from "./confirmations.ts";
import type { PowerEntry } from "./event.ts";
import type { Pve, Request } from "./host.ts";
import { learn } from "./learn.ts";
import { type ProveTools, proveGuest } from "./prove.ts";
import { Pursuits } from "./pursue.ts";
import { inspect, mutate, type RunTools, tell } from "./run.ts";
import { VERBS, type VerbName } from "./verb.ts";

export type { HostKind, Learnt, Pve, PveRun, RecordOf, Request } from "./host.ts";

export interface PowerTools extends Omit<RunTools, "actions"> {
  readonly log: Log;
  readonly pve: Pve;
  /** Takes secrets out of what a run prints. */
  readonly clean?: (text: string) => string;
  /** The audit's head, which goes into the record of each action: an anchor. */
  readonly anchor?: () => string;
  /** Called when something happened that makes the target's state worth asking anew. */
  readonly stirred: (target: Target) => void;
  /** How the guest is asked after a verb that should have it running; left out, only the VM is proven. */
  readonly prove?: ProveTools;
  /** Waits between questions about a run that was let go, ms; the last one repeats. */
  readonly pursue_every_ms?: readonly number[];
  /** How long a verb waits for the agent that is to be stopped first, ms. */
  readonly stop_within_ms?: number;
}

/** An agent whose process hangs must not hold up the verb that may cure it. */
const STOP_WITHIN_MS = 3000;

const STARTS_A_GUEST: ReadonlySet<VerbName> = new Set(["start", "reset", "cycle"]);

interface Held {
  readonly action: string;
  readonly verb: VerbName;
  readonly by: string;
  readonly since: number;
}

export class Power {
  private readonly held = new Exclusive<Held>();
  private readonly committing = new Committing();
  private readonly actions: Actions;
  private readonly runs: RunTools;
  private readonly pursuits: Pursuits;
  /** Who is being asked about power right now, by the page or in the dialog. */
  readonly confirmations = new Confirmations();
  private closing = false;

  constructor(private readonly tools: PowerTools) {
    this.actions = new Actions(tools.log, tools.clean);
    this.runs = { ...tools, actions: this.actions };
    this.pursuits = new Pursuits({
      ...tools,
      tell: async (request, lesson) => {
        await tell(request, lesson, this.actions);
        this.ended(request);
      },
    });
  }

  holder(target: Target): Held | null {
    return this.held.holder(target.id);
  }

  find(target: Target, id: string): Action | null {
    return this.actions.find(target, id);
  }

  list(targets: readonly Target[], limit: number): Action[] {
    return this.actions.list(targets, limit);
  }

  lastChange(target: Target): Action | null {
    return this.actions.lastChange(target);
  }

  changedSince(target: Target, seq: number): boolean {
    return this.actions.changedSince(target, seq);
  }

  lastEvidence(target: Target): Action | null {
    return this.actions.lastEvidence(target);
  }

  settled(target: Target, id: string): Promise<Action> {
    return this.actions.settled(target, id);
  }

  /**
   * Resolves with the action once its intent is committed; it goes on by itself. A known id answers the first action.
   * Throws Refusal 409 (busy, with who, what and since when) and 422 (the id was used for something else).
   * `stopAgent` is called once the verb is sure to go out, and waited for, though not for long: a refusal stops nobody.
   */
  async carryOut(request: Request, stopAgent: (() => Promise<void>) | null = null): Promise<Action> {
    const { log } = this.tools;
    const { target, id } = request;
    const once = `action:${id}`;
    while (this.committing.pending(once)) await this.committing.pending(once);
    const first = log.once(once) as PowerEntry | null;
    if (first) return this.sameAgain(request, first);
    const mutates = VERBS[request.verb].mutates;
    if (this.closing) refuse(409, "the server is stopping; nothing was started");
    if (mutates)
      this.held.take(
        target.id,
        { action: id, verb: request.verb, by: request.by, since: Date.now() },
        (h) =>
          `${h.verb} is running on ${target.name} since ${clock(h.since)} UTC, started by ${h.by}; watch it, then decide`,
        (h) => ({ action: h.action }),
      );
    const { verb, by, override } = request;
    const intent = { verb, by, session: null, override, audit: this.tools.anchor?.() };
    try {
      const draft = this.actions.draft(target, id, "requested", intent);
      await this.committing.track(once, log.append({ ...draft, once }));
    } catch (error) {
      if (mutates) this.held.release(target.id);
      throw error;
    }
    const run = async () => {
      if (mutates && stopAgent) await this.agentStopped(request, stopAgent);
      return mutates ? mutate(request, this.runs) : inspect(request, this.runs);
    };
    void run()
      .catch(async (error) => {
        console.error(`action ${id}:`, error);
        await this.actions.write(target, id, "finished", {
          outcome: "unknown",
          exit_code: null,
          rejected: false,
          why: "the console itself failed here; ask status for what is true now",
        });
      })
      .catch((error) => console.error(`action ${id}:`, error))
      .finally(() => {
        if (mutates) this.held.release(target.id);
        this.ended(request);
      });
    return this.find(target, id)!;
  }

  /** Never rejects. Where the agent did not end, the action says so, and the verb goes out all the same. */
  private async agentStopped({ target, id, verb }: Request, stopAgent: () => Promise<void>): Promise<void> {
    const within_ms = this.tools.stop_within_ms ?? STOP_WITHIN_MS;
    const { promise: late, resolve } = Promise.withResolvers<string>();
    const timer = setTimeout(() => resolve(`had not ended after ${Math.round(within_ms / 1000)} s`), within_ms);
    const stopping = stopAgent().then(
      () => null,
      (error: unknown) => `could not be stopped (${error instanceof Error ? error.message : error})`,
    );
    const trouble = await Promise.race([stopping, late]);
    clearTimeout(timer);
    if (trouble === null) return;
    const text = `# The agent ${trouble}; nothing new of it begins, and ${verb} was sent all the same.\n`;
    await this.actions.write(target, id, "printed", { from: "stderr", text }).catch((error) => {
      console.error(`action ${id}:`, error);
    });
  }

  /** The agent's way in: the operator who is being asked about this target right now comes first. */
  carryOutForAgent(request: Request): Promise<Action> {
    const { target, verb, id } = request;
    const asking = VERBS[verb].mutates && !this.find(target, id) ? this.confirmations.on(target) : null;
    if (asking)
      refuse(
        409,
        `${asking.by} has the confirmation of ${asking.verb} on ${target.name} open since ${clock(asking.since)} UTC, and decides first; nothing was started. Ask status in a minute, then decide anew.`,
      );
    return this.carryOut(request);
  }

  /** At the start: what was running when the console stopped is asked for at its host, and never repeated. */
  async resume(targets: readonly Target[]): Promise<number> {
    const open = this.left("requested", ["finished", "learned", "let_go"], targets).map((left) => {
      const { request, since } = left;
      const { target, id, verb, by } = request;
      // Before anything is awaited: a tap that comes in this very moment must meet who holds the target.
      const holds = VERBS[verb].mutates && this.held.holder(target.id) === null;
      if (holds) this.held.take(target.id, { action: id, verb, by, since }, () => "held twice");
      return { request, since, holds };
    });
    for (const { request, since } of this.left("let_go", ["learned", "finished"], targets))
      this.pursuits.begin(request, ageSince(since), true);
    for (const target of targets) this.proveAnew(target);
    for (const { request, since, holds } of open) {
      const { target, id, verb } = request;
      if (!VERBS[verb].mutates) {
        await this.actions.write(target, id, "finished", {
          outcome: "failed",
          exit_code: null,
          rejected: false,
          why: "the console was restarted before the answer came; ask again",
        });
        continue;
      }
      await this.actions.write(target, id, "lost", {
        why: "the console was restarted; asking the host what came of it",
      });
      void learn(request, this.tools, ageSince(since))
        .then((lesson) => tell(request, lesson, this.actions))
        .catch((error) => console.error(`action ${id}:`, error))
        .finally(() => {
          if (holds) this.held.release(target.id);
          this.ended(request);
        });
    }
    return open.length;
  }

  /**
   * An operator wants to know now what came of an `unknown` action. One question; what it teaches is written, and so is that there
   * was nothing to learn. Throws Refusal 404, and 409 where the outcome is known or the run is still being followed.
   */
  async askAgain(target: Target, id: string, by: string): Promise<Action> {
    const action = this.find(target, id) ?? refuse(404, "action not found; GET /api/pve/actions lists what ran");
    if (action.outcome !== "unknown")
      refuse(
        409,
        `${action.verb} ${action.outcome ? `is known to be ${action.outcome}` : "is running"}; nothing to ask`,
      );
    if (action.state === "running") refuse(409, "its host is being asked every few seconds already; watch it");
    const { verb, override } = action;
    const request = { id, verb, target, by: action.by, override };
    // A verdict of the host's own does not change by asking; only what was never heard is pursued.
    const answer =
      action.exit_code === 4 ? null : await this.pursuits.ask(request, ageSince(Date.parse(action.started_at)));
    const came =
      answer === null
        ? "the host's record itself ends with “unknown”"
        : answer.is === "learnt"
          ? // Of an answer that leaves it unknown, the reason must stay to be read.
            answer.lesson.conclusion[0] === "learned"
            ? "its host answered"
            : answer.lesson.conclusion[1].why
          : answer.is === "legacy"
            ? "this host keeps no record of a run; what is true now is what status says"
            : answer.why;
    const why = `asked again at ${clock(Date.now())} UTC by ${by}: ${came}`;
    // After what was learnt, too: it changes nothing then, and the audit says who asked.
    await this.actions.write(target, id, "asked", { by, why });
    return this.find(target, id)!;
  }

  /** The host of this target answers again, or its key was accepted: what was let go is asked for now. */
  answers(target: Target): void {
    this.pursuits.wake(target);
  }

  /** No new actions. Those that run go on at their hosts; our ssh is left alone. */
  close(): void {
    this.closing = true;
    this.pursuits.close();
  }

  private sameAgain(request: Request, first: PowerEntry): Action {
    const { target, id, verb, override } = request;
    if (
      first.stream !== streamOf(target) ||
      first.kind !== "requested" ||
      first.body.verb !== verb ||
      first.body.override !== override
    )
      refuse(422, "this request id was used for another action; open the confirmation again and send that one");
    return this.find(target, id)!;
  }

  /** Actions with an entry of this kind and none that ends them, as they were asked for. */
  private left(kind: PowerEntry["kind"], ends: readonly PowerEntry["kind"][], targets: readonly Target[]) {
    return this.tools.log.unfinished(kind, ends).flatMap((entry) => {
      const target = targets.find((t) => streamOf(t) === entry.stream);
      const action = target && this.find(target, entry.about ?? "");
      if (!target || !action) return [];
      const { id, verb, by, override } = action;
      return [{ request: { id, verb, target, by, override }, since: Date.parse(action.started_at) }];
    });
  }

  private ended(request: Request): void {
    this.tools.stirred(request.target);
    const action = this.find(request.target, request.id);
    const let_go = action?.outcome === "unknown" && action.exit_code === null && VERBS[request.verb].mutates;
    if (action && let_go && this.tools.pve.kindOf(request.target) !== "legacy")
      this.pursuits.begin(request, ageSince(Date.parse(action.started_at)));
    void this.prove(request);
  }

  /** After a restart: the guest's word that the last one was still waiting for. */
  private proveAnew(target: Target): void {
    const action = this.lastChange(target);
    if (action?.guest !== "" || this.held.holder(target.id)) return;
    const { id, verb, by, override } = action;
    void this.prove({ id, verb, target, by, override }, true);
  }

  /** Beside the lock: nobody waits for a guest to boot before they may act again. */
  private async prove({ target, id, verb }: Request, anew = false): Promise<void> {
    const action = this.find(target, id);
    if (!this.tools.prove || !STARTS_A_GUEST.has(verb) || action?.outcome !== "done" || this.closing) return;
    const proof = await proveGuest(target, this.tools.prove);
    // Another run may have begun meanwhile; what was seen then is not of this one.
    if (this.closing || this.held.holder(target.id)) return;
    await this.actions
      .write(target, id, "proved", anew ? { ...proof, anew } : proof)
      .catch((error) => console.error(`action ${id}: guest:`, error));
    this.tools.stirred(target);
  }
}

const clock = (at: number): string => new Date(at).toISOString().slice(11, 16);
