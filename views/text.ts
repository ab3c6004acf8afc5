/** The answers for a terminal: 80 columns, no colours; the status in under 1,000 bytes. */
import type { CheckRun } from "../src/checks/check-run.ts";
import type { Action } from "../src/power/action.ts";
import { VERBS } from "../src/power/verb.ts";
import type { Session } from "../src/sessions/session.ts";
import {
  END_WORDS,
  type KeyPrint,
  keyFile,
  type PinnedEnd,
  printInWords,
  SETTING_RULES,
  terminalCommand,
} from "../src/target/host-key.ts";
import { isStale } from "../src/target/state.ts";
import type { Target } from "../src/target/target.ts";
import { plain } from "./plain.tsx";
import { STATE_WORDS } from "./state.tsx";
import type { StatusProps } from "./status.tsx";
import { agoWords, clockWords, durationWords, utcWords } from "./time.tsx";

const COLUMNS = 80;
const MOST_BYTES = 1000;

export function statusText({ target, state, action, last, now }: StatusProps): string {
  const whose = `${plain(target.name)} (VM ${target.vmid})${target.lab ? " LAB" : ""}`;
  const stale = isStale(state, now);
  const held = action?.state === "running" && VERBS[action.verb].mutates;
  // What is old is told as old before anything else: nothing of it may pass for what is true now.
  const head = stale
    ? [
        `${whose}: not heard since ${agoWords(state.heard_at!, now)}`,
        ...wrapped(`Last heard ${agoWords(state.heard_at!, now)}: “${plain(state.says)}”`),
      ]
    : [`${whose}: ${STATE_WORDS[state.is]}`, ...wrapped(plain(state.says))];
  const found =
    state.found && `Check ${state.found.check} ${agoWords(state.found.at, now)}: ${plain(state.found.says)}`;
  const lines = [
    ...head,
    state.heard_at === null
      ? "Nothing heard yet."
      : stale
        ? "It is asked now; ask again."
        : `Heard ${agoWords(state.heard_at, now)}.`,
    ...wrapped(state.console ?? ""),
    ...wrapped(found ?? ""),
    ...wrapped(state.advice && !held ? `${stale ? "Advice then" : "Advice"}: ${plain(state.advice)}` : ""),
    ...wrapped(ran({ action, last, now })),
  ];
  const end = `As of ${utcWords(now)}.\n`;
  const because = state.because.flatMap((fact) => wrapped(`- ${stale ? "then: " : ""}${plain(fact)}`, "  "));
  // Evidence is what may be cut; the sentence, the advice and the action are not.
  const room = () => MOST_BYTES - size([...lines, ...because].join("\n")) - size(end) - 1;
  while (because.length > 0 && room() < 0) because.pop();
  lines.splice(head.length, 0, ...because);
  return cutTo(`${lines.filter(Boolean).join("\n")}\n`, MOST_BYTES - size(end)) + end;
}

/** Every target in a few lines; where that is too much, in one; and where even that is, the first of them. */
export function statusesText(all: readonly Omit<StatusProps, "others">[], now: number): string {
  const end = `As of ${utcWords(now)}. One of them: /status?target=…\n`;
  const room = MOST_BYTES - size(end);
  const heads = all.map(({ target, state }) =>
    isStale(state, now)
      ? `${target.id}: last heard ${agoWords(state.heard_at!, now)}, then ${STATE_WORDS[state.is]}`
      : `${target.id}: ${STATE_WORDS[state.is]}${state.heard_at === null ? ", not heard yet" : `, heard ${agoWords(state.heard_at, now)}`}`,
  );
  const full = all.flatMap(({ target, state, action, last }, i) => [
    ...wrapped(`${heads[i]} (${plain(target.name)}, VM ${target.vmid})`),
    ...wrapped(isStale(state, now) ? `  then: “${plain(state.says)}”` : `  ${plain(state.says)}`, "  "),
    ...wrapped(`  ${ran({ action, last: state.advice ? null : last, now })}`, "  "),
  ]);
  const whole = `${full.join("\n")}\n`;
  if (size(whole) <= room) return whole + end;
  const brief = all.map(({ action }, i) => `${heads[i]}${action ? `, ${action.verb} runs` : ""}`);
  const lines = brief.flatMap((line) => wrapped(line));
  if (size(`${lines.join("\n")}\n`) <= room) return `${lines.join("\n")}\n${end}`;
  let shown = brief.length;
  const cut = () => `${brief.slice(0, shown).join("\n")}\nand ${brief.length - shown} more.\n`;
  while (size(cut()) > room) shown--;
  return cut() + end;
}

export const sessionsText = (sessions: readonly Session[], withTarget: boolean, older: string | null): string =>
  sessions
    .map(
      (s) =>
        `/sessions/${s.session_id}  ${withTarget ? `${s.target}  ` : ""}${s.turn_active ? "working  " : ""}${plain(s.title)}\n`,
    )
    .join("") + (older === null ? "" : `Begun before these: ${older}\n`);

export function actionText(action: Action): string {
  const head = [
    `${action.verb} on ${plain(action.target)}: ${action.state === "running" ? "running" : action.rejected ? "refused, nothing ran" : (action.outcome ?? "ended")}`,
    `by ${plain(action.by)}, started ${utcWords(action.started_at)}${action.ended_at ? `, ended ${utcWords(action.ended_at)}` : ""}`,
    ...wrapped(plain(action.why)),
    `action ${action.id}${action.exit_code === null ? "" : `, exit code ${action.exit_code}`}`,
  ];
  const printed = [action.stdout, action.stderr && `stderr:\n${action.stderr}`].map((part) => plain(part).trimEnd());
  return `${[...head, ...printed.filter(Boolean)].join("\n")}\n`;
}

export function hostKeyText(target: Target, ends: readonly PinnedEnd[], now: number): string {
  const lines = ends.flatMap(({ end, host, pinned, pinned_by, changed }) => {
    const whose = `${END_WORDS[end]} (${host})`;
    if (!changed) return [`${whose}, pinned${pinned_by === "settings" ? " by a setting" : ""}:`, ...listed(pinned)];
    const way =
      changed.pinned_by === "settings"
        ? `Not accepted here: ${SETTING_RULES}.`
        : end === "pve"
          ? `It is accepted only at the server's own terminal: ${terminalCommand(end, target)}`
          : "Accept it: POST /host-key {target, end: 'vm', fingerprint}";
    return [
      `${whose} shows ANOTHER KEY, seen ${agoWords(changed.since, now)}. Nothing is sent to it.`,
      `  pinned:    ${printInWords(changed.old)}`,
      `  shown now: ${changed.offered ? printInWords(changed.offered) : "could not be read"}`,
      ...wrapped(`Compare there: ssh-keygen -lf ${keyFile(changed.offered?.type ?? "")}`, "  "),
      ...wrapped(way, "  "),
    ];
  });
  return `${[`Host keys of ${plain(target.name)}`, ...lines].join("\n")}\n`;
}

const listed = (keys: readonly KeyPrint[]) =>
  keys.length === 0 ? ["  none"] : keys.map((key) => `  ${printInWords(key)}`);

const LEVELS = { bad: "ACT", warn: "look", fine: "fine", unknown: "not read" } as const;

export function checkText(run: CheckRun): string {
  if (run.state === "running") return `${run.name}: reading, since ${utcWords(run.started_at)}\n`;
  const findings = run.findings.flatMap((finding) => [
    ...wrapped(`${LEVELS[finding.level]}: ${plain(finding.says)}`, "  "),
    ...(finding.next ? wrapped(`  ${plain(finding.next)}`, "  ") : []),
  ]);
  return `${[`${run.name}, ${durationWords(run.after_ms ?? 0)}:`, ...findings].join("\n")}\n`;
}

function ran({ action, last, now }: Pick<StatusProps, "action" | "last" | "now">): string {
  if (action?.state === "running")
    return `Running: ${action.verb} ${clockWords(action.started_at, now)}, started by ${plain(action.by)}`;
  if (!last?.ended_at) return "";
  const outcome = `Last: ${last.verb} ${last.outcome ?? "ended"} ${agoWords(last.ended_at, now)}, by ${plain(last.by)}`;
  return last.why ? `${outcome}: ${plain(last.why)}` : outcome;
}

/** Breaks at spaces; a word that is longer than a line is broken in it. */
export function wrapped(text: string, indent = ""): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/).filter(Boolean)) {
    let rest = word;
    if (line && line.length + 1 + rest.length > COLUMNS) {
      lines.push(line);
      line = indent;
    } else if (line.trim()) line += " ";
    while (line.length + rest.length > COLUMNS) {
      lines.push(line + rest.slice(0, COLUMNS - line.length));
      rest = rest.slice(COLUMNS - line.length);
      line = indent;
    }
    line += rest;
  }
  return line.trim() ? [...lines, line] : lines;
}

const size = (text: string) => new TextEncoder().encode(text).length;

function cutTo(text: string, bytes: number): string {
  if (size(text) <= bytes) return text;
  let cut = text.slice(0, bytes);
  while (size(cut) > bytes - 4) cut = cut.slice(0, -1);
  return `${cut}…\n`;
}
