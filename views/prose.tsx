/**
 * What the agent says, as Markdown: a parser that is handed in makes tokens, and here tokens become JSX, so that nothing of the agent's is
 * ever markup. It loads nothing: links are addresses in full view, images their words. What costs too much to parse or to
 * show is text. It knows no session.
 */
import type { Child } from "hono/jsx";
import type { Token } from "markdown-it";
import { Output, plain } from "./plain.tsx";

/** Characters that are parsed; some inputs take the square of their length, and this much of the worst takes 80 ms (measured). */
const LONGEST = 8_000;
/** Elements of one message; what comes after is text. A phone holds sixty messages. */
const MOST = 300;
/** Lists in quotes in lists … No agent means it; a browser and this recursion pay for it. */
const DEEPEST = 12;

/** Reads Markdown, with links to http, https and mail alone and no HTML: tokens, in which whatever else was meant is text. */
export type Markdown = (source: string) => readonly Token[];

export function Prose({ text, markdown }: { text: string; markdown: Markdown }) {
  const source = plain(text);
  if (source.length > LONGEST) return <Paragraphs text={source} />;
  const tokens = markdown(source);
  if (tokens.some(isTooDeep)) return <Paragraphs text={source} />;
  const lines = source.split("\n");
  const heads = headings(tokens);
  const shown: Child[] = [];
  let elements = 0;
  for (let at = 0; at < tokens.length; ) {
    const end = endOf(tokens, at);
    const block = tokens.slice(at, end);
    elements += block.reduce((sum, token) => sum + elementsOf(token), 0);
    if (elements > MOST) {
      shown.push(<Paragraphs text={lines.slice(tokens[at]!.map?.[0] ?? 0).join("\n")} />);
      break;
    }
    shown.push(...drawn(block, heads));
    at = end;
  }
  return <>{shown}</>;
}

/** As it came, but for its paragraphs. */
const Paragraphs = ({ text }: { text: string }) => (
  <>
    {text
      .split(/\n{2,}/, MOST)
      .filter((part) => part.trim() !== "")
      .map((part) => (
        <p>{plain(part)}</p>
      ))}
  </>
);

const isTooDeep = (token: Token): boolean =>
  token.level > DEEPEST || (token.children ?? []).some((child) => child.level > DEEPEST);

const isElement = (token: Token): boolean => token.nesting === 1 || token.tag === "code" || token.tag === "hr";
const elementsOf = (token: Token): number => Number(isElement(token)) + (token.children?.filter(isElement).length ?? 0);

/** Where the block that begins here is over. */
function endOf(tokens: readonly Token[], from: number): number {
  let depth = 0;
  for (let at = from; at < tokens.length; at++) {
    depth += tokens[at]!.nesting;
    if (depth === 0) return at + 1;
  }
  return tokens.length;
}

/** The levels that are used, from h3 on without a gap: above them stand the page's own. */
function headings(tokens: readonly Token[]): Map<string, number> {
  const used = [...new Set(tokens.filter((t) => t.type === "heading_open").map((t) => t.tag))].sort();
  return new Map(used.map((tag, i) => [tag, Math.min(6, 3 + i)]));
}

/** A run of tokens as elements. Recursion is as deep as `DEEPEST` lets it. */
function drawn(tokens: readonly Token[], heads: ReadonlyMap<string, number>): Child[] {
  const shown: Child[] = [];
  for (let at = 0; at < tokens.length; ) {
    const token = tokens[at]!;
    const end = token.nesting === 1 ? endOf(tokens, at) : at + 1;
    const inner = () => drawn(tokens.slice(at + 1, end - 1), heads);
    shown.push(token.nesting === 1 ? container(token, inner(), heads) : leaf(token, heads));
    at = end;
  }
  return shown;
}

function container(token: Token, inner: Child[], heads: ReadonlyMap<string, number>): Child {
  switch (token.type) {
    case "paragraph_open":
      return token.hidden ? inner : <p>{inner}</p>;
    case "heading_open": {
      const Heading = `h${heads.get(token.tag) ?? 6}` as "h3";
      return <Heading>{inner}</Heading>;
    }
    case "bullet_list_open":
      return <ul>{inner}</ul>;
    case "ordered_list_open":
      return <ol start={Number(token.attrGet("start") ?? 1)}>{inner}</ol>;
    case "list_item_open":
      return <li>{inner}</li>;
    case "blockquote_open":
      return <blockquote>{inner}</blockquote>;
    case "table_open":
      return <table>{inner}</table>;
    case "thead_open":
      return <thead>{inner}</thead>;
    case "tbody_open":
      return <tbody>{inner}</tbody>;
    case "tr_open":
      return <tr>{inner}</tr>;
    case "th_open":
      return <th>{inner}</th>;
    case "td_open":
      return <td>{inner}</td>;
    case "em_open":
      return <em>{inner}</em>;
    case "strong_open":
      return <strong>{inner}</strong>;
    case "s_open":
      return <s>{inner}</s>;
    case "link_open":
      return <Link token={token} words={inner} />;
    default:
      return inner;
  }
}

function leaf(token: Token, heads: ReadonlyMap<string, number>): Child {
  switch (token.type) {
    case "inline":
      return drawn(token.children ?? [], heads);
    case "code_inline":
      return <code>{plain(token.content)}</code>;
    case "fence":
    case "code_block": {
      // A language's name mostly; whatever it is, it is not to be hidden.
      const info = token.info.trim();
      return (
        <>
          {info && <small>{plain(info)}</small>}
          <Output text={token.content.replace(/\n$/, "")} />
        </>
      );
    }
    case "softbreak":
    case "hardbreak":
      return "\n";
    case "hr":
      return <hr />;
    // Its words stand in its children, and in `content` with their marks.
    case "image":
      return plain(token.content);
    default:
      return plain(token.content);
  }
}

/** The address is always to be read: words can say one thing and the address another. */
function Link({ token, words }: { token: Token; words: Child[] }) {
  const address = String(token.attrGet("href") ?? "");
  const title = String(token.attrGet("title") ?? "");
  const said = words.length === 1 && words[0] === plain(address);
  return (
    <>
      <a href={address} rel="noreferrer noopener" target="_blank">
        {words}
      </a>
      {!said && ` (${plain(address)})`}
      {title && ` “${plain(title)}”`}
    </>
  );
}
