/**
 * What went wrong with the agent, as one sentence with its cause and one with the next step. Pure. It knows the words of
 * the Claude Code CLI (2.1.197 and 2.1.330 were read) and of the API behind it; never a line's form, nor a process.
 */
import { type Ending, endingInWords } from "../outcome.ts";
import type { Idle } from "./idle.ts";

/** What the CLI said of a failed request to the API. */
export interface ApiFailure {
  /** The HTTP status; null when no answer came. */
  readonly status: number | null;
  /** The CLI's word for it (`authentication_failed`, `rate_limit`, …), or empty. */
  readonly kind: string;
  /** The CLI's sentence. */
  readonly text: string;
  readonly model: string | null;
}

const MEANWHILE = "Power and the checks work without the agent.";

export function apiFailureInWords({ status, kind, text, model }: ApiFailure): string {
  if (/not logged in|run \/login/i.test(text))
    return `The agent is not signed in: the claude CLI has no credentials. Set ANTHROPIC_API_KEY, or CLAUDE_CODE_OAUTH_TOKEN from \`claude setup-token\`, and restart Breakglass. ${MEANWHILE}`;
  if (kind === "billing_error" || /credit balance/i.test(text))
    return `The account behind the agent's key has no credit left. Add credit or set another key, then send it again. ${MEANWHILE}`;
  if (kind === "model_not_found" || status === 404)
    return `The API does not know the model ${model ?? "that was asked for"}, or this key may not use it (404). Choose another model, or change BREAKGLASS_MODEL.`;
  if (status === 403)
    return `The API knows the agent's key and forbids its use (403). Check what the key may do, or set another one. ${MEANWHILE}`;
  if (status === 401 || kind === "authentication_failed")
    return `The API refused the agent's key or token${status ? ` (${status})` : ""}. It is wrong or has expired: set a new one and restart Breakglass. ${MEANWHILE}`;
  if (status === 429 || kind === "rate_limit")
    return `The API's limit of requests is reached (429${detail(text)}). Wait a minute, then send it again. ${MEANWHILE}`;
  if (status === 529 || kind === "overloaded")
    return `The API is overloaded (529). Send it again in a moment. ${MEANWHILE}`;
  if (/prompt is too long|context (window|length)|too many tokens/i.test(text))
    return "The conversation has grown too long for the model. Begin a new session and say what matters in its first prompt.";
  if (/usage policy|safeguards|unable to respond to this request/i.test(text))
    return "The model declined to answer this. Say it in other words, or begin a new session.";
  if (status !== null && status >= 500)
    return `The API has trouble of its own (${status}). Send it again in a moment. ${MEANWHILE}`;
  if (/timed out|timeout/i.test(text))
    return `The API did not answer in time. Check the console's way out to the network, then send it again. ${MEANWHILE}`;
  if (/refused/i.test(text))
    return `The API refused the connection. Check the console's way out to the network, and ANTHROPIC_BASE_URL or HTTPS_PROXY if they are set. ${MEANWHILE}`;
  if (/ENOTFOUND|FailedToOpenSocket|DNS|resolve/i.test(text))
    return `The API's name could not be resolved, or there is no network. Check the console's DNS and way out. ${MEANWHILE}`;
  if (status === null && (kind === "server_error" || /connect|socket|network|ECONN|certificate|TLS|SSL/i.test(text)))
    return `The API can't be reached: ${plain(text)}. Check the console's way out to the network. ${MEANWHILE}`;
  if (status === 400 || status === 413 || kind === "invalid_request")
    return `The API did not accept the request (${status ?? 400}): ${plain(text)}. If it says so again, begin a new session.`;
  return `The agent could not go on: ${plain(text) || "the claude CLI gave no reason"}. Send it again; if that fails, begin a new session. ${MEANWHILE}`;
}

/** A retry that the CLI announces: "API overloaded (529), try 3 of 4 in 5 s". */
export function retryInWords(o: {
  status: number | null;
  kind: string;
  attempt: number;
  of: number;
  delay_ms: number;
}): string {
  const seconds = o.delay_ms / 1000;
  const when = seconds < 1 ? "in less than 1 s" : `in ${Math.round(seconds)} s`;
  return `${apiTroubleInBrief(o.status, o.kind)}, try ${o.attempt} of ${o.of} ${when}`;
}

function apiTroubleInBrief(status: number | null, kind: string): string {
  const number = status === null ? "" : ` (${status})`;
  if (kind === "overloaded" || status === 529) return `API overloaded${number}`;
  if (kind === "rate_limit" || status === 429) return `API limit of requests reached${number}`;
  if (kind === "authentication_failed" || status === 401) return `API refused the key${number}`;
  if (status === null) return "API can't be reached";
  return `API in trouble${number}`;
}

export function idleInWords({ is, after_ms }: Idle): string {
  const time = after_ms < 120_000 ? `${Math.round(after_ms / 1000)} s` : `${Math.round(after_ms / 60_000)} min`;
  switch (is) {
    case "never_began":
      return `The agent's program did not begin within ${time} and was ended; this machine may be overloaded, or its disk slow. Send it again. ${MEANWHILE}`;
    case "silent":
      return `The agent said nothing for ${Math.round(after_ms / 1000)} s and was ended; the API may have stalled. Send it again. ${MEANWHILE}`;
    case "stuck":
      return `The agent showed signs of life for ${time}, but no progress, and was ended. Send it again. ${MEANWHILE}`;
    default:
      return is satisfies never;
  }
}

/** A process that ended without saying how the turn ended. */
export function endingOfAgentInWords(ending: Ending, stderr: string, half_a_line: boolean): string {
  const said = plain(stderr);
  switch (ending.is) {
    case "not_started":
      return `The agent's program did not start: ${plain(ending.why)}. Install the claude CLI (npm install -g @anthropic-ai/claude-code) so that it is found on PATH. ${MEANWHILE}`;
    case "timed_out":
      return `The agent was ended after its limit of ${Math.round(ending.after_ms / 1000)} s. Ask for the next step in a new prompt.`;
    case "silent":
      return idleInWords(ending);
    case "stopped":
      return "The agent was stopped.";
    case "signalled":
      return ending.signal === "SIGKILL"
        ? `The agent's process was killed (SIGKILL), perhaps because memory ran out. Look at the console's memory, then send it again. ${MEANWHILE}`
        : `The agent's process was ended by ${ending.signal}. Send it again to go on from here.`;
    case "exited":
      break;
    default:
      return ending satisfies never;
  }
  if (/unknown option|unknown argument/i.test(stderr))
    return `This claude CLI does not know an option that Breakglass needs: ${said}. Install a newer one (2.1.330 is known to work).`;
  if (/is already in use/i.test(stderr))
    return "The agent's conversation is still in use by another process. Wait for that one to end, or begin a new session.";
  if (/root\/sudo/i.test(stderr))
    return `The claude CLI refuses to run as this user: ${said}. Run Breakglass as another user.`;
  if (/no space left|ENOSPC|EROFS|read-only file system/i.test(stderr))
    return `The agent can't write its files: ${said}. Free space in the data directory. ${MEANWHILE}`;
  if (/out of memory|cannot allocate|ENOMEM/i.test(stderr))
    return `The agent's process ran out of memory: ${said}. ${MEANWHILE}`;
  if (ending.code === 143 || ending.code === 137)
    return `The agent's process was ended from outside (exit code ${ending.code}${ending.code === 137 ? "; perhaps memory ran out" : ""}). Send it again to go on from here.`;
  const cut = half_a_line ? ", in the middle of a line" : "";
  const why = said ? `: ${said}` : "";
  return `The agent's process ended without a result${cut} (${endingInWords(ending)})${why}. Send it again; if that fails, begin a new session. ${MEANWHILE}`;
}

/** One line of a program's own words: no escapes, no full stop, 300 characters at most. */
export function plain(text: string): string {
  const line = text
    .replace(/\x1b\[[0-9;]*[A-Za-z]/g, "")
    .replace(/[\x00-\x1f\x7f]+/g, " ")
    .replace(/\s+/g, " ")
    .trim()
    .replace(/[.\s]+$/, "");
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

function detail(text: string): string {
  const said = plain(text.replace(/^API Error:\s*/i, "").replace(/Request rejected \(429\)\s*·?\s*/i, ""));
  return said ? `: ${said}` : "";
}
