/**
 * The evidence in some minutes of readings: does the disk move, when did the guest last answer, and the short facts that are
 * shown beside a state. Pure; it concludes nothing about what to do.
 */
import type { Said } from "./said.ts";
import type { Reading } from "./state.ts";

export type Heard = Reading & { readonly said: Said | null };

/** Counters that stay the same for this long count as still, where the host did not look twice by itself, ms. */
const STILL_MS = 20_000;

/** `for_ms`: how long the counters are known to be the same, by readings of one and the same QEMU. */
export function diskStill(heard: readonly Heard[]): { is: "moves" | "still" | "unknown"; for_ms: number } {
  const last = heard.at(-1)!;
  const { disk, moved, pid } = last.said ?? { disk: null, moved: null, pid: null };
  let first = last.at;
  let changed = false;
  for (const { at, said } of [...heard].reverse()) {
    if (said?.disk == null) continue;
    if (said.pid !== pid) break;
    changed = said.disk !== disk;
    if (changed) break;
    first = at;
  }
  const for_ms = last.at - first;
  if (disk === null) return { is: "unknown", for_ms: 0 };
  if (moved === false || (moved === null && for_ms >= STILL_MS)) return { is: "still", for_ms };
  return { is: moved || changed ? "moves" : "unknown", for_ms };
}

/** When this very QEMU's guest last answered ssh, ms since the epoch; null: never, as far as we know. */
export function guestLastAnswered(heard: readonly Heard[]): number | null {
  const { pid } = heard.at(-1)!.said ?? { pid: null };
  return heard.findLast(({ said, knock }) => knock?.answered && (said === null || said.pid === pid))?.at ?? null;
}

/** Short facts about a VM whose QEMU runs, most telling first. */
export function guestEvidence(heard: readonly Heard[], now: number): string[] {
  const { said, knock } = heard.at(-1)!;
  if (!said) return [];
  const disk = diskStill(heard);
  const facts: string[] = [];
  // Beside a guest that answers, a disk that rests is no sign of anything.
  if (disk.is === "still" && !knock?.answered)
    facts.push(disk.for_ms >= 5000 ? `disk unmoved for ${inSeconds(disk.for_ms)}` : "disk unmoved between two looks");
  if (disk.is === "moves") facts.push("the disk moves");
  if (knock)
    facts.push(knock.answered ? `ssh answered in ${inSeconds(knock.took_ms)}` : `ssh: ${knock.why || "no answer"}`);
  const answered = guestLastAnswered(heard);
  if (knock && !knock.answered && answered !== null) facts.push(`ssh last answered ${inSeconds(now - answered)} ago`);
  if (said.agent === "answered") facts.push("guest agent answered");
  if (said.agent === "silent") facts.push("guest agent: no answer");
  const balloon = balloonSilence(heard);
  if (balloon !== null) facts.push(`the guest's kernel has not told its memory for ${inSeconds(balloon)}`);
  if (said.qmp === "answered") facts.push("QEMU answered");
  if (said.lock) facts.push(`config lock: ${said.lock}`);
  if (said.task) facts.push(`task: ${said.task}`);
  else if (said.flock) facts.push(`held by ${said.flock}`);
  if (said.run) facts.push(runInWords(said.run));
  if (said.staged) facts.push(`staged config: ${said.staged}; a cycle applies it`);
  if (disk.is === "still" && knock?.answered) facts.push("disk at rest");
  if (!said.probed) facts.push("the host has the first system's script: QEMU and disk are not known");
  return facts;
}

/** The host script's `probe.run`: "cycle req-1234 since 2026-11-22T03:12:00Z for 192.0.2.9". */
function runInWords(run: string): string {
  const said = /^(\w+) \S+ since (\S+)(?: for (.*))?$/.exec(run);
  if (!said) return `the host is at work: ${run}`;
  const at = /T(\d\d:\d\d:\d\d)/.exec(said[2]!)?.[1];
  return `${said[1]} is at work on the host since ${at ? `${at} UTC` : said[2]}`;
}

/** A guest kernel that lives tells its memory every few seconds while pvestatd asks for it. Null: it does, or was never asked. */
function balloonSilence(heard: readonly Heard[]): number | null {
  const last = heard.at(-1)!;
  const told = last.said?.balloon_at ?? null;
  if (told === null) return null;
  const first = heard.find(({ said }) => said?.balloon_at === told && said.pid === last.said!.pid)!;
  return last.at - first.at >= 30_000 ? last.at - first.at : null;
}

export function inSeconds(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  return s < 120 ? `${s} s` : s < 7200 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3600)} h`;
}
