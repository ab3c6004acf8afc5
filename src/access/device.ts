/** A browser in two words, for the list of who is signed in where: a person must know their own phone again. Pure. */
export function deviceOf(agent: string | undefined): string {
  if (!agent) return "a program";
  const browser = first(agent, [
    [/\b(w3m|lynx|curl)\b/i, "$1"],
    [/Edg\//, "Edge"],
    [/Firefox\/|FxiOS/, "Firefox"],
    [/Chrome\/|CriOS/, "Chrome"],
    [/Safari\//, "Safari"],
  ]);
  const system = first(agent, [
    [/iPhone/, "iPhone"],
    [/iPad/, "iPad"],
    [/Android/, "Android"],
    [/Windows/, "Windows"],
    [/Mac OS X/, "Mac"],
    [/Linux/, "Linux"],
  ]);
  return [browser || "a browser", system && `on ${system}`].filter(Boolean).join(" ");
}

function first(agent: string, names: readonly (readonly [RegExp, string])[]): string {
  for (const [pattern, name] of names) {
    const found = pattern.exec(agent);
    if (found) return name === "$1" ? found[1]!.toLowerCase() : name;
  }
  return "";
}
