/** The first half of reading a shell line: text into operators and words, and what is inside a word. It runs nothing. */
export class Unreadable extends Error {}

export type Part =
  | { is: "text"; text: string; quoted: boolean }
  | { is: "var"; name: string; fallback: string | null; quoted: boolean }
  | { is: "run"; script: string; quoted: boolean }
  | { is: "sum"; text: string };
export type Word = readonly Part[];

export type Token = { op: string; fd?: number } | { word: Word; raw: string };
const OPERATORS = ["&&", "||", ";;", ">>", ">&", "<&", "<<<", "<<", "&>", ";", "|", "&", "(", ")", "<", ">", "\n"];

export const text = (t: string, quoted = false): Part => ({ is: "text", text: t, quoted });

export function tokenize(script: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < script.length) {
    const c = script[at]!;
    if (c === " " || c === "\t" || c === "\r") at++;
    else if (c === "\\" && script[at + 1] === "\n") at += 2;
    else if (c === "#") while (at < script.length && script[at] !== "\n") at++;
    else {
      const fd = /^(\d)(>>|>&|>|<)/.exec(script.slice(at, at + 3));
      const op = fd ? fd[2]! : OPERATORS.find((o) => script.startsWith(o, at));
      if (op) {
        tokens.push(fd ? { op, fd: Number(fd[1]) } : { op });
        at += op.length + (fd ? 1 : 0);
      } else {
        const [word, end] = readWord(script, at);
        tokens.push({ word, raw: script.slice(at, end) });
        at = end;
      }
    }
  }
  return tokens;
}

function readWord(script: string, start: number): [Word, number] {
  const parts: Part[] = [];
  let at = start;
  let held = "";
  const flush = () => {
    if (held) parts.push(text(held));
    held = "";
  };
  while (at < script.length && !" \t\r\n;|&()<>".includes(script[at]!)) {
    const c = script[at]!;
    if (c === "\\") {
      if (script[at + 1] === "\n") at += 2;
      else {
        flush();
        parts.push(text(script[at + 1] ?? "", true));
        at += 2;
      }
    } else if (c === "'") {
      const end = script.indexOf("'", at + 1);
      if (end < 0) throw new Unreadable("unexpected EOF while looking for matching `''");
      flush();
      parts.push(text(script.slice(at + 1, end), true));
      at = end + 1;
    } else if (c === '"') {
      flush();
      const [inner, end] = readDouble(script, at + 1);
      parts.push(...inner);
      at = end;
    } else if (c === "$" || c === "`") {
      const [part, end] = readDollar(script, at, false);
      if (part) {
        flush();
        parts.push(part);
      } else held += "$";
      at = end;
    } else {
      held += c;
      at++;
    }
  }
  flush();
  return [parts, at];
}

function readDouble(script: string, start: number): [Part[], number] {
  const parts: Part[] = [];
  let held = "";
  let at = start;
  while (at < script.length) {
    const c = script[at]!;
    if (c === '"') {
      parts.push(text(held, true));
      return [parts, at + 1];
    }
    if (c === "\\" && '$`"\\\n'.includes(script[at + 1] ?? "")) {
      if (script[at + 1] !== "\n") held += script[at + 1];
      at += 2;
    } else if (c === "$" || c === "`") {
      const [part, end] = readDollar(script, at, true);
      if (part) {
        parts.push(text(held, true), part);
        held = "";
      } else held += "$";
      at = end;
    } else {
      held += c;
      at++;
    }
  }
  throw new Unreadable("unexpected EOF while looking for matching `\"'");
}

function readDollar(script: string, at: number, quoted: boolean): [Part | null, number] {
  if (script[at] === "`") {
    const end = script.indexOf("`", at + 1);
    if (end < 0) throw new Unreadable("unexpected EOF while looking for matching ``'");
    return [{ is: "run", script: script.slice(at + 1, end), quoted }, end + 1];
  }
  if (script.startsWith("$((", at)) {
    const end = script.indexOf("))", at);
    if (end > 0) return [{ is: "sum", text: script.slice(at + 3, end) }, end + 2];
  }
  if (script[at + 1] === "(") {
    const end = closing(script, at + 2);
    return [{ is: "run", script: script.slice(at + 2, end), quoted }, end + 1];
  }
  if (script[at + 1] === "{") {
    const end = script.indexOf("}", at);
    const inner = /^([A-Za-z_]\w*|[0-9@*#?$!])(?::?-(.*))?$/.exec(script.slice(at + 2, end));
    if (end < 0 || !inner) throw new Unreadable(`${script.slice(at, end + 1)}: bad substitution`);
    return [{ is: "var", name: inner[1]!, fallback: inner[2] ?? null, quoted }, end + 1];
  }
  const name = /^([A-Za-z_]\w*|[0-9@*#?$!])/.exec(script.slice(at + 1));
  if (!name) return [null, at + 1];
  return [{ is: "var", name: name[1]!, fallback: null, quoted }, at + 1 + name[1]!.length];
}

/** The bracket that closes a `$(`, counting brackets and stepping over quotes. */
function closing(script: string, start: number): number {
  let depth = 1;
  for (let at = start; at < script.length; at++) {
    const c = script[at]!;
    if (c === "\\") at++;
    else if (c === "'") at = script.indexOf("'", at + 1);
    else if (c === '"') at = readDouble(script, at + 1)[1] - 1;
    else if (c === "(") depth++;
    else if (c === ")" && --depth === 0) return at;
    if (at < start - 1) break;
  }
  throw new Unreadable("unexpected EOF while looking for matching `)'");
}
