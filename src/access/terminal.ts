/**
 * `bun run access enrol|operators|remove|sessions|revoke`: what only the server's own terminal may do, or may do without a
 * browser. It works on the same file as the console, which may be running, and leaves a line for the audit. Whoever is at this
 * terminal is root of the console anyhow, so it asks for no password.
 */

import { theDisk } from "../config/facts.ts";
import { BadSetting } from "../config/setting.ts";
import { type Config, readConfig } from "../config.ts";
import { isOperatorName, LINK_HOLDS_MS, Operators } from "./enrolled.ts";
import { leave } from "./left.ts";
import { isLoopback } from "./network.ts";
import { isOf, LOCAL_PREFIX } from "./operator.ts";
import { nameOf } from "./prove.ts";
import { SignIns, TOKEN_UNKNOWN } from "./sign-ins.ts";
import { openStore } from "./store.ts";

export const ACCESS_USAGE = `       bun run access enrol <name>           prints a link by which <name> sets a password; good once, for 15 minutes
       bun run access operators              who is enrolled
       bun run access remove <name>          ends their password, codes, sign-ins and wall boards
       bun run access sessions               who is signed in, and where
       bun run access revoke <id>|<name>|all ends one sign-in, all of one operator, or everybody's`;

export const ACCESS_WORDS = ["enrol", "operators", "remove", "sessions", "revoke"] as const;
export type AccessWord = (typeof ACCESS_WORDS)[number];

/** @returns the exit code. */
export function accessAtTerminal(what: AccessWord, named: string | undefined, who: string): number {
  const config = settings();
  if (!config) return 2;
  const store = openStore(config.data_dir);
  try {
    if (store.trouble) {
      console.error(`breakglass: ${store.trouble}`);
      if (store.db.filename === ":memory:") return 1;
    }
    const operators = new Operators(store, Date.now);
    const sign_ins = new SignIns(store, Date.now, TOKEN_UNKNOWN);
    switch (what) {
      case "enrol":
        return enrol();
      case "operators": {
        const all = operators.list();
        for (const { name, codes_left, enrolled_at } of all)
          console.log(`${name.padEnd(24)} enrolled ${day(enrolled_at)}, ${codes_left} recovery codes left`);
        if (all.length === 0) console.log("Nobody is enrolled. bun run access enrol <name>");
        return 0;
      }
      case "remove": {
        const name = nameOf(named ?? "");
        if (!operators.remove(name)) return no(`nobody called '${name}' is enrolled.`);
        const { ended } = sign_ins.end((one) => isOf(one, LOCAL_PREFIX + name));
        leave(store, { is: "removed", name: LOCAL_PREFIX + name, from: who, why: "" });
        console.log(`Removed ${name}; ${ended.length} sign-ins ended.`);
        return 0;
      }
      case "sessions": {
        const all = sign_ins.list();
        for (const one of all)
          console.log(
            `${one.id}  ${one.name.padEnd(20)} ${one.kind === "kiosk" ? "wall board, " : ""}${one.device}, from ${one.came_from}; since ${day(one.begun_at)}, by ${one.how}`,
          );
        if (all.length === 0) console.log("Nobody is signed in with a password, a code or the token.");
        return 0;
      }
      case "revoke": {
        if (!named) return no("say which: an id of `bun run access sessions`, an operator's name, or all.");
        const name = named.startsWith(LOCAL_PREFIX) ? named : LOCAL_PREFIX + nameOf(named);
        const { ended } = sign_ins.end((one) => named === "all" || one.id === named || isOf(one, name));
        if (ended.length === 0) return no(`there is no sign-in called '${named}'.`);
        for (const one of ended)
          leave(store, { is: "revoked", name: one.name, from: who, why: `${one.kind} on ${one.device}` });
        console.log(`${ended.length} ended. A page that is open learns it within 5 s.`);
        return 0;
      }
      default:
        return what satisfies never;
    }

    function enrol(): number {
      const name = nameOf(named ?? "");
      if (!isOperatorName(name))
        return no(
          "give a name of 1 to 32 small letters, digits, dots and dashes ('token' is taken): bun run access enrol viktor",
        );
      const link = operators.makeLink(name);
      leave(store, { is: "link_made", name: LOCAL_PREFIX + name, from: who, why: "" });
      const origin = config!.access.origins[0]!;
      console.log(`${origin}/enrol/${link}\n`);
      console.log(
        `Open it within ${LINK_HOLDS_MS / 60_000} minutes on the device of ${name}; it is good once. Whoever opens it first is ${name}.`,
      );
      if (operators.passwordOf(name) !== null)
        console.log(
          `${name} is enrolled already: setting a password there ends the old one, its codes and its sign-ins.`,
        );
      const { protocol, hostname } = new URL(origin);
      if (protocol === "http:" && !isLoopback(hostname.replace(/^\[(.*)\]$/, "$1")) && !config!.access.insecure_http)
        console.log("That address is plain http, where nobody can sign in: give one with https in BREAKGLASS_ORIGINS.");
      else if (isLoopback(hostname))
        console.log(
          "That address is this machine's own; for another device, name the console's address in BREAKGLASS_ORIGINS.",
        );
      return 0;
    }
  } finally {
    store.close();
  }
}

/** That nobody can sign in yet is no reason to refuse: it is what this is for. */
function settings(): Config | null {
  try {
    return readConfig(process.env, { ...theDisk, enrolled: () => true });
  } catch (error) {
    if (!(error instanceof BadSetting)) throw error;
    console.error(`breakglass: ${error.message}`);
    return null;
  }
}

function no(sentence: string): number {
  console.error(`breakglass: ${sentence}`);
  return 1;
}

const day = (at: number): string => new Date(at).toISOString().slice(0, 16).replace("T", " ");
