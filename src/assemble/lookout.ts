/**
 * The wiring of what is true about the targets: one watch each, what a check found and the operator's note laid over it, and
 * telling it to whoever looks. It knows no verb's run and no sign-in.
 */
import type { Checks } from "../checks/in-session.ts";
import type { Found } from "../checks/newest.ts";
import type { Config } from "../config.ts";
import type { Kiosk } from "../console/kiosk.ts";
import type { Live } from "../console/live.ts";
import { knownOf } from "../console/page.tsx";
import { whispered } from "../console/whisper.tsx";
import type { SqliteLog } from "../log/sqlite.ts";
import type { Power } from "../power/carry-out.ts";
import type { Redaction } from "../secrets/redact.ts";
import type { State } from "../target/state.ts";
import { withNote } from "../target/state.ts";
import { streamOf, type Target } from "../target/target.ts";
import { Watch } from "../target/watch.ts";
import type { FarEnds } from "./far-ends.ts";

/** While somebody looks, a target is asked this often, ms; the lab is nearer. */
const ASK_EVERY_MS = 15_000;
const ASK_LAB_EVERY_MS = 5_000;
/** A wall board looks day and night: calmly. */
const ASK_FOR_BOARDS_EVERY_MS = 30_000;

export interface LookoutParts {
  readonly config: Config;
  readonly log: SqliteLog;
  readonly far: FarEnds;
  readonly redaction: Redaction;
  /** What is made after the lookout, since it asks the lookout in turn. */
  readonly later: () => {
    readonly power: Power;
    readonly checks: Checks;
    readonly live: Live;
    readonly kiosk: Kiosk;
  };
}

export class Lookout {
  private readonly watches = new Map<string, Watch>();
  private readonly reached = new Set<string>();
  /** The fault that the panel shows: a cycle or a repair cures it with no hand on the panel. */
  private fault_shown: string | undefined;

  constructor(private readonly parts: LookoutParts) {
    const { config, log } = parts;
    this.fault_shown = parts.far.lab?.fault();
    log.followIllness(() => config.targets.forEach(this.tell));
    for (const target of config.targets)
      this.watches.set(
        target.id,
        new Watch(target, {
          log,
          every_ms: () => this.everyMs(target),
          watched: () => this.parts.later().kiosk.watched || this.attached(target),
          seen: (t, state) => this.seen(t, state),
          ask: (t) => this.ask(t),
        }),
      );
  }

  /** What is known now, with what a check found on this guest, the operator's note, and what the console itself can't do. */
  stateOf = (target: Target): State => {
    const { config, log } = this.parts;
    const known = { ...this.watch(target).now, found: this.foundOn(target), console: log.illness };
    return withNote(known, config.cold_case_note);
  };

  /** Something happened by which it may be another state: it is asked for soon. */
  stir = (target: Target): void => this.watch(target).stir();

  /** Somebody looks at it. */
  attended = (target: Target): void => this.watch(target).attended();

  allAttended = (): void => {
    for (const watch of this.watches.values()) watch.attended();
  };

  /** Tells every open page of the target what is known of it. */
  tell = (target: Target): void => {
    const { log, far, later } = this.parts;
    const { power, live } = later();
    const state = this.stateOf(target);
    const held = power.holder(target) !== null;
    const known = knownOf({ stateOf: () => state, power, pve: far.pve }, target);
    live.whisper(streamOf(target), whispered.state({ state, seq: log.head, now: Date.now(), held, known }));
    this.tellFault(target);
  };

  /** Of the lab: tells which fault is set, if it is another one than was shown. */
  tellFault = (target: Target): void => {
    const fault = this.parts.far.lab?.fault();
    if (fault === undefined || fault === this.fault_shown) return;
    this.fault_shown = fault;
    this.parts.later().live.whisper(streamOf(target), whispered.faults(fault));
  };

  close(): void {
    for (const watch of this.watches.values()) watch.close();
  }

  private watch(target: Target): Watch {
    return this.watches.get(target.id)!;
  }

  private attached(target: Target): boolean {
    return this.parts.later().live.attachedTo(streamOf(target)) > 0;
  }

  private everyMs(target: Target): number {
    if (this.parts.far.lab) return ASK_LAB_EVERY_MS;
    const boards_only = this.parts.later().kiosk.watched && !this.attached(target);
    return boards_only ? ASK_FOR_BOARDS_EVERY_MS : ASK_EVERY_MS;
  }

  /** What a check found belongs to the guest that it looked at: after a run that changed the VM it says nothing any more. */
  private foundOn(target: Target): Found | null {
    const { checks, power } = this.parts.later();
    const found = checks.newest(target);
    return found && power.changedSince(target, found.seq) ? null : found;
  }

  private seen(target: Target, state: Watch["now"]): void {
    const { power, kiosk } = this.parts.later();
    this.tell(target);
    // Asked in vain before, answered now (the host is back, its key was accepted): so may a run that was let go.
    if (state.said && !this.reached.has(target.id)) power.answers(target);
    if (state.said) this.reached.add(target.id);
    else this.reached.delete(target.id);
    kiosk.seen(target);
  }

  private async ask(target: Target) {
    const { far, redaction } = this.parts;
    far.lab?.touch();
    const reading = await far.ask(target);
    const keys = await far.hostKeys.look(target, reading).catch((error) => {
      console.error("host keys:", error);
      return far.hostKeys.changed(target);
    });
    return redaction.deep({ ...reading, keys });
  }
}
