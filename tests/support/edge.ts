/**
 * The edge in front of the console: it signs everybody in by its header, until its own sign-in "expires". Then it answers in the
 * console's place, in one of the manners of real edges, and counts what it is asked.
 */
import type { Server } from "bun";

/** What an edge answers to whoever it does not know (any more). */
export const MANNERS = ["401", "redirect here", "redirect elsewhere", "a page", "204"] as const;
export type Manner = (typeof MANNERS)[number];

export const EDGE_SECRET = "what-only-the-edge-knows";
/** The environment of a console that has this edge in front of it. */
export const BEHIND_AN_EDGE = { BREAKGLASS_TRUSTED_PROXIES: "127.0.0.1", BREAKGLASS_PROXY_SECRET: EDGE_SECRET };

export const LOGIN_PAGE = `<!doctype html><html><head><title>Edge</title></head><body><h1>Sign in at the edge</h1>
data: <p id="from-the-edge">a line that looks like a field</p>

<form method="post"><input name="user"><button>Go on</button></form></body></html>`;

export interface Passed {
  readonly method: string;
  readonly path: string;
  readonly type: string;
  readonly origin: string | null;
  readonly site: string | null;
  readonly cookie: boolean;
  readonly status: number;
}

export interface Edge {
  readonly url: string;
  readonly port: number;
  /** From now on nobody is known, and what is under way is cut. `from_stream`: from the next time that a stream is asked for. */
  expire(manner: Manner, from_stream?: boolean): void;
  letIn(): void;
  /** Method and path of each request since nobody is known, redirects that were followed as well. */
  readonly asked: readonly string[];
  /** What went through to the console, and what it answered. */
  readonly passed: Passed[];
  stop(): void;
}

/** Without a name it signs nobody in: a pipe with a ledger. */
export function startEdge(to: () => number, name: string | null = "viktor"): Edge {
  const html = { "content-type": "text/html; charset=utf-8" };
  const asked: string[] = [];
  const ledger: Passed[] = [];
  const under_way = new Set<() => void>();
  let manner: Manner | null = null;
  let armed: Manner | null = null;
  // Where an edge sends people to; another origin, which allows no page of ours to read it.
  const elsewhere = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      asked.push(`${request.method} login elsewhere`);
      return new Response(LOGIN_PAGE, { headers: html });
    },
  });
  const refused = (as: Manner, path: string): Response => {
    if (as === "401") return new Response("who are you?", { status: 401 });
    if (as === "204") return new Response(null, { status: 204 });
    if (as === "a page" || path === "/outpost/login") return new Response(LOGIN_PAGE, { headers: html });
    const at = as === "redirect here" ? "/outpost/login" : `http://localhost:${elsewhere.port}/login`;
    return new Response(null, { status: 302, headers: { location: at } });
  };
  /** An answer on its way, which ends where it is when nobody is known any more. */
  const passed = (body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> => {
    const reader = body.getReader();
    const end = () => void reader.cancel().catch(() => {});
    under_way.add(end);
    return new ReadableStream({
      async pull(controller) {
        const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
        if (value) return controller.enqueue(value);
        if (done) under_way.delete(end);
        controller.close();
      },
      cancel: end,
    });
  };
  const server: Server<undefined> = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 255,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      if (armed && pathname.endsWith("/stream")) [manner, armed] = [armed, null];
      if (manner) {
        asked.push(`${request.method} ${pathname}`);
        return refused(manner, pathname);
      }
      const headers = new Headers(request.headers);
      if (name !== null) {
        headers.set("x-authentik-username", name);
        headers.set("x-breakglass-proxy-secret", EDGE_SECRET);
      }
      const body = request.body === null ? undefined : await request.arrayBuffer();
      const got = await fetch(`http://127.0.0.1:${to()}${pathname}${search}`, {
        method: request.method,
        headers,
        body,
        redirect: "manual",
        decompress: false,
        signal: request.signal,
      });
      ledger.push({
        method: request.method,
        path: pathname,
        type: (headers.get("content-type") ?? "").split(";")[0]!,
        origin: headers.get("origin"),
        site: headers.get("sec-fetch-site"),
        cookie: headers.has("cookie"),
        status: got.status,
      });
      return new Response(got.body && passed(got.body), { status: got.status, headers: got.headers });
    },
    error: (why) => new Response(String(why), { status: 502 }),
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port!,
    asked,
    passed: ledger,
    expire(as, from_stream = false) {
      asked.length = 0;
      if (from_stream) armed = as;
      else manner = as;
      for (const end of under_way) end();
    },
    letIn() {
      manner = armed = null;
    },
    stop() {
      server.stop(true);
      elsewhere.stop(true);
    },
  };
}
