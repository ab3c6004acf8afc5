/**
 * Carries out a verb: once per request id, one mutating action per target, the intent written before ssh starts, and the
 * outcome learnt, never assumed. The run belongs to the host: whatever dies here, it goes to its end there, and we ask.
 */
import type { Line } from "../child.ts";
import { Exclusive } from "../exclusive.ts";
import { Committing } from "../log/committing.ts";
import type { Draft, Log } from "../log/log.ts";
import { type Ending, endingInWords, exitCode, type Outcome } from "../outcome.ts";
import { refuse } from "../refusal.ts";
import { keyRefused, strangeHost } from "../target/host-key.ts";
import { streamOf, type Target } from "../target/target.ts";
import { type Action, actionFrom } from "./action.ts";
import { isPower, type PowerBody, type PowerEntry } from "./event.ts";
import { type Conclusion, checkLegacy, type Lesson, learn } from "./learn.ts";
import { gatherOutput, notYetShown } from "./output.ts";
import { type ProveTools, proveGuest } from "./prove.ts";
import { VERBS, type VerbName } from "./verb.ts";

/** `legacy` is a host with the first system's script: bare verbs, no ids, nothing to ask afterwards but `status`. */
export type HostKind = "unknown" | "v2" | "legacy";

export type Learnt =
  | { is: "running"; of: RecordOf | null }
  | { is: "ended"; of: RecordOf | null; exit_code: number; verdict: string; output: string }
  | { is: "never_ran" }
  | { is: "no_answer"; why: string };

/** What the host's record under a request id is of, as its first line says; another console may have used the id. */
export interface RecordOf {
  readonly verb: string;
  readonly vmid: number;
  /** Null: none was asked for. Undefined: the record does not say. */
  readonly override: string | null | undefined;
}

export interface PveRun {
  readonly ended: Promise<Ending>;
  /** Ends our ssh, and nothing on a host that owns its runs. */
  letGo(): void;
}

export interface Pve {
  kindOf(target: Target): HostKind;
  meet(target: Target): Promise<HostKind>;
  inspect(target: Target, verb: VerbName, limit_ms: number, heard: (line: Line) => void): Promise<Ending>;
  mutate(target: Target, verb: VerbName, id: string, override: string | null, heard: (line: Line) => void): PveRun;
  report(target: Target, id: string): Promise<Learnt>;
  status(target: Target, limit_ms: number): Promise<{ ending: Ending; stdout: string; stderr: string }>;
  /** What a run's ssh wrote on this side, as far as it came; also after a restart. */
  leftBehind(target: Target, id: string): string;
}

export interface Request {
  readonly id: string;
  readonly verb: VerbName;
  readonly target: Target;
  readonly by: string;
  readonly override: string | null;
}

export interface PowerTools {
  readonly log: Log;
  readonly pve: Pve;
  /** BREAKGLASS_PVE_VERB_TIMEOUT_SECONDS, ms. */
  readonly limit_ms: number;
  /** Called when something happened that makes the target's state worth asking anew. */
  readonly stirred: (target: Target) => void;
  /** How the guest is asked after a verb that should have it running; left out, only the VM is proven. */
  readonly prove?: ProveTools;
  /** Waits between questions after a break, ms; the last one repeats. */
  readonly ask_every_ms?: readonly number[];
}

/** Without a byte for this long, a mutating run's ssh counts as hung; the host prints at least every 5 s. SAFETY.md. */
const SILENCE_MS = 25_000;

const STARTS_A_GUEST: ReadonlySet<VerbName> = new Set(["start", "reset", "cycle"]);

interface Held {
  readonly action: string;
  readonly verb: VerbName;
  readonly by: string;
  readonly since: number;
}

export class Power {
  private readonly held = new Exclusive<Held>();
  private readonly watchers = new Map<string, Set<() => void>>();
  private readonly committing = new Committing();
  private closing = false;

  constructor(private readonly tools: PowerTools) {}

  holder(target: Target): Held | null {
    return this.held.holder(target.id);
  }

  /** The action as it now stands, or null. */
  find(target: Target, id: string): Action | null {
    return actionFrom(this.tools.log.about(streamOf(target), id).filter(isPower));
  }

  /** The newest first. */
  list(targets: readonly Target[], limit: number): Action[] {
    return targets
      .flatMap((t) =>
        this.tools.log.newest({ stream: streamOf(t), kind: "requested", limit }).map((e) => [t, e] as const),
      )
      .sort(([, a], [, b]) => b.seq - a.seq)
      .slice(0, limit)
      .map(([t, e]) => this.find(t, e.about ?? ""))
      .filter((a) => a !== null);
  }

  /**
   * Resolves with the action once its intent is committed; it goes on by itself. A known id answers the first action.
   * Throws Refusal 409 (busy, with who, what and since when) and 422 (the id was used for something else).
   */
  async carryOut(request: Request): Promise<Action> {
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
    const intent = { verb: request.verb, by: request.by, session: null, override: request.override };
    try {
      await this.committing.track(once, log.append({ ...this.draft(target, id, "requested", intent), once }));
    } catch (error) {
      if (mutates) this.held.release(target.id);
      throw error;
    }
    const run = mutates ? this.mutate(request) : this.inspect(request);
    void run
      .catch(async (error) => {
        console.error(`action ${id}:`, error);
        await this.write(target, id, "finished", {
          outcome: "unknown",
          exit_code: null,
          rejected: false,
          why: "the console itself failed here; ask status for what is true now",
        });
      })
      .catch((error) => console.error(`action ${id}:`, error))
      .finally(() => {
        if (mutates) this.held.release(target.id);
        this.tools.stirred(target);
        void this.prove(request);
      });
    return this.find(target, id)!;
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

  /** At the start: what was running when the console stopped is asked for at its host, and never repeated. */
  async resume(targets: readonly Target[]): Promise<number> {
    const open = (this.tools.log.unfinished("requested", ["finished", "learned"]) as PowerEntry[]).flatMap((entry) => {
      const target = targets.find((t) => streamOf(t) === entry.stream);
      if (entry.kind !== "requested" || !target) return [];
      const { verb, by, override } = entry.body;
      const request: Request = { id: entry.about ?? "", verb, target, by, override };
      // Before anything is awaited: a tap that comes in this very moment must meet who holds the target.
      const holds = VERBS[verb].mutates && this.held.holder(target.id) === null;
      if (holds) this.held.take(target.id, { action: request.id, verb, by, since: entry.at }, () => "held twice");
      return [{ request, holds }];
    });
    for (const { request, holds } of open) {
      const { target, id, verb } = request;
      if (!VERBS[verb].mutates) {
        await this.write(target, id, "finished", {
          outcome: "failed",
          exit_code: null,
          rejected: false,
          why: "the console was restarted before the answer came; ask again",
        });
        continue;
      }
      await this.write(target, id, "lost", { why: "the console was restarted; asking the host what came of it" });
      void learn(request, this.tools)
        .then((lesson) => this.tell(request, lesson))
        .catch((error) => console.error(`action ${id}:`, error))
        .finally(() => {
          if (holds) this.held.release(target.id);
          this.tools.stirred(target);
          void this.prove(request);
        });
    }
    return open.length;
  }

  /** No new actions. Those that run go on at their hosts; our ssh is left alone. */
  close(): void {
    this.closing = true;
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

  private async inspect({ target, id, verb }: Request): Promise<void> {
    const output = this.output(target, id);
    const ending = await this.tools.pve.inspect(target, verb, Math.min(this.tools.limit_ms, 60_000), output.heard);
    await output.flush();
    await this.write(target, id, "finished", {
      outcome: ending.is === "exited" && ending.code === 0 ? "done" : "failed",
      exit_code: ending.is === "exited" ? ending.code : null,
      rejected: ending.is === "exited" && ending.code === 2,
      why: keyRefused(exitCode(ending), output.lastError())
        ? strangeHost(target)
        : ending.is === "exited" && ending.code === 0
          ? "answered"
          : whyFailed(ending, output.lastError()),
    });
  }

  private async mutate(request: Request): Promise<void> {
    const { target, id, verb, override } = request;
    const { pve, limit_ms } = this.tools;
    const output = this.output(target, id);
    let begun = false;
    const run = pve.mutate(target, verb, id, override, (line) => {
      begun ||= line.from === "stdout";
      output.heard(line);
    });
    let overdue = false;
    const late = setTimeout(() => {
      overdue = true;
      void this.write(target, id, "overdue", { after_ms: limit_ms }).catch(() => {});
    }, limit_ms);
    let hung = false;
    const listening = setInterval(() => {
      if (hung || performance.now() - output.heardAt() < SILENCE_MS) return;
      hung = true;
      void this.write(target, id, "lost", {
        why: `ssh said nothing for ${SILENCE_MS / 1000} s; the run goes on at the host, and we ask it`,
      }).catch(() => {});
      // A host that owns its runs is asked over a new connection; a legacy run must not lose its ssh.
      if (pve.kindOf(target) === "v2") run.letGo();
    }, 1000);
    const ending = await run.ended;
    clearTimeout(late);
    clearInterval(listening);
    await output.flush();
    const code = ending.is === "exited" ? ending.code : null;
    const rejected = code === 2 || code === 75 || code === 77;
    if (rejected) {
      const why =
        output.lastError() || (code === 75 ? "the host is busy with another run" : "the host refused it; nothing ran");
      await this.write(target, id, "finished", { outcome: "failed", exit_code: code, rejected, why });
      return;
    }
    if (!begun && keyRefused(code, output.lastError())) {
      const why = strangeHost(target);
      await this.write(target, id, "finished", { outcome: "failed", exit_code: code, rejected: true, why });
      return;
    }
    const sure = code === 0 || code === 1;
    if (sure && pve.kindOf(target) === "v2") {
      const outcome: Outcome = code === 0 ? "done" : "failed";
      await this.write(target, id, "finished", { outcome, exit_code: code, rejected, why: output.verdict() });
      return;
    }
    if (sure) {
      await this.say(request, await checkLegacy(request, code, this.tools.pve));
      return;
    }
    if (code === 4 && pve.kindOf(target) === "v2") {
      await this.write(target, id, "finished", { outcome: "unknown", exit_code: 4, rejected, why: output.verdict() });
      return;
    }
    if (ending.is === "not_started") {
      await this.write(target, id, "finished", {
        outcome: "failed",
        exit_code: null,
        rejected: false,
        why: `ssh ${endingInWords(ending)}; nothing ran`,
      });
      return;
    }
    if (!hung && !overdue)
      await this.write(target, id, "lost", {
        why: `the connection broke (${whyFailed(ending, output.lastError())}); asking the host what came of it`,
      });
    await this.tell(request, await learn(request, this.tools));
  }

  /** What was learnt, and first the output that the broken link kept from us: the evidence is in it. */
  private async tell(request: Request, { conclusion, output }: Lesson): Promise<void> {
    const { target, id } = request;
    const text = notYetShown(this.find(target, id)?.stdout ?? "", output);
    if (text !== "") await this.write(target, id, "printed", { from: "stdout", text });
    await this.say(request, conclusion);
  }

  /** Beside the lock: nobody waits for a guest to boot before they may act again. */
  private async prove({ target, id, verb }: Request): Promise<void> {
    const action = this.find(target, id);
    if (!this.tools.prove || !STARTS_A_GUEST.has(verb) || action?.outcome !== "done" || this.closing) return;
    const proof = await proveGuest(target, this.tools.prove);
    // Another run may have begun meanwhile; what was seen then is not of this one.
    if (this.closing || this.held.holder(target.id)) return;
    await this.write(target, id, "proved", proof).catch((error) => console.error(`action ${id}: guest:`, error));
    this.tools.stirred(target);
  }

  private output(target: Target, id: string) {
    return gatherOutput((drafts) =>
      this.tools.log.appendAll(
        drafts.map(([kind, body]) => ({ ...this.draft(target, id, kind, body), durable: false })),
      ),
    );
  }

  private say({ target, id }: Request, [kind, body]: Conclusion): Promise<void> {
    return this.write(target, id, kind, body);
  }

  private async write<K extends keyof PowerBody>(
    target: Target,
    id: string,
    kind: K,
    body: PowerBody[K],
  ): Promise<void> {
    await this.tools.log.append(this.draft(target, id, kind, body));
    const waiting = this.watchers.get(id);
    if (!waiting || this.find(target, id)?.outcome === null) return;
    this.watchers.delete(id);
    for (const resolve of waiting) resolve();
  }

  private draft<K extends keyof PowerBody>(target: Target, id: string, kind: K, body: PowerBody[K]): Draft {
    return { stream: streamOf(target), kind, about: id, body, durable: true, rescue: true };
  }
}

function whyFailed(ending: Ending, lastError: string): string {
  const words = endingInWords(ending);
  return lastError === "" ? words : `${words}: ${lastError}`;
}

const clock = (at: number): string => new Date(at).toISOString().slice(11, 16);
