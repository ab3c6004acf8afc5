/**
 * The lab's scripted responder: answers a prompt by running the console's checks and laying words around what they found. It
 * is no AI and says so first. It goes through the same tools as an agent: it changes nothing by itself, and where the operator asks
 * it to mend what a check found, it asks with a card like any agent, so that Allow and Deny can be rehearsed, too.
 */
import { CHECKS, type CheckName } from "../checks/check.ts";
import type { Finding } from "../checks/finding.ts";
import { VERBS } from "../power/verb.ts";
import type { Agent, AgentEvent, AgentTools, AgentTurn, ToolAnswer, TurnInput } from "../sessions/agent.ts";
import { within } from "../within.ts";
import { eventQueue } from "./event-queue.ts";

/** How long Stop waits for a check that is under way, ms; its reads are bounded by themselves and change nothing. */
const LET_END_MS = 3000;

export const INTRODUCTION =
  "I am the lab's scripted responder, not an AI: I run the console's own checks and tell you what they find. I change nothing, unless you ask me to mend what they found and then allow it.";

type Tools = Pick<AgentTools, "check"> & Partial<Pick<AgentTools, "vmRun">>;

export function scriptedAgent(tools: Tools): Agent {
  return { name: "scripted", start: (input) => startScripted(input, tools) };
}

function startScripted(input: TurnInput, tools: Tools): AgentTurn {
  const events = eventQueue<AgentEvent>();
  const abort = new AbortController();
  let under_way: CheckName | null = null;

  const ask = async (name: CheckName, number: number): Promise<Finding[]> => {
    const tool_id = `check-${input.turn.slice(0, 8)}-${number}`;
    events.push({ is: "called", name: "check", input: { name }, tool_id });
    under_way = name;
    const answer = await asked(tools, { turn: input.turn, tool_id, signal: abort.signal, name });
    under_way = null;
    if (abort.signal.aborted) return [];
    events.push({ is: "returned", tool_id, output: answer.text, is_error: answer.is_error });
    return answer.is_error ? [notRun(name, answer)] : findingsIn(answer.text);
  };

  /** Asks for the repair of what was found, and looks again. Resolves with what is found after it. */
  const mend = async (found: readonly Finding[]): Promise<Finding[] | null> => {
    const repair = repairFor(found);
    if (!repair || !tools.vmRun) return null;
    const tool_id = `repair-${input.turn.slice(0, 8)}`;
    const { command, reason } = repair;
    events.push({ is: "called", name: "vm_run", input: { command, reason, timeout_s: 60 }, tool_id });
    const call = { turn: input.turn, tool_id, signal: abort.signal, command, reason, timeout_s: 60 };
    const answer = await tools.vmRun(call).catch((error: unknown) => ({ text: String(error), is_error: true }));
    if (abort.signal.aborted) return [];
    events.push({ is: "returned", tool_id, output: answer.text, is_error: answer.is_error });
    return answer.is_error ? [] : ask(repair.check, 9);
  };

  const work = async () => {
    const began = performance.now();
    events.push({ is: "started", session_id: input.resumes ?? crypto.randomUUID(), agent: "scripted" });
    const names = checksFor(input.prompt);
    events.push({ is: "said", text: `${INTRODUCTION} Running: ${titles(names)}.` });
    const found: Finding[] = [];
    for (const name of names) {
      const findings = await ask(name, names.indexOf(name));
      if (abort.signal.aborted) return;
      found.push(...findings);
      // A VM that does not answer can only be judged from its host.
      if (saysSilent(findings) && !names.includes("qemu")) names.push("qemu");
    }
    const after = wantsMending(input.prompt) ? await mend(found) : null;
    if (abort.signal.aborted) return;
    const words = inWords(names, after === null || after.length === 0 ? found : after);
    const said = after === null ? words : `${after.length > 0 ? "After the repair" : "It was not mended"}. ${words}`;
    events.push({ is: "said", text: said });
    const is_error = found.length > 0 && found.every((finding) => finding.level === "unknown");
    const duration_ms = Math.round(performance.now() - began);
    events.push({ is: "concluded", is_error, result: said, duration_ms, cost_usd: null });
  };

  // Begun after the caller has the turn, so that its first words are not lost to a slow reader.
  const over = Promise.resolve()
    .then(() => (abort.signal.aborted ? undefined : work()))
    .catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      events.push({
        is: "failed",
        error: `The scripted responder broke off: ${why}. The checks themselves still work.`,
      });
    })
    .finally(() => events.close());

  let stopped: Promise<string> | null = null;
  return {
    events,
    stop: () => {
      stopped ??= (async () => {
        const running = under_way;
        abort.abort();
        await within(over, LET_END_MS);
        events.close();
        if (running === null) return "the scripted responder; no check was under way";
        const title = CHECKS[running].title;
        // A check is the console's, not the responder's: it goes on, and its card tells its end.
        return `the scripted responder; its check “${title}” reads on to its own limit and changes nothing`;
      })();
      return stopped;
    },
  };
}

async function asked(tools: Pick<AgentTools, "check">, call: Parameters<AgentTools["check"]>[0]): Promise<ToolAnswer> {
  try {
    return await tools.check(call);
  } catch (error) {
    return { text: error instanceof Error ? error.message : String(error), is_error: true };
  }
}

const ABOUT: readonly (readonly [CheckName, RegExp])[] = [
  ["qemu", /\b(qemu|wedged?|frozen|freeze|hangs?|hung|stall\w*|cycle|reset|unreachable|not (?:answer|respond)\w*)\b/i],
  ["memory", /\b(memory|mem|ram|oom|swap\w*|slow|load)\b/i],
  ["disk", /\b(disks?|space|full|inodes?|df|storage)\b/i],
  ["services", /\b(services?|units?|nginx|failed|systemd|daemon|website|web)\b/i],
];

/** The checks that a prompt's words ask for; a preset's own prompt means that preset. Never none. */
export function checksFor(prompt: string): CheckName[] {
  const preset = Object.values(CHECKS).find((check) => check.prompt === prompt.trim());
  if (preset) return [preset.name];
  const names = ABOUT.filter(([, words]) => words.test(prompt)).map(([name]) => name);
  return names.length > 0 ? names : ["triage"];
}

/** A tool's answer begins with one line per finding; `Next:` parts what it says from what to do. */
export function findingsIn(text: string): Finding[] {
  const head = text.split("\n\n", 1)[0] ?? "";
  return head.split("\n").flatMap((line) => {
    const found = /^(bad|warn|fine|unknown): (.*?)(?: Next: (.*))?$/.exec(line);
    return found ? [{ level: found[1] as Finding["level"], says: found[2]!, next: found[3] ?? "" }] : [];
  });
}

/** The prompt asks for more than a look. */
export const wantsMending = (prompt: string): boolean =>
  !Object.values(CHECKS).some((check) => check.prompt === prompt.trim()) &&
  /\b(fix|mend|repair|cure|clear|free|clean|restart|kill)\b/i.test(prompt);

/** What mends the lab's faults, each by a word of the finding that shows it. No other machine is spoken to by this responder. */
const REPAIRS: readonly {
  readonly shows: RegExp;
  readonly command: string;
  readonly reason: string;
  readonly check: CheckName;
}[] = [
  {
    shows: /^\/ is full/,
    command: "sudo rm /var/lib/app/export/orders-full.dump",
    reason: "/ is full, and this export is the largest file outside system folders",
    check: "disk",
  },
  {
    shows: /memory pressure/,
    command: "sudo pkill ugrep",
    reason: "memory and swap are full, and ugrep is the largest process",
    check: "memory",
  },
  {
    shows: /nginx\.service/,
    command: "sudo systemctl restart nginx",
    reason: "nginx has failed",
    check: "services",
  },
];

const repairFor = (found: readonly Finding[]) =>
  REPAIRS.find(({ shows }) => found.some(({ level, says }) => level === "bad" && shows.test(says)));

function saysSilent(findings: readonly Finding[]): boolean {
  return findings.some((finding) => finding.level === "bad" && finding.says.startsWith("The VM does not answer"));
}

function notRun(name: CheckName, answer: ToolAnswer): Finding {
  return {
    level: "unknown",
    says: `The check “${CHECKS[name].title}” did not run: ${answer.text.split("\n")[0]}`,
    next: "",
  };
}

function inWords(names: readonly CheckName[], found: readonly Finding[]): string {
  const bad = found.filter((finding) => finding.level === "bad" || finding.level === "warn");
  const unread = found.filter((finding) => finding.level === "unknown");
  const fine = found.filter((finding) => finding.level === "fine");
  const line = (finding: Finding) => `- ${finding.says}`;
  const next = [...new Set(bad.map((finding) => finding.next).filter((step) => step && !wasDone(step, names)))];
  const parts = [
    bad.length > 0 ? `Found:\n${bad.map(line).join("\n")}` : "",
    unread.length > 0 ? `Not known:\n${unread.map(line).join("\n")}` : "",
    fine.length > 0 ? `In order:\n${fine.map(line).join("\n")}` : "",
    bad.length === 0 && unread.length === 0 ? `Nothing wrong was found by ${titles(names)}.` : "",
    next.length > 0
      ? `What I would do next; it is yours to do:\n${next.map((step) => `- ${asStep(step)}`).join("\n")}`
      : "",
  ];
  return parts.filter(Boolean).join("\n\n");
}

/** A check that was just run is no next step. */
const wasDone = (step: string, names: readonly CheckName[]): boolean =>
  names.some((name) => step.includes(`the check “${CHECKS[name].title}”`));

/** A step that is a verb, or begins with one, says where it is tapped. */
function asStep(step: string): string {
  const verb = Object.values(VERBS).find(({ name, mutates }) => mutates && new RegExp(`^${name}\\b`).test(step));
  return verb ? step.replace(verb.name, `${verb.name} (Power, “${verb.name}”: ${verb.brief})`) : step;
}

const titles = (names: readonly CheckName[]): string => names.map((name) => `“${CHECKS[name].title}”`).join(", ");
