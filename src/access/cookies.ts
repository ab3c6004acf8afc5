/**
 * The three cookies, and over which kind of connection they are given: the sign-in, the one that a form is bound to, and the
 * one by which a device is known again. Over plain http to another machine there are none, unless that was asked for by name.
 */
import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import type { Config } from "../config.ts";
import { sameSecret, seal } from "./digest.ts";
import { fromEdge } from "./edge.ts";
import { isLoopback } from "./network.ts";
import { LONGEST_MS } from "./sign-ins.ts";

export type Way =
  | "https"
  /** http to this machine itself: nobody is on the way. */
  | "loopback"
  /** http over a network, because `BREAKGLASS_INSECURE_HTTP` asks for it. */
  | "plain"
  /** http over a network: whoever is on it could read what is typed, so nobody signs in. */
  | "refused";

/** The most that browsers keep one for. */
const FOR_EVER_S = 400 * 24 * 60 * 60;

export type Cookies = ReturnType<typeof cookies>;

export function cookies(config: Config, parts: { peer(c: Context): string; secret: Uint8Array; now: () => number }) {
  const base = { httpOnly: true, path: "/" } as const;
  const https = (c: Context) => wayOf(c, config, parts.peer(c)) === "https";
  // Cookies know no ports: two consoles on one host must not sign each other out.
  const named = (c: Context, what: "" | "_form" | "_device") =>
    https(c) ? `__Host-breakglass${what}` : `breakglass${what}_${config.port}`;
  const options = (c: Context) => (https(c) ? { ...base, secure: true } : base);
  const read = (c: Context, what: "" | "_form" | "_device") =>
    wayOf(c, config, parts.peer(c)) === "refused" ? undefined : getCookie(c, named(c, what));
  const sealed = (name: string, since: string) => seal(parts.secret, ["device", name, since]);
  return {
    way: (c: Context): Way => wayOf(c, config, parts.peer(c)),

    /** Lax: who follows a link from a notification or a chat is signed in there, too. Changes are proven another way. */
    signIn: (c: Context): string | null => read(c, "") ?? null,
    setSignIn: (c: Context, value: string, kind: "operator" | "kiosk") =>
      setCookie(c, named(c, ""), value, {
        ...options(c),
        sameSite: "Lax",
        maxAge: kind === "kiosk" ? FOR_EVER_S : LONGEST_MS / 1000,
      }),
    clearSignIn: (c: Context) => setCookie(c, named(c, ""), "", { ...options(c), sameSite: "Lax", maxAge: 0 }),

    form: (c: Context): string | undefined => {
      const there = read(c, "_form");
      return there !== undefined && /^[\w-]{22}$/.test(there) ? there : undefined;
    },
    setForm: (c: Context, value: string) =>
      setCookie(c, named(c, "_form"), value, { ...options(c), sameSite: "Strict" }),

    /** Opens nothing: it says that this operator signed in here before, so a guess from elsewhere comes after it. */
    device: (c: Context, name: string): string | null => {
      const [whose, since, mac, extra] = (read(c, "_device") ?? "").split(".");
      if (!whose || !since || !mac || extra !== undefined) return null;
      if (Buffer.from(whose, "base64url").toString() !== name || !sameSecret(mac, sealed(name, since))) return null;
      return `device ${mac}`;
    },
    setDevice: (c: Context, name: string) => {
      const since = Math.floor(parts.now()).toString(36);
      const value = `${Buffer.from(name).toString("base64url")}.${since}.${sealed(name, since)}`;
      setCookie(c, named(c, "_device"), value, { ...options(c), sameSite: "Lax", maxAge: FOR_EVER_S });
    },
  };
}

function wayOf(c: Context, config: Config, peer: string): Way {
  if (isHttps(c, config, peer)) return "https";
  // By the name in Host, which the guard has found to be ours: a browser that says it has connected to its own machine.
  const host = c.req.header("host") ?? "";
  const name = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname.replace(/^\[(.*)\]$/, "$1") : "";
  if (isLoopback(name)) return "loopback";
  return config.access.insecure_http ? "plain" : "refused";
}

/** By the word of a trusted edge, or because `BREAKGLASS_ORIGINS` knows this Host by https alone. */
function isHttps(c: Context, config: Config, peer: string): boolean {
  const told = c.req.header("x-forwarded-proto")?.split(",")[0]?.trim().toLowerCase();
  if (told !== undefined && fromEdge(config.access, peer, c.req.raw.headers)) return told === "https";
  const host = c.req.header("host")?.toLowerCase();
  const known = config.access.origins.filter((origin) => new URL(origin).host === host);
  return known.length > 0 && known.every((origin) => origin.startsWith("https:"));
}

/** `answer` makes its own Response; the cookies set on the context go along with it. */
export function withCookies(c: Context, response: Response): Response {
  for (const cookie of c.res.headers.getSetCookie()) response.headers.append("Set-Cookie", cookie);
  return response;
}

export const PLAIN_HTTP_REFUSED =
  "This page came over plain http, where others on the network can read what is typed, so nobody signs in here. Open it by https, or by http://localhost on the machine itself (an ssh tunnel will do). On a network that you trust, BREAKGLASS_INSECURE_HTTP=1 allows it.";
export const PLAIN_HTTP_ALLOWED =
  "This page came over plain http: others on the network can read what you type. It is allowed because BREAKGLASS_INSECURE_HTTP is set.";
