/**
 * A check as entries of a session: its start is written before anything is read, its findings when it ended. One of a name at a
 * time on a target: who taps again gets the one that runs.
 */
import type { Line } from "../child.ts";
import { Committing } from "../log/committing.ts";
import type { Entry, Log } from "../log/log.ts";
import type { Ending } from "../outcome.ts";
import { refuse } from "../refusal.ts";
import { sessionStream } from "../sessions/event.ts";
import type { Target } from "../target/target.ts";
import { CHECKS, type Check } from "./check.ts";
import { type CheckRun, checkFrom } from "./check-run.ts";
import type { CheckBody, CheckEntry } from "./event.ts";
import { findingsOf } from "./finding.ts";
import { type Found, foundBy, newestFound } from "./newest.ts";
import { runCheck } from "./run.ts";

/** What a check may reach: the VM's shell with read-only commands, and the verbs that change nothing. */
export interface CheckTools {
  vm(command: string, limit_ms: number, heard: (line: Line) => void): Promise<Ending>;
  host(verb: "status" | "forensics"): Promise<{ exit_code: number | null; stdout: string; why: string }>;
}

export interface ChecksParts {
  readonly log: Log;
  readonly newId: () => string;
  readonly toolsFor: (target: Target) => CheckTools;
  /** Told when a check of this target found something: its state stands with it. */
  readonly told?: (target: Target) => void;
}

/** Checks at a time on one target; each is an ssh to a VM that is ill already. */
const MOST = 3;

interface UnderWay {
  readonly id: string;
  readonly check: Check;
  readonly session: string;
  readonly target: string;
  readonly by: string;
  readonly since: number;
  /** Its start is written. */
  readonly written: Promise<unknown>;
}

export class Checks {
  private readonly committing = new Committing();
  private readonly over = new Map<string, Promise<void>>();
  private readonly underWay = new Map<string, UnderWay>();
  private readonly found = new Map<string, Found | null>();

  constructor(private readonly parts: ChecksParts) {}

  /**
   * Resolves when the start is written. The same request id answers the first run, and a second tap the one that is running in
   * this session. Throws Refusal 404; 409 where it runs in another session, or too many run.
   */
  async start(ask: { name: string; session: string; target: Target; by: string; request_id: string }): Promise<string> {
    const { log } = this.parts;
    const check = checkNamed(ask.name);
    const stream = sessionStream(ask.session);
    const once = `check:${ask.session}:${ask.request_id}`;
    while (this.committing.pending(once)) await this.committing.pending(once);
    const first = log.once(once) as CheckEntry | null;
    if (first) {
      if (first.kind === "check_started" && first.body.name === check.name) return first.about ?? "";
      refuse(422, "this request id was used for another check; reload the page and tap again");
    }
    const { target, session, by } = ask;
    const key = `${target.id} ${check.name}`;
    const running = this.underWay.get(key);
    if (running?.session === session) {
      await running.written;
      return running.id;
    }
    if (running)
      refuse(
        409,
        `the check “${check.title}” is running on ${target.name} since ${clock(running.since)} UTC, started by ${running.by} in another session; see it at /sessions/${running.session}, or tap again when it has ended`,
      );
    const others = [...this.underWay.values()].filter((other) => other.target === target.id);
    if (others.length >= MOST)
      refuse(
        409,
        `${MOST} checks are running on ${target.name} (${others.map((other) => other.check.title).join(", ")}), and more would only slow each other down; tap again when one has ended`,
      );
    const id = this.parts.newId();
    const body = { name: check.name, by };
    // Taken before anything is awaited: the second tap of a double tap comes in this very moment.
    const written = this.committing.track(once, log.append({ stream, kind: "check_started", about: id, body, once }));
    this.underWay.set(key, { id, check, session, target: target.id, by, since: Date.now(), written });
    try {
      await written;
    } catch (error) {
      this.underWay.delete(key);
      throw error;
    }
    const over = this.carryThrough(check, id, stream, target).finally(() => {
      this.over.delete(id);
      this.underWay.delete(key);
    });
    this.over.set(id, over);
    return id;
  }

  /** The title of a check that runs in this session, or null. */
  runningIn(session: string): string | null {
    return [...this.underWay.values()].find((one) => one.session === session)?.check.title ?? null;
  }

  /** What the newest check of this target found; null when there was none. */
  newest(target: Target): Found | null {
    const known = this.found.get(target.id);
    if (known !== undefined) return known;
    const found = newestFound(this.parts.log, target.id);
    this.found.set(target.id, found);
    return found;
  }

  /** The run when it has ended. */
  async ended(session: string, id: string): Promise<CheckRun> {
    await this.over.get(id);
    return checkFrom(this.parts.log.about(sessionStream(session), id) as CheckEntry[])!;
  }

  private async carryThrough(check: Check, id: string, stream: string, target: Target): Promise<void> {
    const began = performance.now();
    const after_ms = () => Math.round(performance.now() - began);
    const { log } = this.parts;
    try {
      const readings = await runCheck(check, this.parts.toolsFor(target));
      const body = { name: check.name, findings: findingsOf(check, readings), readings, after_ms: after_ms() };
      const { entry } = await log.append({ stream, kind: "check_ended", about: id, body });
      this.found.set(
        target.id,
        foundBy(entry as Entry<"check_ended", CheckBody["check_ended"]>) ?? this.newest(target),
      );
      this.parts.told?.(target);
    } catch (error) {
      console.error(`check ${check.name}:`, error);
      await log.append(endedBadly(stream, id, check.name, "The check itself broke off inside the console", after_ms()));
    }
  }
}

const clock = (at: number): string => new Date(at).toISOString().slice(11, 16);

/** At the start: checks that ran when the server stopped are ended with a word. */
export async function endCutChecks(log: Log): Promise<number> {
  const cut = log.unfinished("check_started", ["check_ended"]) as CheckEntry[];
  for (const { stream, about, body } of cut)
    await log.append({
      ...endedBadly(stream, about ?? "", body.name, "The server was restarted while this check ran", 0),
      rescue: true,
    });
  return cut.length;
}

function endedBadly(stream: string, about: string, name: Check["name"], says: string, after_ms: number) {
  const findings = [{ level: "unknown", says: `${says}.`, next: "Run it again." }] as const;
  return { stream, kind: "check_ended", about, body: { name, findings, readings: [], after_ms } };
}

function checkNamed(name: string): Check {
  return (
    Object.values(CHECKS).find((check) => check.name === name) ??
    refuse(
      404,
      `there is no check '${name}'; there are ${Object.values(CHECKS)
        .map((c) => c.name)
        .join(", ")}`,
    )
  );
}
