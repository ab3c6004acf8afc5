/**
 * A shell line as far as it can be read without running it: commands, their words, their redirections. It prefers to say
 * "unclear" over guessing: whatever the shell would still work out (a variable, a substitution, braces) is unclear. Pure;
 * what the words mean is in `command-table.ts`.
 */

export interface ShellWord {
  /** As the shell would hand it on, quotes taken away. */
  readonly text: string;
  /** False when the shell would put something else in its place. */
  readonly clear: boolean;
  /** Holds an unquoted * ? or [. */
  readonly glob: boolean;
}

export interface ShellPart {
  readonly words: readonly ShellWord[];
  readonly redirects: readonly { readonly how: string; readonly to: ShellWord }[];
}

export interface ShellLine {
  readonly parts: readonly ShellPart[];
  /** False when there is anything in the line that this reading can't vouch for. */
  readonly clear: boolean;
}

const OPERATORS = [
  "&>>",
  "<<<",
  "<<-",
  "&&",
  "||",
  "|&",
  ";;",
  "&>",
  ">>",
  ">|",
  ">&",
  "<<",
  "<>",
  "<&",
  ..."|&;<>()\n",
];
const REDIRECTS = new Set(["&>>", "<<<", "<<-", "&>", ">>", ">|", ">&", "<<", "<>", "<&", "<", ">"]);
/** Control characters, and spaces that some shells in some locales take for one and others don't. */
const ODD = /[\x00-\x08\x0b-\x1f\x7f-\xa0\u00ad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]/u;

export function readLine(line: string): ShellLine {
  let clear = !ODD.test(line) && line.isWellFormed();
  const parts: ShellPart[] = [];
  let words: ShellWord[] = [];
  let redirects: { how: string; to: ShellWord }[] = [];
  let awaits: string | null = null;
  let at = 0;

  const endPart = () => {
    if (awaits !== null) clear = false;
    if (words.length > 0 || redirects.length > 0) parts.push({ words, redirects });
    words = [];
    redirects = [];
    awaits = null;
  };
  const put = (word: ShellWord) => {
    if (awaits === null) words.push(word);
    else redirects.push({ how: awaits, to: word });
    awaits = null;
  };

  while (at < line.length) {
    const c = line[at]!;
    if (c === " " || c === "\t") {
      at++;
      continue;
    }
    if (line.startsWith("\\\n", at)) {
      at += 2;
      continue;
    }
    if (c === "#") {
      while (at < line.length && line[at] !== "\n") at++;
      continue;
    }
    if (c === "`") {
      clear = false;
      endPart();
      at++;
      continue;
    }
    const op = OPERATORS.find((o) => line.startsWith(o, at));
    if (op !== undefined) {
      at += op.length;
      if (REDIRECTS.has(op)) {
        if (awaits !== null) clear = false;
        // `<(` and `>(` start a process.
        if (line[at] === "(" || op.startsWith("<<") || op === "<>") clear = false;
        awaits = op;
      } else {
        if (op === "(" || op === ")" || op === ";;") clear = false;
        endPart();
      }
      continue;
    }
    const { word, end, sound } = readWord(line, at);
    at = end;
    if (!sound) clear = false;
    const next = line[at];
    // The number of a descriptor, as in 2>/dev/null, is no word.
    if (/^\d{1,3}$/.test(word.text) && (next === "<" || next === ">") && awaits === null && /\d/.test(line[at - 1]!))
      continue;
    put(word);
  }
  endPart();
  return { parts, clear };
}

/** `sound` is false for a quote that is never closed, or a backslash with nothing behind it. */
function readWord(line: string, from: number): { word: ShellWord; end: number; sound: boolean } {
  let text = "";
  let clear = true;
  let glob = false;
  let braces = false;
  let at = from;
  const over = (sound: boolean) => ({
    word: { text, clear: clear && (!braces || text === "{}"), glob },
    end: at,
    sound,
  });
  while (at < line.length) {
    const c = line[at]!;
    if (" \t\n;&|<>()`".includes(c)) break;
    at++;
    if (c === "\\") {
      if (at >= line.length) return over(false);
      if (line[at] !== "\n") text += line[at];
      at++;
    } else if (c === "'") {
      const close = line.indexOf("'", at);
      if (close < 0) {
        at = line.length;
        return over(false);
      }
      text += line.slice(at, close);
      at = close + 1;
    } else if (c === '"') {
      for (;;) {
        const d = line[at];
        if (d === undefined) return over(false);
        at++;
        if (d === '"') break;
        if (d === "\\" && /[$`"\\\n]/.test(line[at] ?? "")) {
          if (line[at] !== "\n") text += line[at];
          at++;
        } else {
          if (d === "`" || (d === "$" && expands(line[at]))) clear = false;
          text += d;
        }
      }
    } else {
      if (c === "$" && expands(line[at], true)) clear = false;
      if (c === "{" || c === "}") braces = true;
      if (c === "*" || c === "?" || c === "[") glob = true;
      text += c;
    }
  }
  return over(true);
}

const expands = (next: string | undefined, quotes = false): boolean =>
  next !== undefined && (/[\w{([@*#?$!-]/.test(next) || (quotes && (next === "'" || next === '"')));
