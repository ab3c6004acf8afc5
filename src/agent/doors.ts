/**
 * What the agent's tools really do: the console's own doors, with the buttons' locks and limits. Before anything that may
 * change the VM, `permission.ts` is asked. It knows nothing of MCP; `tools.ts` speaks that.
 */
import { randomUUID } from "node:crypto";
import { CHECKS } from "../checks/check.ts";
import type { Checks } from "../checks/in-session.ts";
import type { Power } from "../power/carry-out.ts";
import { VERB_NAMES, verbNamed } from "../power/verb.ts";
import { Refusal } from "../refusal.ts";
import type { AgentTools, ToolAnswer, ToolCall } from "../sessions/agent.ts";
import type { Target } from "../target/target.ts";
import type { Approvals } from "./approval.ts";
import type { Asker, Permission } from "./permission.ts";
import { askOperator } from "./question.ts";
import type { Runbooks } from "./runbooks.ts";
import { LONGEST_S, type VmRuns } from "./vm-run.ts";

export interface Doors {
  /** The session and target of a turn that runs; null when it is over. */
  readonly whereabouts: (turn: string) => { session: string; target: Target } | null;
  /** Whether the transcript has this call already. */
  readonly told: (session: string, turn: string, tool_id: string) => boolean;
  readonly runs: VmRuns;
  readonly power: Power;
  readonly checks: Checks;
  readonly permission: Permission;
  readonly approvals: Pick<Approvals, "inquire">;
  readonly runbooks: Runbooks;
  /** Whether the transcript would show all that a command does. */
  readonly shownWhole?: (command: string) => boolean;
}

/** Patience with a call that the transcript does not tell; then it is run all the same. */
const TELL_WITHIN_MS = 1000;

export function agentTools(doors: Doors): AgentTools {
  const within = async (
    { turn, tool_id }: ToolCall,
    work: (at: { session: string; target: Target }) => Promise<ToolAnswer>,
  ): Promise<ToolAnswer> => {
    const at = doors.whereabouts(turn);
    if (!at) return no("This turn is over; nothing was run.");
    // The call goes two ways, by the CLI's output and by MCP: the transcript must tell it before what it does.
    for (let n = 0; tool_id && !doors.told(at.session, turn, tool_id) && n < TELL_WITHIN_MS / 10; n++)
      await Bun.sleep(10);
    try {
      return await work(at);
    } catch (error) {
      if (error instanceof Refusal) return no(`Refused: ${error.message}`);
      throw error;
    }
  };
  return {
    vmRun: ({ command, reason, timeout_s, signal, ...call }) =>
      within(call, async ({ session, target }) => {
        const limit_s = Math.min(Math.max(Math.round(timeout_s), 1), LONGEST_S);
        if (doors.shownWhole?.(command) === false)
          return no(
            "The command holds a private key or a secret of several words, which would be hidden from whoever approves it; nothing was run. Write it without.",
          );
        const asker: Asker = { session, target, reason, signal, ...call };
        const permitted = await doors.permission.forCommand(command, limit_s, asker);
        if (permitted.is === "no") return no(permitted.why, permitted.ended);
        return doors.runs.run({ session, target, command, timeout_s: limit_s, tool_id: call.tool_id, signal });
      }),
    power: ({ verb, reason, signal, ...call }) =>
      within(call, async ({ session, target }) => {
        const known = verbNamed(verb);
        if (!known) return no(`unknown verb '${verb}'; there are ${VERB_NAMES.join(", ")}`);
        const permitted = await doors.permission.forVerb(known, { session, target, reason, signal, ...call });
        if (permitted.is === "no") return no(permitted.why, permitted.ended);
        // An approval is one action: its id, so that one yes can't run twice.
        const id = permitted.approval_id ?? randomUUID();
        const action = await doors.power.carryOutForAgent({
          id,
          verb: known.name,
          target,
          by: permitted.by,
          override: null,
        });
        const ended = await unlessOver(signal, doors.power.settled(target, action.id));
        if (!ended)
          return no(
            known.mutates
              ? `The turn was stopped; ${verb} belongs to the host and goes on there. Its outcome is in the transcript.`
              : "The turn was stopped; the verb only reads, and ends by itself.",
          );
        return {
          text: `${ended.stdout}${ended.stderr ? `stderr:\n${ended.stderr}` : ""}[${ended.outcome}: ${ended.why}]`,
          is_error: ended.outcome !== "done",
        };
      }),
    check: ({ name, signal, ...call }) =>
      within(call, async ({ session, target }) => {
        if (!Object.values(CHECKS).some((c) => c.name === name))
          return no(
            `there is no check '${name}'; there are ${Object.values(CHECKS)
              .map((c) => c.name)
              .join(", ")}`,
          );
        const by = `agent:${call.turn.slice(0, 8)}`;
        const id = await doors.checks.start({ name, session, target, by, request_id: randomUUID() });
        const run = await unlessOver(signal, doors.checks.ended(session, id));
        if (!run) return no("The turn was stopped; the check only reads, and its findings stay in the transcript.");
        const found = run.findings.map((f) => `${f.level}: ${f.says}${f.next ? ` Next: ${f.next}` : ""}`).join("\n");
        const read = run.readings.map((r) => `$ ${r.command}\n${r.output}${r.why ? `[${r.why}]` : ""}`).join("\n");
        return { text: `${found}\n\n${read}`, is_error: false };
      }),
    runbook: ({ name, ...call }) => within(call, () => doors.runbooks.answer(name)),
    ask: ({ question, choices, signal, ...call }) =>
      within(call, ({ session, target }) =>
        askOperator(doors.approvals, { question, choices }, { session, target, reason: "", signal, ...call }),
      ),
  };
}

/** Null as soon as the turn is over: what only reads may end by itself, nobody waits for it. */
function unlessOver<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T | null> {
  if (!signal) return work;
  return Promise.race([
    work,
    new Promise<null>((resolve) => {
      if (signal.aborted) resolve(null);
      signal.addEventListener("abort", () => resolve(null), { once: true });
    }),
  ]);
}

const no = (text: string, ended?: string): ToolAnswer => ({ text, is_error: true, own_words: true, ended });
