/**
 * What the newest check of a target found: true knowledge of the guest, which the hypervisor's view has not. It stands beside the
 * state with its age, and concludes nothing.
 */
import type { Entry, Log } from "../log/log.ts";
import type { SessionBody } from "../sessions/event.ts";
import { CHECKS } from "./check.ts";
import type { CheckBody } from "./event.ts";
import type { Finding } from "./finding.ts";

export interface Found {
  /** The preset's name. */
  readonly check: string;
  readonly says: string;
  readonly level: Finding["level"];
  /** When the check ended, ms since the epoch. */
  readonly at: number;
  /** Of the entry that says so. */
  readonly seq: number;
}

/** A check that read nothing (the console was restarted) teaches nothing. */
export function foundBy({ at, seq, body }: Entry<"check_ended", CheckBody["check_ended"]>): Found | null {
  const { name, findings, readings } = body;
  const worst = findings[0];
  if (!worst || readings.length === 0) return null;
  // Of a check that found nothing the first line is no news: it would read like a complaint.
  const says = worst.level === "fine" ? "nothing wrong found" : worst.says;
  return { check: CHECKS[name]?.title ?? name, says, level: worst.level, at, seq };
}

/** How many of the newest checks are looked through for the one of a target; each carries all that was read. */
const LOOK_BACK = 20;

/** Off the log, for a console that was just started. */
export function newestFound(log: Log, target: string): Found | null {
  const ended = log.newest({ stream: null, kind: "check_ended", limit: LOOK_BACK });
  for (const entry of ended as Entry<"check_ended", CheckBody["check_ended"]>[]) {
    const { stream } = entry;
    const opened = log.newest({ stream, kind: "opened", limit: 1 })[0] as Entry<"opened", SessionBody["opened"]>;
    const found = opened?.body.target === target ? foundBy(entry) : null;
    if (found) return found;
  }
  return null;
}
