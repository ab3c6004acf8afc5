/** The answers for a terminal: 80 columns, no colours; the status in under 1,000 bytes. */
import type { CheckRun } from "../src/checks/check-run.ts";
import type { Action } from "../src/power/action.ts";
import { plain } from "./plain.tsx";
import { STATE_WORDS } from "./state.tsx";
import type { StatusProps } from "./status.tsx";
import { agoWords, clockWords, durationWords, utcWords } from "./time.tsx";

const COLUMNS = 80;
const MOST_BYTES = 1000;

export function statusText({ target, state, action, last, now }: StatusProps): string {
  const lines = [
    `${plain(target.name)} (VM ${target.vmid})${target.lab ? " LAB" : ""}: ${STATE_WORDS[state.is]}`,
    ...wrapped(plain(state.says)),
    state.heard_at === null ? "Nothing heard yet." : `Heard ${agoWords(state.heard_at, now)}.`,
    ...wrapped(state.advice && `Advice: ${plain(state.advice)}`),
    ...wrapped(ran({ action, last, now })),
  ];
  const end = `As of ${utcWords(now)}.\n`;
  const because = state.because.flatMap((fact) => wrapped(`- ${plain(fact)}`, "  "));
  // Evidence is what may be cut; the sentence, the advice and the action are not.
  const room = () => MOST_BYTES - size([...lines, ...because].join("\n")) - size(end) - 1;
  while (because.length > 0 && room() < 0) because.pop();
  lines.splice(1 + wrapped(plain(state.says)).length, 0, ...because);
  return cutTo(`${lines.filter(Boolean).join("\n")}\n`, MOST_BYTES - size(end)) + end;
}

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
