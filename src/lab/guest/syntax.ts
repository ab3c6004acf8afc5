/**
 * The part of the shell language that people and agents type at a VM: quotes, variables, pipes, lists, groups, loops, tests,
 * functions, redirections. Text in, tree out; it runs nothing. What it can't read is a Unreadable with the shell's own words.
 */
import { text, tokenize, Unreadable, type Word } from "./tokens.ts";

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
    const near =
      token === undefined ? "end of file" : "op" in token ? (token.op === "\n" ? "newline" : token.op) : token.raw;
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

/** The word as it stands, when nothing in it has to be worked out and nothing is quoted. */
function plain(word: Word): string | null {
  return word.every((part) => part.is === "text" && !part.quoted)
    ? word.map((part) => (part as { text: string }).text).join("")
    : null;
}
