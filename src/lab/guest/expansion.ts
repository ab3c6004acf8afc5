/** Words of the simulated shell worked out: variables, sums, command substitution, splitting at spaces. It runs nothing itself. */
import type { Word } from "./tokens.ts";

export interface Known {
  value(name: string): string;
  /** The output of a command substitution. */
  run(script: string): Promise<string>;
}

export async function expand(words: readonly Word[], known: Known): Promise<string[]> {
  const all: string[] = [];
  for (const word of words) {
    let held = "";
    let is = false;
    for (const part of word) {
      if (part.is === "text") {
        held += part.text;
        is = true;
        continue;
      }
      let value: string;
      if (part.is === "var") value = known.value(part.name) || (part.fallback ?? "");
      else if (part.is === "sum") value = String(sum(part.text, known));
      else value = (await known.run(part.script)).replace(/\n+$/, "");
      if (part.is === "sum" || part.quoted) {
        held += value;
        is = true;
        continue;
      }
      for (const [i, piece] of value.split(/\s+/).entries()) {
        if (i > 0 && is) {
          all.push(held);
          held = "";
          is = false;
        }
        held += piece;
        if (piece !== "") is = true;
      }
    }
    if (is) all.push(held);
  }
  return all;
}

/** Whole numbers with + - * / %, left to right within their rank; enough for counters and waits. */
function sum(text: string, known: Known): number {
  const resolved = text.replace(
    /\$?\b([A-Za-z_]\w*)|\$(\d)/g,
    (_, name: string, n: string) => known.value(name ?? n) || "0",
  );
  const tokens = resolved.match(/\d+|[-+*/%]/g) ?? [];
  const terms: number[] = [];
  let sign = 1;
  let operator: string | null = null;
  for (const token of tokens) {
    if (/\d/.test(token)) {
      const n = Number(token);
      const before = operator === null ? 0 : (terms.pop() ?? 0);
      if (operator === "*") terms.push(before * n);
      else if (operator === "/") terms.push(n === 0 ? 0 : Math.trunc(before / n));
      else if (operator === "%") terms.push(n === 0 ? 0 : before % n);
      else terms.push(sign * n);
      sign = 1;
      operator = null;
    } else if (token === "-") sign = -1;
    else if (token !== "+") operator = token;
  }
  return terms.reduce((a, b) => a + b, 0);
}
