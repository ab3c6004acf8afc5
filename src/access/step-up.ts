/**
 * The password again before the verbs that end what runs, where `BREAKGLASS_STEP_UP` asks for it: a phone that was left open
 * on a table is not yet a cycle, and a yes to the agent that asks for one is one. Programs with the token, and people whom the edge signs in, have no password here to give.
 * Pure.
 */
import type { Operator } from "./operator.ts";

export const PROOF_HOLDS_MS = 5 * 60_000;

const STEP_UP = /^\/api\/pve\/(stop|reset|cycle)$/;

export const needsProof = (method: string, path: string): boolean => method === "POST" && STEP_UP.test(path);

/** The same for a verb that the agent asks for: its card has another address, and only who reads the card knows the verb. */
export const verbNeedsProof = (verb: string): boolean => needsProof("POST", `/api/pve/${verb}`);

/** Whether password, code or token was shown within the last five minutes, by somebody who has one to show. */
export const isProved = (operator: Operator, now: number): boolean =>
  operator.sign_in === undefined || now - operator.sign_in.proved_at < PROOF_HOLDS_MS;
