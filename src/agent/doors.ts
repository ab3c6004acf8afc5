/**
 * What the agent's tools really do: the console's own doors, with the buttons' locks and limits. Reading verbs run; a verb
 * that changes the VM is refused here until an operator can approve it. It knows nothing of MCP; `tools.ts` speaks that.
 */
import { randomUUID } from "node:crypto";
import { CHECKS } from "../checks/check.ts";
import type { Checks } from "../checks/in-session.ts";
import { startChild } from "../child.ts";
import { endingInWords } from "../outcome.ts";
import type { Power } from "../power/carry-out.ts";
import { VERB_NAMES, verbNamed } from "../power/verb.ts";
import { Refusal } from "../refusal.ts";
import type { AgentTools, ToolAnswer, ToolCall } from "../sessions/agent.ts";
import type { Target } from "../target/target.ts";

export interface Doors {
  /** The session and target of a turn that runs; null when it is over. */
  readonly whereabouts: (turn: string) => { session: string; target: Target } | null;
  /** Whether the transcript has this call already. */
  readonly told: (session: string, turn: string, tool_id: string) => boolean;
  readonly vmSpawn: (target: Target, command: string) => { argv: string[]; env: Record<string, string> };
  readonly power: Power;
  readonly checks: Checks;
}

/** What one vm_run may hand back, characters per pipe; the MCP side keeps head and tail of it. */
const KEEP = 1024 * 1024;
const LONGEST_S = 900;
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
    vmRun: ({ command, timeout_s, signal, ...call }) =>
      within(call, async ({ target }) => {
        const limit_s = Math.min(Math.max(Math.round(timeout_s), 1), LONGEST_S);
        const printed = { stdout: "", stderr: "" };
        const spawn = { ...doors.vmSpawn(target, boundedThere(command, limit_s)), limit_ms: (limit_s + 15) * 1000 };
        const child = startChild(spawn, (line) => {
          if (printed[line.from].length < KEEP) printed[line.from] += `${line.text}\n`;
        });
        const end = () => void child.stop();
        signal?.addEventListener("abort", end, { once: true });
        const ending = await child.ended;
        signal?.removeEventListener("abort", end);
        const { stdout, stderr } = printed;
        const how =
          ending.is === "exited" && ending.code === 124
            ? `ended after its limit of ${limit_s} s`
            : endingInWords(ending);
        const text = [stdout, stderr && `stderr:\n${stderr}`, `[${how}]`].filter(Boolean).join("\n");
        return { text, is_error: !(ending.is === "exited" && ending.code === 0) };
      }),
    power: ({ verb, reason, signal, ...call }) =>
      within(call, async ({ target }) => {
        const known = verbNamed(verb);
        if (!known) return no(`unknown verb '${verb}'; there are ${VERB_NAMES.join(", ")}`);
        if (known.mutates)
          return no(
            `'${verb}' changes the VM, and only the operator may tap it. Say in your answer why you would ${verb}${reason ? " (your reason is noted)" : ""}, and stop there.`,
          );
        const by = `agent:${call.turn.slice(0, 8)}`;
        const action = await doors.power.carryOut({ id: randomUUID(), verb: known.name, target, by, override: null });
        const ended = await unlessOver(signal, doors.power.settled(target, action.id));
        if (!ended) return no("The turn was stopped; the verb only reads, and ends by itself.");
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

/** Killing our ssh leaves the far command running (no tty), so the limit also stands there. */
const boundedThere = (command: string, limit_s: number): string =>
  `timeout -k 5 ${limit_s} bash -c '${command.replaceAll("'", "'\\''")}'`;

const no = (text: string): ToolAnswer => ({ text, is_error: true });
