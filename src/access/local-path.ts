/** Where to go after a form: a path of ours and nothing else. Pure. */
import type { Context } from "hono";

/** `//elsewhere` and `/\elsewhere` are other people's addresses. */
export function localPath(path: string | undefined): string {
  if (path === undefined || path.length > 512 || !/^\/(?![/\\])[\x21-\x7e]*$/.test(path)) return "/";
  return /^\/(login|logout|enrol)\b/.test(path) ? "/" : path;
}

/** The page that was asked for, or the one that a refused form stood on. */
export function nextAfter(c: Context): string {
  const url = new URL(c.req.url);
  if (c.req.method === "GET") return localPath(url.pathname + url.search);
  const page = c.req.header("referer");
  if (page === undefined || !URL.canParse(page)) return "/";
  const from = new URL(page);
  return from.host === c.req.header("host") ? localPath(from.pathname + from.search) : "/";
}
