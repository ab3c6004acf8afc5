/**
 * What the agent may do by itself, what it must ask for, and what is refused: from the setting BREAKGLASS_AGENT_POWER, the
 * verb or the class of the command, and what is known of the target. Pure; it neither asks nor runs anything.
 */
import type { Verb } from "../power/verb.ts";
import type { CommandClass } from "./command-class.ts";

export type AgentPower = "ask" | "autonomous" | "never";

export type Rule = { readonly is: "run" } | { readonly is: "ask" } | { readonly is: "refuse"; readonly why: string };

const RUN: Rule = { is: "run" };
const ASK: Rule = { is: "ask" };

export interface Known {
  readonly name: string;
  /** The config lock that the host would refuse this verb for, or null. */
  readonly lock: string | null;
  /** What holds the target now, in words, or null. */
  readonly held: string | null;
}

export function ruleForVerb(power: AgentPower, verb: Verb, target: Known): Rule {
  if (!verb.mutates) return RUN;
  if (power === "never")
    return refuse(
      `'${verb.name}' changes the VM, and only the operator may tap it. Say in your answer why you would ${verb.name}, and stop there.`,
    );
  // To override a lock is to type its name, and that is never the agent's.
  if (target.lock !== null)
    return refuse(
      `${target.name} is locked (${target.lock}), and the host refuses ${verb.name} while it is. Only the operator can override a lock, by typing its name. Say what holds the lock and what you would do, and stop there.`,
    );
  if (target.held !== null)
    return refuse(`${target.held}; nothing was started. Wait for it to end, ask status, then decide anew.`);
  return power === "autonomous" ? RUN : ASK;
}

/** BREAKGLASS_AGENT_POWER=never is about the power verbs: a command on the VM can still be asked for. */
export function ruleForCommand(power: AgentPower, kind: CommandClass): Rule {
  return kind === "read" || power === "autonomous" ? RUN : ASK;
}

/** A verb as a class: what it would end is what the guest has not written. */
export function classOfVerb(verb: Verb): CommandClass {
  if (!verb.mutates) return "read";
  return verb.name === "start" ? "change" : "destructive";
}

const refuse = (why: string): Rule => ({ is: "refuse", why });
