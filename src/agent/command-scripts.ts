/**
 * The small languages inside a command: sed and awk can write files and start programs, so only the plainest scripts pass
 * as reading. Pure.
 */
import type { CommandClass } from "./command-class.ts";

export function scriptReads(language: "sed" | "awk", args: readonly string[]): CommandClass {
  return language === "sed" ? ofSed(args) : ofAwk(args);
}

function ofSed(args: readonly string[]): CommandClass {
  const scripts: string[] = [];
  const rest: string[] = [];
  let in_place = false;
  let sound = true;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (
      /^-[nErusz]*i/.test(arg) ||
      (arg.startsWith("--") && arg.length > 2 && "--in-place".startsWith(arg.split("=", 1)[0]!))
    )
      in_place = true;
    else if (/^-[nErusz]*e$/.test(arg) || arg === "--expression") scripts.push(args[++i] ?? "");
    else if (/^-e./.test(arg)) scripts.push(arg.slice(2));
    else if (/^-[nErusz]+$/.test(arg) || ["--quiet", "--silent", "--regexp-extended"].includes(arg)) continue;
    else if (arg.startsWith("-") && arg !== "-") sound = false;
    else rest.push(arg);
  }
  if (scripts.length === 0) scripts.push(rest.shift() ?? "");
  if (!sound || !scripts.every(plainSed)) return "unknown";
  return in_place ? "change" : "read";
}

const ADDRESS = String.raw`(?:\d+|\$|\/(?:[^\/\\\n;{}]|\\.)+\/I?|\d+~\d+|\+\d+)`;
const COMMAND = String.raw`(?:[pdqhHgGxnN=l]|q\d+|s\/(?:[^\/\\\n]|\\.)*\/(?:[^\/\\\n]|\\[^\n])*\/[gpI0-9]*|s\|(?:[^|\\\n]|\\.)*\|(?:[^|\\\n]|\\.)*\|[gpI0-9]*|s#(?:[^#\\\n]|\\.)*#(?:[^#\\\n]|\\.)*#[gpI0-9]*)`;
// No two runs of blanks meet, or a script of blanks would take minutes to refuse.
const SED = new RegExp(
  `^(?:[ \\t;\\n]*(?:${ADDRESS}(?:,[ \\t]*${ADDRESS})?[ \\t]*)?(?:![ \\t]*)?${COMMAND}[ \\t]*(?:[;\\n]|$))+[ \\t;\\n]*$`,
);
const plainSed = (script: string): boolean => script.length < 2000 && SED.test(script);

/** awk's ways out of itself: system(), pipes, redirections, getline, includes, calls by name. */
const AWK_ACTS = /[>|@`]|system|getline|close|fflush|ENVIRON\s*=|include|load/;

function ofAwk(args: readonly string[]): CommandClass {
  let i = 0;
  for (; i < args.length; i++) {
    if (/^-[Fv]$/.test(args[i]!)) i++;
    else if (!/^-[Fv]./.test(args[i]!)) break;
  }
  const program = args[i];
  if (program === undefined || program.startsWith("-")) return "unknown";
  return AWK_ACTS.test(program) || args.slice(i + 1).some((a) => a.startsWith("-") || a.includes("/dev/"))
    ? "unknown"
    : "read";
}
