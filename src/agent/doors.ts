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
  /** What of a command the transcript and the card would hide; null when they show all that it does. */
  readonly hiddenIn?: (command: string) => Hidden | null;
}

export interface Hidden {
  readonly kind: string;
  /** A value of the console's own. */
  readonly ours: boolean;
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
        const hidden = doors.hiddenIn?.(command);
        if (hidden) return no(hiddenInWords(hidden));
        const asker: Asker = { session, target, reason, signal, ...call };
        const permitted = await doors.permission.forCommand(command, limit_s, asker);
        if (permitted.is === "no") return no(permitted.why, permitted.ended);
        if (isStopped(asker)) return stopped(asker);
        return doors.runs.run({ session, target, command, timeout_s: limit_s, tool_id: call.tool_id, signal });
      }),
    power: ({ verb, reason, signal, ...call }) =>
      within(call, async ({ session, target }) => {
        const known = verbNamed(verb);
        if (!known) return no(`unknown verb '${verb}'; there are ${VERB_NAMES.join(", ")}`);
        const asker: Asker = { session, target, reason, signal, ...call };
        const permitted = await doors.permission.forVerb(known, asker);
        if (permitted.is === "no") return no(permitted.why, permitted.ended);
        if (isStopped(asker)) return stopped(asker);
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
        if (isStopped({ signal, ...call })) return stopped({ signal, ...call });
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

/** A yes is worth as much as what was seen; and what only reads stands in the transcript, for whoever reads it later. */
function hiddenInWords({ kind, ours }: Hidden): string {
  return ours
    ? `The command holds a secret of this console (${kind}), which belongs on no command line; nothing was run. Go on without it: no repair of the VM needs it.`
    : `Part of the command looks like a secret (${kind}) and would be hidden from whoever reads or approves it, so nothing was run. Put it so that nothing is hidden: let the program read the value from where it lies on the VM (a file, its own configuration, an environment file), or give the variable or option another name if it is no secret.`;
}

type Signals = Pick<ToolCall, "signal" | "stopping">;

/** Asked just before a thing begins: seconds may have passed since the call came, and minutes since it was allowed. */
const isStopped = ({ signal, stopping }: Signals): boolean => signal?.aborted === true || stopping?.aborted === true;

/** Not before `signal`: a CLI that has not heard of the stop yet would go on with the answer. */
async function stopped({ signal }: Signals): Promise<ToolAnswer> {
  if (signal && !signal.aborted)
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  return no("The turn was stopped before it began; nothing ran.", "nothing of it ran");
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
