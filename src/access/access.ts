/** Access, put together: the secret in the data directory, the guard for every route, and the sign-in routes. */
import { join } from "node:path";
import type { Context, Hono, MiddlewareHandler } from "hono";
import type { Config } from "../config.ts";
import { delays } from "./delay.ts";
import { guard } from "./guard.ts";
import type { Env } from "./operator.ts";
import { type RequestIds, requestIds } from "./request-id.ts";
import { keepSecret } from "./secret.ts";
import { sessionCookies } from "./session-cookie.ts";
import { signIn } from "./sign-in.tsx";

export interface AccessDeps {
  /** The address of the other end of the connection; empty when unknown. */
  peer(c: Context): string;
  /** Milliseconds since the epoch. */
  now?(): number;
  pause?(ms: number): Promise<void>;
}

export interface Access {
  /** For `app.use("*", …)`, before anything else. */
  readonly guard: MiddlewareHandler<Env>;
  /** `/login` and `/logout`, for `app.route("/", …)`. */
  readonly routes: Hono<Env>;
  readonly ids: RequestIds;
  /** Sentences for the log at start. */
  readonly troubles: readonly string[];
}

/** `config` with the port that is really listened on (`onPort`): origins and cookie names depend on it. */
export function openAccess(config: Config, deps: AccessDeps): Access {
  const { peer, now = Date.now, pause = Bun.sleep } = deps;
  const kept = keepSecret(join(config.data_dir, "access", "secret"));
  const ids = requestIds(kept.secret);
  const cookies = sessionCookies({
    secret: kept.secret,
    bearer: config.access.bearer,
    revoked_path: join(config.data_dir, "access", "revoked"),
    now,
  });
  const slow = delays(pause, now);
  const { routes, cookie, askToSignIn } = signIn(config, { peer, ids, cookies, delays: slow });
  return {
    guard: guard(config, { peer, ids, cookies, delays: slow, cookie, askToSignIn }),
    routes,
    ids,
    troubles: kept.trouble === null ? [] : [kept.trouble],
  };
}
