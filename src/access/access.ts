/**
 * Access, put together: the secret and the file in the data directory, the guard for every route, and the routes of signing in.
 */
import { join } from "node:path";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import type { Config } from "../config.ts";
import type { Disk } from "../log/disk.ts";
import { againRoutes } from "./again.tsx";
import { Answered } from "./answered.ts";
import { cookies } from "./cookies.ts";
import { delays } from "./delay.ts";
import { seal } from "./digest.ts";
import { enrolment } from "./enrol.tsx";
import { Operators } from "./enrolled.ts";
import { guard } from "./guard.ts";
import { takeLeft } from "./left.ts";
import type { Env } from "./operator.ts";
import { ownForms } from "./own-form.ts";
import { requirePolicies } from "./policy.ts";
import { type RequestIds, requestIds } from "./request-id.ts";
import { accessRoutes } from "./routes.tsx";
import { keepSecret } from "./secret.ts";
import { signIn } from "./sign-in.tsx";
import { SignIns } from "./sign-ins.ts";
import { openStore } from "./store.ts";
import { type AccessEvent, Told } from "./told.ts";
import { HashTurns } from "./turns.ts";
import { whence } from "./whence.ts";

export interface AccessDeps {
  /** The address of the other end of the connection; empty when unknown. */
  peer(c: Context): string;
  /** Milliseconds since the epoch; left out, one that no set clock makes jump. */
  now?(): number;
  pause?(ms: number): Promise<void>;
  /** The disk of the data directory. */
  readonly disk?: Disk;
}

export interface Access {
  /** For `app.use("*", …)`, before anything else. */
  readonly guard: MiddlewareHandler<Env>;
  /** From where a request comes, for the audit: the peer, and whom a trusted edge forwards for. */
  whence(c: Context): string;
  /** `/login`, `/logout`, `/enrol/…` and `/access`, for `app.route("/", …)`. */
  readonly routes: Hono<Env>;
  readonly ids: RequestIds;
  /** The clock that sign-ins go by. */
  readonly now: () => number;
  /** Sentences for the log at start. */
  readonly troubles: readonly string[];
  /** Once, with all routes there are: throws Undeclared where one does not say who may call it. */
  settle(routes: readonly { readonly method: string; readonly path: string }[]): void;
  /** Who came in, who tried, what was revoked, from now on; also what was done at the server's terminal meanwhile. */
  follow(told: (event: AccessEvent) => void): () => void;
  /** The most passwords that were ever hashed at once. */
  readonly hashing: { readonly peak: number };
  close(): void;
}

/** Open streams end this long after their sign-in at most, ms. */
const SWEEP_MS = 5_000;

/** The time of day at the start and what has passed since: a clock that is set in an incident signs nobody out. */
const steady = (): number => Math.floor(performance.timeOrigin + performance.now());

/** `config` with the port that is really listened on (`onPort`): origins and cookie names depend on it. */
export function openAccess(config: Config, deps: AccessDeps): Access {
  const { peer, now = steady, pause = Bun.sleep } = deps;
  const { bearer } = config.access;
  const kept = keepSecret(join(config.data_dir, "access", "secret"));
  const store = openStore(config.data_dir, deps.disk);
  const ids = requestIds(kept.secret);
  const told = new Told(Date.now);
  // By the clock on the wall, as the terminal that prints the links.
  const operators = new Operators(store, deps.now ?? Date.now);
  const sign_ins = new SignIns(store, now, bearer === null ? "" : seal(kept.secret, ["token", bearer]));
  const jar = cookies(config, { peer, secret: kept.secret, now });
  const slow = delays(pause, now);
  const turns = new HashTurns(slow);
  const from = (c: Context) => whence(config.access, peer(c), c.req.raw.headers);
  const forms = ownForms(config, { from, ids, cookies: jar });
  const shared = {
    peer,
    from,
    ids,
    cookies: jar,
    forms,
    sign_ins,
    operators,
    turns,
    bearer,
    delays: slow,
    now,
    tell: told.tell,
  };

  let board = false;
  const { routes: login, begin, askToSignIn } = signIn(config, shared);
  const routes = new Hono<Env>();
  routes.route("/", login);
  routes.route("/", enrolment(config, { ...shared, begin }));
  routes.route("/", againRoutes(config, shared));
  routes.route("/", accessRoutes(config, { ...shared, answered: new Answered(store, now), hasBoard: () => board }));

  const sweep = setInterval(() => {
    sign_ins.sweep();
    if (told.followed) takeLeft(store, (event) => told.pass(event));
  }, SWEEP_MS);
  sweep.unref();
  return {
    guard: guard(config, { ...shared, askToSignIn }),
    whence: from,
    routes,
    ids,
    now,
    troubles: [kept.trouble, store.trouble].filter((trouble) => trouble !== null),
    settle(all) {
      requirePolicies(all);
      board = all.some(({ method, path }) => method === "GET" && path === "/kiosk");
    },
    follow(listener) {
      const stop = told.follow(listener);
      takeLeft(store, (event) => told.pass(event));
      return stop;
    },
    hashing: turns,
    close() {
      clearInterval(sweep);
      store.close();
    },
  };
}
