/**
 * Delivers one notice to `BREAKGLASS_NOTIFY_URL`, as an ntfy topic takes it (a plain body, `Title`, `Click` and `Priority`
 * as headers) or, where the address ends in `#json`, as a JSON object. It tries once, within a time limit, follows no
 * redirect, and never says the address: that is a secret.
 */
import type { Notice } from "./notice.ts";

/** Rejects with an Error whose message says why in a few words. */
export type Post = (notice: Notice) => Promise<void>;

export interface PostTo {
  readonly url: string;
  /** The console's own address, before a notice's path. */
  readonly origin: string;
  readonly limit_ms?: number;
}

const LIMIT_MS = 5_000;

export function postTo({ url, origin, limit_ms = LIMIT_MS }: PostTo): Post {
  const to = new URL(url);
  const json = to.hash === "#json";
  const given = { user: decodeURIComponent(to.username), password: decodeURIComponent(to.password) };
  // A fragment is never sent, and credentials go in their own header.
  to.hash = to.username = to.password = "";
  const authorization: Record<string, string> =
    given.user || given.password
      ? { Authorization: `Basic ${Buffer.from(`${given.user}:${given.password}`).toString("base64")}` }
      : {};
  return async (notice) => {
    const link = origin + notice.path;
    const { headers, body } = json ? asJson(notice, link) : asText(notice, link);
    const answer = await fetch(to, {
      method: "POST",
      headers: { ...headers, ...authorization },
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(limit_ms),
    }).catch((error: unknown) => {
      throw new Error(whyNot(error, limit_ms));
    });
    void answer.body?.cancel().catch(() => {});
    if (!answer.ok) throw new Error(`it answered ${answer.status}`);
  };
}

function asText(notice: Notice, link: string) {
  return {
    body: notice.text,
    headers: {
      "Content-Type": "text/plain; charset=utf-8",
      // A header is ASCII; what is not is shown as a question mark rather than refused.
      Title: notice.title.replace(/[^\x20-\x7e]/g, "?"),
      Click: link,
      Priority: notice.urgent ? "high" : "default",
    },
  };
}

function asJson({ kind, title, text, urgent }: Notice, link: string) {
  return {
    body: JSON.stringify({ kind, title, text, link, urgent }),
    headers: { "Content-Type": "application/json" },
  };
}

/** In our words: a system's own sentence may hold the address. */
function whyNot(error: unknown, limit_ms: number): string {
  const { name, code } = (error ?? {}) as { name?: string; code?: string };
  if (name === "TimeoutError") return `no answer within ${Math.round(limit_ms / 1000)} s`;
  if (code === "ConnectionRefused" || code === "ECONNREFUSED") return "the connection was refused";
  if (code === "ConnectionClosed" || code === "ECONNRESET") return "the connection was closed";
  return `the request failed (${code ?? name ?? "no reason given"})`;
}
