/**
 * The part of the shell language that people and agents type at a VM: quotes, variables, pipes, lists, groups, loops, tests,
 * functions, redirections. Text in, tree out; it runs nothing. What it can't read is a Unreadable with the shell's own words.
 */
export class Unreadable extends Error {}

export type Part =
  | { is: "text"; text: string; quoted: boolean }
  | { is: "var"; name: string; fallback: string | null; quoted: boolean }
  | { is: "run"; script: string; quoted: boolean }
  | { is: "sum"; text: string };
export type Word = readonly Part[];
export interface Redirect {
  readonly fd: number;
  readonly how: ">" | ">>" | "<" | ">&" | "<<";
  readonly to: Word;
}
export type Node =
  | { is: "simple"; assigns: { name: string; value: Word }[]; words: Word[]; redirects: Redirect[] }
  | { is: "pipe"; parts: Node[]; not: boolean }
  | { is: "list"; items: { node: Node; after: "always" | "and" | "or" }[] }
  | { is: "group"; body: Node; apart: boolean; redirects: Redirect[] }
  | { is: "if"; arms: { test: Node; body: Node }[]; otherwise: Node | null; redirects: Redirect[] }
  | { is: "loop"; test: Node; until: boolean; body: Node; redirects: Redirect[] }
  | { is: "for"; name: string; words: Word[] | null; body: Node; redirects: Redirect[] }
  | { is: "case"; word: Word; arms: { patterns: Word[]; body: Node }[]; redirects: Redirect[] }
  | { is: "function"; name: string; body: Node };

type Token = { op: string; fd?: number } | { word: Word; raw: string };
const OPERATORS = ["&&", "||", ";;", ">>", ">&", "<&", "<<<", "<<", "&>", ";", "|", "&", "(", ")", "<", ">", "\n"];

export function parse(script: string): Node {
  const tokens = tokenize(script);
  let at = 0;
  const peek = () => tokens[at];
  const isOp = (...ops: string[]) => {
    const token = peek();
    return token !== undefined && "op" in token && ops.includes(token.op);
  };
  const reserved = () => {
    const token = peek();
    return token !== undefined && "word" in token && token.raw === plain(token.word) ? token.raw : null;
  };
  const fail = (): never => {
    const token = peek();
    const near = token === undefined ? "end of file" : "op" in token ? (token.op === "\n" ? "newline" : token.op) : token.raw;
    throw new Unreadable(`syntax error near unexpected token \`${near}'`);
  };
  const expect = (...words: string[]) => {
    const seen = reserved();
    if (seen !== null && words.includes(seen)) {
      at++;
      return seen;
    }
    return fail();
  };
  const newlines = () => {
    while (isOp("\n")) at++;
  };

  const list = (...ends: string[]): Node => {
    const items: { node: Node; after: "always" | "and" | "or" }[] = [];
    let after: "always" | "and" | "or" = "always";
    for (;;) {
      while (isOp("\n", ";") && items.length === 0) at++;
      if (peek() === undefined || isOp(")", ";;")) break;
      const word = reserved();
      if (word !== null && ends.includes(word)) break;
      items.push({ node: pipeline(), after });
      if (isOp("&&", "||")) {
        after = isOp("&&") ? "and" : "or";
        at++;
        newlines();
        continue;
      }
      after = "always";
      // A job in the background is run at once and to its end: the simulation has no second hand.
      if (isOp(";", "&", "\n")) while (isOp(";", "&", "\n")) at++;
      else break;
    }
    return { is: "list", items };
  };

  const pipeline = (): Node => {
    let not = false;
    if (reserved() === "!") {
      not = true;
      at++;
    }
    const parts = [command()];
    while (isOp("|")) {
      at++;
      newlines();
      parts.push(command());
    }
    return parts.length === 1 && !not ? parts[0]! : { is: "pipe", parts, not };
  };

  const redirects = (): Redirect[] => {
    const found: Redirect[] = [];
    for (;;) {
      const token = peek();
      if (token === undefined || !("op" in token)) return found;
      if (![">", ">>", "<", ">&", "<&", "&>", "<<<", "<<"].includes(token.op)) return found;
      at++;
      const to = peek();
      if (to === undefined || !("word" in to)) return fail();
      at++;
      if (token.op === "<<") throw new Unreadable("here-documents are not simulated in the lab");
      if (token.op === "&>") found.push({ fd: 1, how: ">", to: to.word }, { fd: 2, how: ">&", to: [text("1")] });
      else if (token.op === "<<<") found.push({ fd: 0, how: "<<", to: to.word });
      else if (token.op === "<&") found.push({ fd: 0, how: "<", to: [text("/dev/null")] });
      else {
        const how = token.op as Redirect["how"];
        const fd = token.fd ?? (how === "<" ? 0 : 1);
        found.push({ fd, how, to: to.word });
      }
    }
  };

  const command = (): Node => {
    if (isOp("(")) {
      at++;
      const body = list();
      if (!isOp(")")) return fail();
      at++;
      return { is: "group", body, apart: true, redirects: redirects() };
    }
    switch (reserved()) {
      case "{": {
        at++;
        const body = list("}");
        expect("}");
        return { is: "group", body, apart: false, redirects: redirects() };
      }
      case "if": {
        at++;
        const arms: { test: Node; body: Node }[] = [];
        let otherwise: Node | null = null;
        for (;;) {
          const test = list("then");
          expect("then");
          arms.push({ test, body: list("elif", "else", "fi") });
          const next = expect("elif", "else", "fi");
          if (next === "elif") continue;
          if (next === "else") {
            otherwise = list("fi");
            expect("fi");
          }
          return { is: "if", arms, otherwise, redirects: redirects() };
        }
      }
      case "while":
      case "until": {
        const until = reserved() === "until";
        at++;
        const test = list("do");
        expect("do");
        const body = list("done");
        expect("done");
        return { is: "loop", test, until, body, redirects: redirects() };
      }
      case "for": {
        at++;
        const name = word();
        let words: Word[] | null = null;
        newlines();
        if (reserved() === "in") {
          at++;
          words = [];
          while (peek() !== undefined && "word" in peek()!) words.push((tokens[at++] as { word: Word }).word);
        }
        while (isOp(";", "\n")) at++;
        expect("do");
        const body = list("done");
        expect("done");
        return { is: "for", name: plain(name) ?? "", words, body, redirects: redirects() };
      }
      case "case": {
        at++;
        const subject = word();
        newlines();
        expect("in");
        newlines();
        const arms: { patterns: Word[]; body: Node }[] = [];
        while (reserved() !== "esac") {
          if (isOp("(")) at++;
          const patterns = [word()];
          while (isOp("|")) {
            at++;
            patterns.push(word());
          }
          if (!isOp(")")) return fail();
          at++;
          arms.push({ patterns, body: list("esac") });
          while (isOp(";;", "\n")) at++;
        }
        expect("esac");
        return { is: "case", word: subject, arms, redirects: redirects() };
      }
    }
    return simple();
  };

  const word = (): Word => {
    const token = peek();
    if (token === undefined || !("word" in token)) return fail();
    at++;
    return token.word;
  };

  const simple = (): Node => {
    const assigns: { name: string; value: Word }[] = [];
    const words: Word[] = [];
    const to: Redirect[] = [];
    for (;;) {
      to.push(...redirects());
      const token = peek();
      if (token === undefined || "op" in token) break;
      const first = token.word[0];
      const assign =
        words.length === 0 && first?.is === "text" && !first.quoted ? /^([A-Za-z_]\w*)=/.exec(first.text) : null;
      at++;
      if (assign && first?.is === "text") {
        const rest = first.text.slice(assign[0].length);
        assigns.push({ name: assign[1]!, value: [...(rest ? [text(rest)] : []), ...token.word.slice(1)] });
        continue;
      }
      words.push(token.word);
      if (words.length === 1 && isOp("(")) {
        const name = plain(token.word);
        at++;
        if (!isOp(")") || name === null) return fail();
        at++;
        newlines();
        return { is: "function", name, body: command() };
      }
    }
    if (words.length === 0 && assigns.length === 0 && to.length === 0) return fail();
    return { is: "simple", assigns, words, redirects: to };
  };

  const whole = list();
  if (peek() !== undefined) fail();
  return whole;
}

const text = (t: string, quoted = false): Part => ({ is: "text", text: t, quoted });

/** The word as it stands, when nothing in it has to be worked out and nothing is quoted. */
function plain(word: Word): string | null {
  return word.every((part) => part.is === "text" && !part.quoted) ? word.map((part) => (part as { text: string }).text).join("") : null;
}

function tokenize(script: string): Token[] {
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
