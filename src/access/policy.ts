/**
 * Who may call which address: one table, read by the guard and by the start. An address that does not stand here ends the start,
 * so that a route that somebody forgot to guard is never served. It knows no route's work.
 */

/**
 * `everybody`: no sign-in. `operator`: whoever is signed in and may act. `kiosk`: the wall board, too. `metrics`: the metrics
 * token, too.
 */
export type Policy = "everybody" | "operator" | "kiosk" | "metrics";

export const POLICIES: Readonly<Record<string, Policy>> = {
  "GET /health": "everybody",
  "GET /static/*": "everybody",
  "GET /manifest.webmanifest": "everybody",
  "GET /favicon.ico": "everybody",
  "GET /sw.js": "everybody",
  // A browser reports before sign-in, too.
  "POST /csp-report": "everybody",

  "GET /login": "everybody",
  "POST /login": "everybody",
  "GET /enrol/:token": "everybody",
  "POST /enrol/:token": "everybody",
  // A wall board signs out, too.
  "POST /logout": "kiosk",
  "GET /access": "operator",
  "POST /access/revoke": "operator",
  "POST /access/kiosk": "operator",
  "GET /access/again": "operator",
  "POST /access/again": "operator",
  "POST /access/password": "operator",
  "POST /access/codes": "operator",

  "GET /": "operator",
  "GET /status": "operator",
  "GET /sessions": "operator",
  "GET /sessions/:id": "operator",
  "GET /sessions/:id/entries/:seq": "operator",
  "GET /sessions/:id/tail": "operator",
  "GET /sessions/:id/delete": "operator",
  "GET /sessions/:id/outputs/:tool_id": "operator",
  "POST /api/session": "operator",
  "GET /api/session/:id/stream": "operator",
  "POST /api/session/:id/prompt": "operator",
  "POST /api/session/:id/cancel": "operator",
  "POST /api/session/:id/title": "operator",
  "POST /api/session/:id/delete": "operator",
  "POST /api/session/:id/run/:tool_id/stop": "operator",
  "POST /api/check/:name": "operator",
  "POST /api/approval/:id": "operator",
  "POST /api/confirming": "operator",

  "GET /api/pve/verbs": "operator",
  "GET /api/pve/actions": "operator",
  "GET /api/pve/actions/:id": "operator",
  "GET /api/pve/actions/:id/forensics": "operator",
  "POST /api/pve/actions/:id/ask": "operator",
  "GET /api/pve/:verb": "operator",
  "POST /api/pve/:verb": "operator",

  "GET /host-key": "operator",
  "POST /host-key": "operator",
  "POST /lab/fault": "operator",
  "GET /audit": "operator",
  "GET /kiosk": "kiosk",
  "GET /kiosk/stream": "kiosk",
  "GET /metrics": "metrics",
};

/** `GET /status` for a route, whichever way it is asked for. */
export const addressOf = (method: string, path: string): string => `${method === "HEAD" ? "GET" : method} ${path}`;

/** Deny by default: what nobody declared is for operators alone. */
export const policyOf = (address: string): Policy => POLICIES[address] ?? "operator";

export class Undeclared extends Error {
  override readonly name = "Undeclared";
}

/** Throws Undeclared for the first route that has no policy. Middleware stands for all methods and needs none. */
export function requirePolicies(routes: readonly { readonly method: string; readonly path: string }[]): void {
  for (const { method, path } of routes) {
    if (method === "ALL" || POLICIES[addressOf(method, path)] !== undefined) continue;
    throw new Undeclared(
      `The address ${method} ${path} does not say who may call it: declare it in src/access/policy.ts.`,
    );
  }
}
