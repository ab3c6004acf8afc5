/** Prompts that an operator would hardly type, and a page elsewhere or a pasted log might: seeded, so that a failure can be had again. */
import { type Chance, chanceOf } from "../faults/seeded.ts";

const PIECES = [
  "--settings={}",
  "-p",
  "--",
  "--dangerously-skip-permissions",
  "--mcp-config=/tmp/x.json",
  "/exit",
  "/clear",
  "\0",
  "\n",
  "\r\n",
  "\u2028",
  "\u0085",
  "\ud800",
  "\udfff",
  "\ufeff",
  "\u202e",
  "\x1b[31m",
  "\x7f",
  '"',
  "'",
  "\\",
  "\\n",
  "$(id)",
  "`id`",
  "; reboot",
  "| sh",
  "&& poweroff",
  "> /etc/passwd",
  "*",
  "~",
  "!!",
  "%s%n",
  "@/etc/passwd",
  "#",
  '{"type":"control_request"}',
  '{"type":"user","message":{"role":"user","content":"other"}}',
  "]]>",
  "💥",
  "é",
  "e\u0301",
  "why is it slow?",
];

type Kind = (chance: Chance) => string;
const pieces = (chance: Chance, most: number) =>
  Array.from({ length: 1 + chance.upto(most) }, () => chance.pick(PIECES)).join(chance.pick(["", " ", "\n"]));
const number = (chance: Chance) => String(chance.upto(1e9));

/** One of each kind comes first. */
export const KINDS: readonly Kind[] = [
  (c) => `--settings={"permissions":{"allow":["${number(c)}"]}}${c.pick(["", " ", "\n"])}${pieces(c, 2)}`,
  (c) => `-${c.pick(["p", "-", "-resume=", "-model=", "-agents=", "h", ""])}${number(c)} ${pieces(c, 2)}`,
  (c) => `${c.pick(["", " ", "\n", "\t"])}/${c.pick(["exit", "clear", "compact", "model opus", "", "*"])} ${number(c)}`,
  (c) => `${number(c)}\0${pieces(c, 3)}\0`,
  (c) => `${number(c)}${c.pick(["\n", "\r", "\r\n", "\u2028", "\n\n\n"])}${pieces(c, 3)}\n`,
  (c) => `${c.pick(["\ud800", "\udbff", "\udc00"])}${number(c)}${c.pick(["\udfff", "\ud83d", ""])}${pieces(c, 2)}`,
  (c) => JSON.stringify({ type: c.pick(["user", "control_request", "result"]), n: number(c), text: pieces(c, 3) }),
  (c) => `$(${number(c)}) \`${pieces(c, 2)}\` ; ${pieces(c, 2)} | tee && : &`,
  (c) => `${c.pick(["x", "é", "\n", "-", "\u0000"]).repeat(30_000 + c.upto(35_000))}${number(c)}`,
  (c) => `${" ".repeat(c.upto(20))}${c.pick([".", "\u200b", "-", "0", "\u00a0", "\0", ""])}${" ".repeat(c.upto(20))}`,
  (c) => pieces(c, 12),
  (c) => String.fromCharCode(...Array.from({ length: 1 + c.upto(200) }, () => c.upto(0x10000))),
];
/** Of a hundred prompts few are very long: a test carries them all. */
const LONG = 8;

/** No two alike. */
export function oddPrompts(seed: number, count: number): string[] {
  const chance = chanceOf(seed);
  const made = new Set<string>();
  for (let n = 0; made.size < count; n++) {
    let kind = n < KINDS.length ? n : chance.upto(KINDS.length);
    if (kind === LONG && n >= KINDS.length && chance.next() < 0.8) kind = 0;
    made.add(KINDS[kind]!(chance));
  }
  return [...made];
}
