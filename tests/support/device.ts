/** An operator's device without a screen: it posts as our own page does, and follows a session with all that it saw. */
import { readSse } from "./sse.ts";

export type Read = Record<string, any>;
interface Console {
  readonly url: string;
}

export const json = async (response: Response) => (await response.json()) as Read;

export const postTo = (at: Console, path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
  fetch(`${at.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", "sec-fetch-site": "same-origin", ...headers },
    body: JSON.stringify(body),
    redirect: "manual",
  });

export const newSession = async (at: Console) => (await json(await postTo(at, "/api/session"))).session_id as string;

/** As a page gets it (`html`), or a program. */
export async function attachTo(at: Console, session: string, format: "json" | "html" = "json") {
  const stream = readSse(await fetch(`${at.url}/api/session/${session}/stream?format=${format}`));
  const html = () => stream.frames.map((f) => f.data ?? "").join("\n");
  const seen = () => stream.frames.filter((f) => f.id && f.data).map((f) => JSON.parse(f.data!) as Read);
  return {
    html,
    untilHtml: (enough: (html: string) => boolean) => stream.until(() => enough(html())),
    seen,
    cards: () => seen().filter((e) => e.kind === "approval"),
    until: async (enough: (seen: Read[]) => boolean) => {
      await stream.until(() => enough(seen()));
      return seen();
    },
    leave: stream.cancel,
  };
}

/** A session of its own, a device on it, and a prompt that was taken. */
export async function beginOn(at: Console, prompt: string) {
  const session = await newSession(at);
  const device = await attachTo(at, session);
  const { status } = await postTo(at, `/api/session/${session}/prompt`, { prompt });
  if (status !== 200) throw new Error(`the prompt was answered with ${status}`);
  return { session, device };
}

export const isOver = (seen: readonly Read[]) => seen.some((e) => e.kind === "turn_end");
/** What a tool gave the agent. */
export const toldIn = (seen: readonly Read[]) => seen.find((e) => e.kind === "tool_result");
