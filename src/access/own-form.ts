/**
 * The forms of those who are not signed in yet, on `/login` and behind an enrolment link. Each carries an id that is good only
 * together with the cookie that was set with it: text browsers send no header that proves our own page.
 */
import { randomBytes } from "node:crypto";
import type { Context } from "hono";
import type { Config } from "../config.ts";
import { Refusal } from "../refusal.ts";
import { type Cookies, PLAIN_HTTP_REFUSED } from "./cookies.ts";
import { provenanceOf } from "./guard.ts";
import { neighbourhood } from "./network.ts";
import type { RequestIds } from "./request-id.ts";
import type { Whose } from "./turns.ts";

export type OwnForms = ReturnType<typeof ownForms>;

export function ownForms(config: Config, deps: { from(c: Context): string; ids: RequestIds; cookies: Cookies }) {
  const { ids, cookies } = deps;
  return {
    /** A fresh id for a form; its cookie goes with the answer. */
    id(c: Context): string {
      const there = cookies.form(c);
      const bound = there ?? randomBytes(16).toString("base64url");
      if (there === undefined) cookies.setForm(c, bound);
      return ids.make(bound, "login");
    },

    /** Before the body is read: what to answer where nothing in it could make it ours; else null. */
    foreign(c: Context): Refusal | null {
      if (cookies.way(c) === "refused") return new Refusal(403, PLAIN_HTTP_REFUSED);
      const from = provenanceOf(c, config.access.origins, false);
      return from === "ours" || (from === "silent" && cookies.form(c) !== undefined) ? null : FOREIGN;
    },

    /** Null when it is ours and may be read; else what to answer. */
    refusal(c: Context, id: string | undefined): Refusal | null {
      const foreign = this.foreign(c);
      if (foreign || provenanceOf(c, config.access.origins, false) === "ours") return foreign;
      const bound = cookies.form(c);
      return id !== undefined && bound !== undefined && ids.proves(id, bound, "login") ? null : FOREIGN;
    },

    /** Whose attempt this is, for the order in which passwords are looked at. */
    whose(c: Context, name: string): Whose {
      const device = cookies.device(c, name);
      const form = cookies.form(c);
      return {
        known: device !== null,
        form: device ?? (form === undefined ? "no form" : `form ${form}`),
        peer: neighbourhood(deps.from(c)),
      };
    },
  };
}

const FOREIGN = new Refusal(
  403,
  "This sign-in did not come from this console's own page, so nothing was done; open /login here, with cookies allowed, and sign in there.",
);
