/**
 * May the agent do this now? By the policy, and where the policy says so by an operator's word. It ends in a yes with the
 * name that the deed goes under, or in a sentence with which the agent can go on. It runs nothing itself.
 */
import { type Preflight, preflightLines } from "../power/preflight.ts";
import type { Verb } from "../power/verb.ts";
import type { Target } from "../target/target.ts";
import { type Approvals, type Asking, type Decision, STOPPED } from "./approval.ts";
import { askedInWords } from "./approval-event.ts";
import type { CommandClass } from "./command-class.ts";
import { type AgentPower, classOfVerb, type Known, type Rule, ruleForCommand, ruleForVerb } from "./policy.ts";

export interface PermissionParts {
  /** For targets that say nothing else themselves. */
  readonly power: AgentPower;
  readonly approvals: Approvals;
  readonly classOf: (command: string) => CommandClass;
  /** What is known of a target now, before a verb. */
  readonly preflight: (verb: Verb, target: Target) => Preflight;
}

/** Who asks, from where, and until when. */
export interface Asker {
  readonly session: string;
  readonly target: Target;
  readonly turn: string;
  readonly tool_id?: string;
  readonly reason: string;
  /** The turn's; aborted, nobody waits any more. */
  readonly signal?: AbortSignal;
  /** Aborted a moment before it: nothing begins any more. */
  readonly stopping?: AbortSignal;
}

export type Permitted =
  /** `approval_id` is null where nobody had to be asked. */
  | { readonly is: "yes"; readonly by: string; readonly approval_id: string | null }
  /** `ended` is set where the turn ended while it waited: for whoever stopped it. */
  | { readonly is: "no"; readonly why: string; readonly ended?: string };

export class Permission {
  constructor(private readonly parts: PermissionParts) {}

  async forVerb(verb: Verb, asker: Asker): Promise<Permitted> {
    const { preflight } = this.parts;
    const power = this.powerOn(asker.target);
    const seen = preflight(verb, asker.target);
    const rule = () => ruleForVerb(power, verb, knownOf(preflight(verb, asker.target), asker.target));
    return this.by(rule, asker, {
      tool: "power",
      input: { verb: verb.name, reason: asker.reason },
      target: placeOf(asker.target),
      class: classOfVerb(verb),
      preflight: [seen.state.says, ...preflightLines(seen, Date.now()), `${verb.will} Evidence is saved first.`].filter(
        (line) => line !== "",
      ),
    });
  }

  async forCommand(command: string, timeout_s: number, asker: Asker): Promise<Permitted> {
    const kind = this.parts.classOf(command);
    return this.by(() => ruleForCommand(this.powerOn(asker.target), kind), asker, {
      tool: "vm_run",
      input: { command, reason: asker.reason, timeout_s },
      target: `${placeOf(asker.target)}, as ${asker.target.vm.user}`,
      class: kind,
      preflight: [`It is ended after ${timeout_s} s if it runs that long.`],
    });
  }

  private powerOn(target: Target): AgentPower {
    return target.agent_power ?? this.parts.power;
  }

  private async by(
    rule: () => Rule,
    asker: Asker,
    ask: Pick<Asking, "tool" | "input" | "target" | "class" | "preflight">,
  ): Promise<Permitted> {
    const { session, target, turn, tool_id, reason, signal } = asker;
    const agent = `agent:${turn.slice(0, 8)}`;
    const first = rule();
    if (first.is === "refuse") return { is: "no", why: first.why };
    if (first.is === "run") return { is: "yes", by: agent, approval_id: null };
    const decision = await this.parts.approvals.ask({ session, turn, tool_id, reason, on: target, ...ask }, signal);
    if (decision.is !== "allowed")
      return {
        is: "no",
        why: noInWords(decision, askedInWords(ask), ask.target),
        ended: decision.is === "lapsed" && decision.why === STOPPED ? WAITED : undefined,
      };
    if (signal?.aborted)
      return { is: "no", why: "The turn was stopped before it began; nothing ran.", ended: "nothing of it ran" };
    // Minutes may have passed: a lock or another's action that came meanwhile counts.
    const now = rule();
    if (now.is === "refuse") return { is: "no", why: `${decision.by} allowed it, but nothing ran: ${now.why}` };
    return { is: "yes", by: `${agent} allowed by ${decision.by}`, approval_id: decision.approval_id };
  }
}

const WAITED = "it waited for the operator's yes; nothing of it ran";

/** What the agent hears: what did not run, why, and how it can go on. */
function noInWords(decision: Exclude<Decision, { is: "allowed" }>, what: string, where: string): string {
  switch (decision.is) {
    case "denied":
      return `The operator (${decision.by}) said no to “${what}” on ${where}. Nothing ran. Do not ask for the same again: say what you would try instead, or stop.`;
    case "lapsed":
      return `“${what}” on ${where} did not run: ${decision.why}, and silence is a no. Go on with what only reads, or say in your answer what you would do and why, and stop there.`;
    default:
      return decision satisfies never;
  }
}

function knownOf(seen: Preflight, target: Target): Known {
  const { running } = seen;
  const since = running?.since.slice(11, 16);
  return {
    name: target.name,
    lock: seen.lock,
    held: running && `${running.verb} is running on ${target.name} since ${since} UTC, started by ${running.by}`,
  };
}

export const placeOf = (target: Target): string => `${target.name} (VM ${target.vmid})`;
