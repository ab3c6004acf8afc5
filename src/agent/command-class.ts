/**
 * How much a shell line could do to the VM, read off its words. It errs on the side of asking: what it can't vouch for is
 * "unknown", and the worst part of a line decides. It is a help in deciding whom to ask, and no wall: a read can be slow,
 * and a program may do more than its name says. Pure; who is asked is decided elsewhere.
 */
import { ruleFor } from "./command-table.ts";
import { readLine, type ShellPart, type ShellWord } from "./shell-words.ts";

export type CommandClass = "read" | "change" | "destructive" | "unknown";

const ORDER: readonly CommandClass[] = ["read", "change", "unknown", "destructive"];
export const worse = (a: CommandClass, b: CommandClass): CommandClass => (ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b);

/** Devices and kernel files that a write ends more than a file with. */
export const WRITTEN_IS_LOST =
  /^\/+dev\/+(sd|hd|vd|xvd|nvme|mmcblk|md|dm-|mapper\/|disk\/|loop|zd|zvol\/|mem$|kmem$|port$)|^\/+proc\/+sysrq-trigger|^\/+dev\/+watchdog/;

/** Programs that write over what they are told. */
const OVERWRITES = new Set(["cp", "mv", "tee", "install", "split", "patch"]);

export function classOf(command: string): CommandClass {
  return classAt(command, 0);
}

function classAt(command: string, depth: number): CommandClass {
  // A shell in a shell in a shell is nobody's way to look at something.
  if (depth > 3) return "unknown";
  const line = readLine(command);
  if (line.parts.length === 0) return "unknown";
  return line.parts.map((part) => ofPart(part, depth)).reduce(worse, line.clear ? "read" : "unknown");
}

function ofPart({ words, redirects }: ShellPart, depth: number): CommandClass {
  const written = redirects.map(({ how, to }) => ofRedirect(how, to)).reduce(worse, "read" as CommandClass);
  return words.length === 0 ? worse(written, "unknown") : worse(written, ofWords(words, depth));
}

function ofRedirect(how: string, to: ShellWord): CommandClass {
  const from = how === "<" || how === "<&";
  if (!from && to.clear && WRITTEN_IS_LOST.test(to.text)) return "destructive";
  if (!to.clear || to.glob) return "unknown";
  if (to.text === "/dev/null") return "read";
  if ((how === ">&" || how === "<&") && /^(\d|-)$/.test(to.text)) return "read";
  // bash opens a socket for /dev/tcp/…, and some devices act when they are opened.
  return how === "<" && !to.text.includes("/dev/") ? "read" : "unknown";
}

/** Words that the shell itself understands: what follows is looked at, but the line is no plain read. */
const KEYWORDS = new Set(
  "if then elif else fi for while until do done case esac select function coproc in { } [[ eval exec".split(" "),
);

/** Variables that change no program's doings but its language, its width, its clock. */
const HARMLESS = /^(LC_[A-Z]+|LANG|LANGUAGE|TZ|COLUMNS|LINES|SYSTEMD_COLORS|NO_COLOR|TERM)=/;
const NO_PAGER = /^(SYSTEMD_PAGER|PAGER)=(cat)?$/;

const MOST_PREFIXES = 12;

function ofWords(given: readonly ShellWord[], depth: number): CommandClass {
  let words = given;
  let least: CommandClass = "read";
  // Prefixes stand before prefixes: `sudo -n timeout 5 env LC_ALL=C nice df`.
  for (let prefixes = 0; ; prefixes++) {
    if (prefixes > MOST_PREFIXES) return "unknown";
    const [head, ...args] = words;
    // sudo alone, a line of assignments: nothing runs that this could judge.
    if (!head) return worse(least, "unknown");
    if (/^[A-Za-z_]\w*\+?=/.test(head.text)) {
      if (!head.clear || !(HARMLESS.test(head.text) || NO_PAGER.test(head.text))) least = "unknown";
      words = args;
      continue;
    }
    if (!head.clear || head.glob) return worse("unknown", ofArguments(args, depth));
    if (head.text === "!") {
      words = args;
      continue;
    }
    if (KEYWORDS.has(head.text)) {
      if (args.length === 0) return "unknown";
      if (head.text === "eval") return worse("unknown", classAt(args.map((w) => w.text).join(" "), depth + 1));
      least = "unknown";
      words = args;
      continue;
    }
    const name = programNamed(head.text);
    const rest = behind(name.word, args);
    if (rest === "printed") return least;
    if (rest !== null) {
      if (!rest.sure || !name.usual) least = worse(least, "unknown");
      words = rest.words;
      continue;
    }
    return worse(least, ofProgram(name, args, depth));
  }
}

/** Nobody can say what runs; but where `rm` stands among the words, the worst is said. */
const ofArguments = (args: readonly ShellWord[], depth: number): CommandClass =>
  depth < 3 && args.length > 0 && ofWords(args, depth + 1) === "destructive" ? "destructive" : "unknown";

interface Named {
  readonly word: string;
  /** Found where the system keeps its programs, or on PATH. */
  readonly usual: boolean;
}

function programNamed(text: string): Named {
  const found = /^(\/(?:usr\/)?(?:local\/)?s?bin\/)?([^/]+)$/.exec(text);
  return found ? { word: found[2]!, usual: true } : { word: text.split("/").at(-1)!, usual: false };
}

function ofProgram({ word, usual }: Named, args: readonly ShellWord[], depth: number): CommandClass {
  if (/^(ba|da|a|k|z)?sh$/.test(word)) {
    const [c, script, ...more] = args;
    if (!usual || !c || !/^-l?c$/.test(c.text) || !script) return "unknown";
    const inner = classAt(script.text, depth + 1);
    return script.clear && more.length === 0 ? inner : worse("unknown", inner);
  }
  if (word === "xargs") return ofHanded(afterXargs(args), depth);
  const texts = args.map((a) => a.text);
  let least: CommandClass = usual ? "read" : "unknown";
  const rule = ruleFor(word);
  if (rule === undefined) return "unknown";
  // Unquoted, a pattern may turn into an option; below a folder that is named it can't.
  const loose = typeof rule === "function" && args.some((a) => a.glob && !/^\.{0,2}\//.test(a.text));
  if (loose || args.some((a) => !a.clear)) least = "unknown";
  let is: CommandClass;
  if (word === "find") is = ofFind(args, depth);
  else is = typeof rule === "function" ? rule(texts) : rule;
  if (OVERWRITES.has(word) && texts.some((t) => WRITTEN_IS_LOST.test(t))) is = "destructive";
  return worse(least, is);
}

/** A command that is handed words nobody has seen: it must be one that only reads whatever it is told. */
function ofHanded(words: readonly ShellWord[] | null, depth: number): CommandClass {
  if (words === null) return "unknown";
  if (words.length === 0) return "read";
  const is = ofWords(words, depth + 1);
  if (is === "destructive") return is;
  const [head] = words;
  return is === "read" && typeof ruleFor(programNamed(head!.text).word) === "string" ? "read" : "unknown";
}

function ofFind(args: readonly ShellWord[], depth: number): CommandClass {
  let is: CommandClass = "read";
  for (const [i, { text }] of args.entries()) {
    if (text === "-delete") is = "destructive";
    else if (/^-f(print|ls)/.test(text)) is = worse(is, "unknown");
    else if (/^-(exec|ok)(dir)?$/.test(text)) {
      const end = args.findIndex((a, j) => j > i && (a.text === ";" || a.text === "+"));
      is = worse(is, end < 0 ? "unknown" : ofHanded(args.slice(i + 1, end), depth));
    }
  }
  return is;
}

function afterXargs(args: readonly ShellWord[]): readonly ShellWord[] | null {
  let i = 0;
  for (; i < args.length; i++) {
    const { text } = args[i]!;
    if (/^-([0rtx]+|[nPLs]\d+|I.+|d.+)$/.test(text) || ["--null", "--no-run-if-empty"].includes(text)) continue;
    if (/^-[nPLsId]$/.test(text)) i++;
    else if (text.startsWith("-")) return null;
    else break;
  }
  return args.slice(i);
}

/** The options of the prefixes: those that stand alone, and those that take the next word. */
const PREFIXES: Record<string, { alone: RegExp; valued: RegExp; first?: RegExp }> = {
  sudo: { alone: /^-[nHEkS]+$|^--non-interactive$|^--preserve-env(=.*)?$/, valued: /^-[ugpC]$/ },
  doas: { alone: /^-n$/, valued: /^-u$/ },
  timeout: {
    alone: /^(-v|--verbose|--foreground|--preserve-status|--(signal|kill-after)=\w+|-[ks][\w.]+)$/,
    valued: /^(-[ks]|--signal|--kill-after)$/,
    first: /^\d+(\.\d+)?[smhd]?$/,
  },
  nice: { alone: /^(-n?-?\d+|--adjustment=-?\d+)$/, valued: /^(-n|--adjustment)$/ },
  ionice: { alone: /^(-c\d|-n\d|-t|--class=\w+)$/, valued: /^(-[cn]|--class|--classdata)$/ },
  env: { alone: /^(-i|-|--ignore-environment|--unset=\w+|-u\w+)$/, valued: /^(-u|--unset)$/ },
  nohup: { alone: /^$/, valued: /^$/ },
  stdbuf: { alone: /^(-[ioe][L0]|--(input|output|error)=[L0])$/, valued: /^-[ioe]$/ },
  time: { alone: /^-p$/, valued: /^$/ },
  command: { alone: /^-p$/, valued: /^$/ },
  busybox: { alone: /^$/, valued: /^$/ },
  setsid: { alone: /^-[cfw]+$/, valued: /^$/ },
  chrt: { alone: /^$/, valued: /^$/ },
};
/** These hand the command on to where a Stop can't follow it, or do more than their name. */
const NEVER_SURE = new Set(["setsid", "chrt"]);

/** What a prefix runs; null when the word is no prefix; "printed" when it only prints. */
function behind(
  word: string,
  args: readonly ShellWord[],
): { words: readonly ShellWord[]; sure: boolean } | "printed" | null {
  const prefix = Object.hasOwn(PREFIXES, word) ? PREFIXES[word] : undefined;
  if (!prefix) return null;
  if (word === "command" && /^-[vV]$/.test(args[0]?.text ?? "")) return "printed";
  if (word === "sudo" && args.length === 1 && /^-(l|v|V)$/.test(args[0]!.text)) return "printed";
  let sure = !NEVER_SURE.has(word);
  let i = 0;
  for (; i < args.length; i++) {
    const { text, clear } = args[i]!;
    if (!clear) sure = false;
    if (text === "--") {
      i++;
      break;
    }
    if (prefix.valued.test(text)) {
      i++;
      if (args[i] && (!args[i]!.clear || args[i]!.glob)) sure = false;
    } else if (text.startsWith("-") && text !== "") {
      if (!prefix.alone.test(text)) sure = false;
    } else break;
  }
  if (prefix.first) {
    if (!prefix.first.test(args[i]?.text ?? "")) sure = false;
    i++;
  }
  const words = args.slice(i);
  // `env` alone prints what it has; a bare `time` or `nice` prints a number.
  if (words.length === 0 && sure && ["env", "nice", "time", "busybox"].includes(word)) return "printed";
  return { words, sure };
}
