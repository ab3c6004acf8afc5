/**
 * The password again before what ends what runs, where `BREAKGLASS_STEP_UP` asks for it: a phone that was left open on a table is
 * not yet a cycle, and no yes to the agent is one, be it a verb or a command. Programs with the token, and people whom the edge
 * signs in, have no password here to give. Pure.
 */
import type { Operator } from "./operator.ts";

export const PROOF_HOLDS_MS = 5 * 60_000;

const STEP_UP = /^\/api\/pve\/(stop|reset|cycle)$/;

export const needsProof = (method: string, path: string): boolean =>
  method === "POST" && STEP_UP.test(readAsRoute(path));

/** What an approval is of, as far as it matters here: its card has another address, and only who reads the card knows. */
export interface Asked {
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly class: string;
}

/**
 * The same for a yes to the agent. Of commands, those that can destroy (a reboot is one), and those of which nobody can say that
 * they do not: else `eval` would be the way around. What only changes something is restarted services and the like.
 */
export const yesNeedsProof = ({ tool, input, class: kind }: Asked): boolean =>
  tool === "power"
    ? needsProof("POST", `/api/pve/${String(input.verb)}`)
    : tool === "vm_run" && kind !== "read" && kind !== "change";

/** hono decodes a path, and its parts again: `c%2579cle` is cycle to the route, so it must be so here (4.13, measured). */
function readAsRoute(path: string): string {
  try {
    const read = decodeURIComponent(path);
    return read === path ? path : readAsRoute(read);
  } catch {
    return path;
  }
}

/** Whether password, code or token was shown within the last five minutes, by somebody who has one to show. */
export const isProved = (operator: Operator, now: number): boolean =>
  operator.sign_in === undefined || now - operator.sign_in.proved_at < PROOF_HOLDS_MS;
