/** A style sheet as its rules: for sheets like ours, whose strings hold no braces and no semicolons. It knows no property. */

export interface Rule {
  /** One or more; empty for the steps of an animation. */
  readonly selectors: readonly string[];
  readonly declarations: readonly { readonly property: string; readonly value: string }[];
  /** The at-rules it stands in, outermost first: "@supports (height: 100dvh)". */
  readonly within: readonly string[];
  /** A rule in a rule. */
  readonly nested: boolean;
}

export function rulesOf(css: string): Rule[] {
  const rules: Rule[] = [];
  const read = (text: string, within: readonly string[], of: readonly string[]): void => {
    let rest = text;
    const declarations: { property: string; value: string }[] = [];
    for (;;) {
      const at = /^\s*([^{};]*)([{;]|$)/.exec(rest)!;
      const head = at[1]!.trim();
      rest = rest.slice(at[0].length);
      if (at[2] !== "{") {
        const [property, ...value] = head.split(":");
        if (head) declarations.push({ property: property!.trim(), value: value.join(":").trim() });
        if (at[2] === "") break;
        continue;
      }
      const end = closing(rest);
      const body = rest.slice(0, end);
      rest = rest.slice(end + 1);
      if (head.startsWith("@")) read(body, [...within, head], of);
      else read(body, within, [...of, head]);
    }
    if (declarations.length > 0)
      rules.push({
        selectors: of.length > 0 ? listed(of.at(-1)!) : [],
        declarations,
        within,
        nested: of.length > 1,
      });
  };
  read(css.replace(/\/\*[\s\S]*?\*\//g, ""), [], []);
  return rules;
}

/** Where the block ends that was just begun. */
function closing(text: string): number {
  let depth = 1;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "{") depth++;
    if (text[i] === "}" && --depth === 0) return i;
  }
  throw new Error("a block without an end");
}

/** A selector list, split at the commas that stand in no brackets. */
function listed(selectors: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const c of selectors) {
    if (c === "(" || c === "[") depth++;
    if (c === ")" || c === "]") depth--;
    if (c === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += c;
  }
  return parts.map((part) => part.trim());
}
