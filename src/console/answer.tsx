/**
 * One set of addresses, four ways to answer. The route decides what happened; here alone the caller's form is decided:
 * htmx gets a fragment, a browser a page (or 303), a terminal plain text, a program JSON.
 */
import type { Context } from "hono";
import { RefusalFragment, RefusalPage } from "../../views/refusal.tsx";
import type { Refusal } from "../refusal.ts";

export type Form = "fragment" | "page" | "text" | "json";
type Html = { toString(): string | Promise<string> };

export function formOf(request: Request): Form {
  if (request.headers.get("hx-request") === "true") return "fragment";
  const accept = request.headers.get("accept") ?? "";
  if (accept.includes("text/html")) return "page";
  if (accept.includes("text/plain")) return "text";
  return "json";
}

export interface Answer {
  readonly status?: number;
  readonly json?: unknown;
  /** Left out, it is what the page has in its `<main>`; where there is no page, the text. */
  readonly fragment?: () => Html;
  /** A page, or the address that a browser is sent to with 303. */
  readonly page?: (() => Html) | { readonly seeOther: string };
  readonly text?: () => string;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function answer(c: Context, a: Answer): Promise<Response> {
  const status = a.status ?? 200;
  const headers = (type: string) => ({ ...a.headers, "Content-Type": type, Vary: "Accept, HX-Request" });
  const html = async (draw: () => Html, doctype: boolean) =>
    new Response((doctype ? "<!doctype html>" : "") + (await draw().toString()), {
      status,
      headers: headers("text/html; charset=utf-8"),
    });
  const form = formOf(c.req.raw);
  if (form === "fragment") {
    const { fragment, page, text } = a;
    if (fragment) return html(fragment, false);
    if (typeof page === "function") {
      const whole = await page().toString();
      return html(() => mainOf(whole), false);
    }
    if (page === undefined && text) return html(() => <pre>{text()}</pre>, false);
  }
  if ((form === "page" || form === "fragment") && a.page) {
    if (typeof a.page === "function") return html(a.page, true);
    return new Response(null, { status: 303, headers: { ...a.headers, Location: a.page.seeOther } });
  }
  if (form === "text" && a.text)
    return new Response(a.text(), { status, headers: headers("text/plain; charset=utf-8") });
  if (a.json !== undefined)
    return new Response(JSON.stringify(a.json), { status, headers: headers("application/json; charset=utf-8") });
  if (typeof a.page === "function") return html(a.page, true);
  if (a.text) return new Response(a.text(), { status, headers: headers("text/plain; charset=utf-8") });
  return new Response(null, { status, headers: a.headers });
}

/** Text is escaped, so no tag in the page but our own is one. */
function mainOf(page: string): string {
  const [from, to] = [page.indexOf(">", page.indexOf("<main")) + 1, page.lastIndexOf("</main>")];
  if (to < from) throw new Error("a page without a <main> has no fragment");
  return page.slice(from, to);
}

/** A refusal or a bug in the caller's form: one sentence, the true status code. */
export function answerRefusal(c: Context, refusal: Refusal, extra: Pick<Answer, "headers"> = {}): Promise<Response> {
  return answer(c, {
    status: refusal.status,
    headers: extra.headers,
    json: { detail: refusal.message, ...refusal.more },
    text: () => `${refusal.message}\n`,
    fragment: () => <RefusalFragment sentence={refusal.message} />,
    page: () => <RefusalPage status={refusal.status} sentence={refusal.message} lab={c.get("lab") === true} />,
  });
}
