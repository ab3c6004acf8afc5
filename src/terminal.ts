/**
 * `bun run access …`: what only the server's own terminal may do. Enrolling and revoking stand in `access/terminal.ts`; here is
 * `accept-key pve|vm [target]`. It reads the same settings as the
 * console, shows the pinned and the offered key of a machine, asks for the word "yes", and puts the new key in the place of
 * the old one. It writes nothing into the log itself: the console, its one writer, takes that over.
 */

import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { ACCESS_USAGE, ACCESS_WORDS, type AccessWord, accessAtTerminal } from "./access/terminal.ts";
import { auditAtTerminal } from "./audit/terminal.ts";
import { BadSetting, type Config, readConfig } from "./config.ts";
import { leaveAcceptance } from "./target/acceptances.ts";
import {
  END_WORDS,
  ENDS,
  type End,
  keyFile,
  placeName,
  printInWords,
  printOf,
  readHostKey,
  SETTING_RULES,
  sameKey,
} from "./target/host-key.ts";
import { keyOffered } from "./target/keyscan.ts";
import { keysPinned, replacing } from "./target/known-hosts.ts";
import type { Target } from "./target/target.ts";

const USAGE = `Usage: bun run access accept-key pve|vm [target] [--fingerprint SHA256:…]
${ACCESS_USAGE}

accept-key shows the pinned host key of a machine and the one it shows now, asks for "yes", and pins the new one.
Without a terminal to ask at, the fingerprint that you compared must be named.`;

process.umask(0o077);
if (process.argv[2] === "audit")
  process.exit(await auditAtTerminal(process.argv.slice(3), settings().data_dir, whoAsks()));
const { words, fingerprint } = parse(process.argv.slice(2));
const [what, which, named] = words;
if (ACCESS_WORDS.includes(what as AccessWord) && words.length <= 2)
  process.exit(accessAtTerminal(what as AccessWord, which, whoAsks()));
if (what !== "accept-key" || !ENDS.includes(which as End) || words.length > 3) stop(USAGE);
const end = which as End;
const config = settings();
if (config.lab)
  stop("the settings name no target, and the lab has no host keys; run this with the console's settings.");
const target = targetNamed(config, named);
const place = target[end];
const whose = `${END_WORDS[end]} of ${target.name} (${placeName(place)})`;

const own = join(config.data_dir, "known_hosts");
const from_setting = place.host_key === undefined ? null : readHostKey(place.host_key);
const by_setting = from_setting !== null || config.known_hosts !== null;
const pinned = from_setting ? [from_setting] : keysPinned(config.known_hosts ?? own, place);
const offered = await keyOffered(place, pinned[0]?.type ?? null, {
  PATH: process.env.PATH ?? "/usr/bin:/bin",
  LANG: "C.UTF-8",
});
const old = pinned.find((key) => key.type === offered?.type) ?? pinned[0] ?? null;
console.log(`${whose}\n  pinned: ${printInWords(old)}\n  shown:  ${printInWords(offered)}`);
if (by_setting) stop(`nothing was accepted: ${SETTING_RULES}.`, 1);
if (!offered) stop("it shows no key just now; nothing was accepted. Look whether it is up, then try again.", 1);
if (pinned.some((key) => sameKey(key, offered))) {
  console.log("They are the same: there is nothing to accept.");
  process.exit(0);
}
console.log(
  `Compare at that machine itself, on a screen or console of its own: ssh-keygen -lf ${keyFile(offered.type)}`,
);
if (fingerprint !== null && fingerprint !== offered.fingerprint)
  stop(`it does not show ${fingerprint}; nothing was accepted.`, 1);
if (fingerprint === null) await askForYes();

const accepted = { id: crypto.randomUUID(), target: target.id, end, host: placeName(place), by: whoAsks() };
// The word for the log first: a key must not be trusted without it.
const replace = replacing(own, place, offered);
leaveAcceptance(config.data_dir, { ...accepted, old: old && printOf(old), new: printOf(offered) });
replace();
console.log(
  `Accepted. From now on ${printInWords(offered)} is the pinned key of ${placeName(place)}.\nThe console writes this into its log when it next looks at ${target.name}, at the latest at its next start.`,
);

async function askForYes(): Promise<void> {
  if (!process.stdin.isTTY)
    stop(`no terminal to ask at; nothing was accepted. If you compared it: --fingerprint ${offered!.fingerprint}`);
  const asking = createInterface({ input: process.stdin, output: process.stdout });
  const said = await asking.question('Is it the very same fingerprint? Type "yes" to accept it: ');
  asking.close();
  if (said.trim() !== "yes") stop("nothing was accepted.", 1);
}

function settings(): Config {
  try {
    return readConfig(process.env);
  } catch (error) {
    if (error instanceof BadSetting) stop(error.message);
    throw error;
  }
}

function targetNamed({ targets }: Config, id: string | undefined): Target {
  const found = id === undefined ? targets[0] : targets.find((t) => t.id === id);
  return found ?? stop(`there is no target '${id}'; there is ${targets.map((t) => t.id).join(", ")}.`);
}

/** Who sits there, as far as that can be known: with sudo the one who called it. */
function whoAsks(): string {
  const { SUDO_USER, USER } = process.env;
  return `terminal:${(SUDO_USER ?? USER ?? `uid ${process.getuid?.()}`).replace(/[^\w.@ -]/g, "?").slice(0, 64)}`;
}

function parse(argv: readonly string[]): { words: string[]; fingerprint: string | null } {
  const at = argv.indexOf("--fingerprint");
  if (at < 0) return { words: [...argv], fingerprint: null };
  return { words: argv.filter((_, i) => i !== at && i !== at + 1), fingerprint: argv[at + 1] ?? "" };
}

function stop(sentence: string, code = 2): never {
  console.error(`breakglass: ${sentence}`);
  process.exit(code);
}
