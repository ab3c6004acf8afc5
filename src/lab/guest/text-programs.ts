/** Programs that turn text into text: what people put behind a pipe. The common options; others are refused in words. */
import { options, type Program, type Programs } from "./machine.ts";

const lines = (text: string) => {
  const all = text.split("\n");
  if (all.at(-1) === "") all.pop();
  return all;
};
const put = (run: { out(text: string): void }, all: readonly string[]) => {
  if (all.length > 0) run.out(`${all.join("\n")}\n`);
};

const echo: Program = (run) => {
  const args = [...run.args];
  let end = "\n";
  let escapes = false;
  while (/^-[neE]+$/.test(args[0] ?? "")) {
    const flag = args.shift()!;
    if (flag.includes("n")) end = "";
    if (flag.includes("e")) escapes = true;
  }
  const said = args.join(" ");
  run.out((escapes ? escapesRead(said) : said) + end);
  return 0;
};

function escapesRead(text: string): string {
  return text.replace(/\\([nt\\])/g, (_, c: string) => (c === "n" ? "\n" : c === "t" ? "\t" : "\\"));
}

const printf: Program = (run) => {
  const [format = "", ...given] = run.args.filter((arg, i) => i > 0 || arg !== "--");
  const left = [...given];
  do {
    run.out(
      escapesRead(format).replace(
        /%(-?)(0?)(\d*)(?:\.\d+)?([sdibq%])/g,
        (_, minus: string, zero: string, width: string, kind: string) => {
          if (kind === "%") return "%";
          const value = left.shift() ?? (kind === "s" || kind === "q" || kind === "b" ? "" : "0");
          const shown = kind === "b" ? escapesRead(value) : value;
          return minus ? shown.padEnd(Number(width)) : shown.padStart(Number(width), zero ? "0" : " ");
        },
      ),
    );
  } while (left.length > 0 && format.includes("%"));
  return 0;
};

const count = (run: { args: readonly string[] }, usual: number): string => {
  const short = run.args.find((arg) => /^-\d+$/.test(arg));
  return short ? short.slice(1) : (options(run.args).value("n", "lines") ?? String(usual));
};

const head: Program = (run) => {
  const bytes = options(run.args).value("c", "bytes");
  if (bytes !== null) run.out(run.stdin.slice(0, Number(bytes)));
  else put(run, lines(run.stdin).slice(0, Number(count(run, 10))));
  return 0;
};

const tail: Program = (run) => {
  const n = count(run, 10);
  const all = lines(run.stdin);
  put(run, n.startsWith("+") ? all.slice(Number(n) - 1) : Number(n) === 0 ? [] : all.slice(-Math.abs(Number(n))));
  return 0;
};

const grep: Program = (run) => {
  const { has, value } = options(run.args);
  const patterns: string[] = [];
  const rest: string[] = [];
  for (let i = 0; i < run.args.length; i++) {
    const arg = run.args[i]!;
    if (arg === "-e") patterns.push(run.args[++i] ?? "");
    else if (/^-[ABCm]$/.test(arg)) i++;
    else if (!/^-./.test(arg)) rest.push(arg);
  }
  const source = patterns.length > 0 ? patterns.join("|") : (rest.shift() ?? "");
  const extended = has("E", "P") || run.name === "egrep";
  let pattern: RegExp;
  try {
    // In a basic expression | + ? ( ) are plain and their escaped forms are not: the two swap places.
    const fixed = has("F") || run.name === "fgrep";
    const js = fixed
      ? source.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
      : extended || patterns.length > 0
        ? source
        : source.replace(/\\?[|+?(){}]/g, (c) => (c.length === 2 ? c[1]! : `\\${c}`));
    pattern = new RegExp(has("w") ? `\\b(?:${js})\\b` : js, has("i") ? "i" : "");
  } catch {
    run.err("grep: Invalid regular expression\n");
    return 2;
  }
  const all = lines(run.stdin);
  const before = Number(value("B") ?? value("C") ?? 0);
  const after = Number(value("A") ?? value("C") ?? 0);
  const hit = all.map((line) => pattern.test(line) !== has("v"));
  const most = Number(value("m") ?? Number.POSITIVE_INFINITY);
  let seen = 0;
  const kept = all.filter(
    (_, i) => hit.slice(Math.max(0, i - after), i + before + 1).some(Boolean) && (!hit[i] || ++seen <= most),
  );
  if (has("q")) return hit.some(Boolean) ? 0 : 1;
  if (has("c")) run.out(`${hit.filter(Boolean).length}\n`);
  else if (has("o"))
    put(
      run,
      kept.flatMap((line) => line.match(new RegExp(pattern, `${pattern.flags}g`)) ?? []),
    );
  else put(run, kept);
  return hit.some(Boolean) ? 0 : 1;
};

/** `-h` sizes compare by their unit. */
function size(text: string): number {
  const [, n = "0", unit = ""] = /^\s*([\d.]+)([KMGT]?)/.exec(text) ?? [];
  return Number(n) * 1024 ** " KMGT".indexOf(unit || " ");
}

const sort: Program = (run) => {
  const { has, value } = options(run.args.filter((arg) => !/^-[kt]./.test(arg)));
  const key = /^(\d+)/.exec(run.args.find((arg) => /^-k\d/.test(arg))?.slice(2) ?? value("k", "key") ?? "")?.[1];
  const column = key ? Number(key) - 1 : null;
  const of = (line: string) => (column === null ? line : line.trim().split(/\s+/).slice(column).join(" "));
  const flags = run.args.join(" ");
  const human = has("h") || /-k\S*h/.test(flags);
  const numeric = has("n") || /-k\S*n/.test(flags);
  const all = lines(run.stdin).sort((a, b) => {
    if (human) return size(of(a)) - size(of(b));
    if (numeric) return (Number.parseFloat(of(a)) || 0) - (Number.parseFloat(of(b)) || 0);
    return of(a) < of(b) ? -1 : of(a) > of(b) ? 1 : 0;
  });
  if (has("r") || /-k\S*r/.test(flags)) all.reverse();
  put(run, has("u") ? [...new Set(all)] : all);
  return 0;
};

const uniq: Program = (run) => {
  const runs: { line: string; n: number }[] = [];
  for (const line of lines(run.stdin)) {
    const before = runs.at(-1);
    if (before?.line === line) before.n++;
    else runs.push({ line, n: 1 });
  }
  put(
    run,
    runs.map(({ line, n }) => (run.args.includes("-c") ? `${String(n).padStart(7)} ${line}` : line)),
  );
  return 0;
};

const wc: Program = (run) => {
  const { has } = options(run.args);
  const n = {
    l: run.stdin.split("\n").length - 1,
    w: run.stdin.split(/\s+/).filter(Boolean).length,
    c: run.stdin.length,
  };
  const asked = (["l", "w", "c"] as const).filter((key) => has(key));
  run.out(
    `${asked.length === 1 ? n[asked[0]!] : (asked.length ? asked : (["l", "w", "c"] as const)).map((key) => String(n[key]).padStart(7)).join(" ")}\n`,
  );
  return 0;
};

const cut: Program = (run) => {
  const { value } = options(run.args);
  const by = value("d", "delimiter") ?? "\t";
  const fields = value("f", "fields");
  const chars = value("c", "characters");
  const picks = (spec: string, all: string[]) =>
    spec.split(",").flatMap((one) => {
      const [from = "", to = from] = one.split("-");
      return all.slice((Number(from) || 1) - 1, to === "" ? undefined : Number(to));
    });
  put(
    run,
    lines(run.stdin).map((line) =>
      fields ? picks(fields, line.split(by)).join(by) : chars ? picks(chars, [...line]).join("") : line,
    ),
  );
  return 0;
};

const tr: Program = (run) => {
  const [from = "", to = ""] = run.args.filter((arg) => !/^-[dsc]+$/.test(arg)).map(escapesRead);
  const squeeze = run.args.includes("-s");
  if (run.args.includes("-d")) run.out([...run.stdin].filter((c) => !from.includes(c)).join(""));
  else if (squeeze) run.out(run.stdin.replace(new RegExp(`([${from.replace(/[\]\\^-]/g, "\\$&")}])\\1+`, "g"), "$1"));
  else
    run.out(
      [...run.stdin].map((c) => (from.includes(c) ? (to[Math.min(from.indexOf(c), to.length - 1)] ?? c) : c)).join(""),
    );
  return 0;
};

/** `{print $1, $NF}` with `/pattern/`, `NR>1`, `$3 ~ /x/`, `$8 ~ /^D/`, `$5+0 > 80` before it; that is most of what is typed. */
const awk: Program = (run) => {
  const { value } = options(run.args);
  const by = value("F");
  const program = run.args.filter((arg, i) => !/^-/.test(arg) && !/^-[Fv]$/.test(run.args[i - 1] ?? ""))[0] ?? "";
  const shape = /^\s*(.*?)\s*(?:\{\s*print\b\s*(.*?)\s*;?\s*\})?\s*$/s.exec(program);
  if (!shape || /[{}]/.test(shape[1]!)) return tooMuch(run);
  const [, when = "", what] = shape;
  const field = (line: string, n: number, all: string[]) => (n === 0 ? line : (all[n - 1] ?? ""));
  const kept: string[] = [];
  for (const [i, line] of lines(run.stdin).entries()) {
    const all = by ? line.split(by.length === 1 ? by : new RegExp(by)) : line.trim().split(/\s+/);
    let ok = true;
    for (const test of when
      .split("&&")
      .map((t) => t.trim())
      .filter(Boolean)) {
      const regex = /^(!?)(?:\$(\d+)\s*(!?~)\s*)?\/(.*)\/$/.exec(test);
      const compare = /^(NR|NF|\$\d+)(?:\+0)?\s*(==|!=|>=|<=|>|<)\s*"?([^"]*)"?$/.exec(test);
      if (regex) {
        const hit = new RegExp(regex[4]!).test(field(line, Number(regex[2] ?? 0), all));
        ok &&= hit !== (regex[1] === "!" || regex[3] === "!~");
      } else if (compare) {
        const left =
          compare[1] === "NR"
            ? String(i + 1)
            : compare[1] === "NF"
              ? String(all.length)
              : field(line, Number(compare[1]!.slice(1)), all);
        ok &&= compares(left, compare[2]!, compare[3]!);
      } else return tooMuch(run);
    }
    if (!ok) continue;
    if (what === undefined || what === "") kept.push(line);
    else
      kept.push(
        (what.match(/"[^"]*"|\$NF|\$\d+|NR|NF|,/g) ?? [])
          .map((item) => {
            if (item === ",") return " ";
            if (item.startsWith('"')) return escapesRead(item.slice(1, -1));
            if (item === "$NF") return all.at(-1) ?? "";
            if (item === "NR") return String(i + 1);
            if (item === "NF") return String(all.length);
            return field(line, Number(item.slice(1)), all);
          })
          .join(""),
      );
  }
  put(run, kept);
  return 0;
};

function compares(left: string, how: string, right: string): boolean {
  const numbers = /^[\d.]+%?$/.test(right);
  const [a, b] = numbers ? [Number.parseFloat(left) || 0, Number.parseFloat(right)] : [left, right];
  if (how === "==") return a === b;
  if (how === "!=") return a !== b;
  if (how === ">") return a > b;
  if (how === "<") return a < b;
  return how === ">=" ? a >= b : a <= b;
}

/** `-n 5p`, `-n 2,9p`, `s/a/b/g`, `1d`. */
const sed: Program = (run) => {
  const all = lines(run.stdin);
  const script = run.args.filter((arg) => !/^-/.test(arg))[0] ?? "";
  const range = /^(\d+)(?:,(\d+|\$))?([pd])$/.exec(script);
  if (range) {
    const from = Number(range[1]) - 1;
    const to = range[2] === undefined ? from + 1 : range[2] === "$" ? all.length : Number(range[2]);
    put(run, range[3] === "p" ? all.slice(from, to) : all.filter((_, i) => i < from || i >= to));
    return 0;
  }
  const swap = /^s(.)(.*?)\1(.*?)\1([gi]*)$/.exec(script);
  if (!swap) return tooMuch(run);
  try {
    const pattern = new RegExp(swap[2]!, swap[4]);
    put(
      run,
      all.map((line) => line.replace(pattern, swap[3]!.replace(/\\(\d)/g, "$$$1").replace(/&/g, "$$&"))),
    );
    return 0;
  } catch {
    return tooMuch(run);
  }
};

function tooMuch(run: { name: string; err(text: string): void }): number {
  run.err(`${run.name}: this script is more than the lab's simulated guest understands; try head, grep, sort or cut\n`);
  return 2;
}

const test: Program = (run) => {
  const args = run.args.filter((arg) => arg !== "]");
  const not = args[0] === "!";
  const [a = "", op = "", b = ""] = not ? args.slice(1) : args;
  const is = (): boolean => {
    if (a === "-z") return op === "";
    if (a === "-n") return op !== "";
    if (/^-[efdrwxsL]$/.test(a)) return /^\/(etc|var|proc|usr|home|srv|boot|run|tmp)?(\/|$)/.test(op);
    if (op === "=" || op === "==") return a === b;
    if (op === "!=") return a !== b;
    const [x, y] = [Number(a), Number(b)];
    return { "-eq": x === y, "-ne": x !== y, "-gt": x > y, "-lt": x < y, "-ge": x >= y, "-le": x <= y }[op] ?? a !== "";
  };
  return is() !== not ? 0 : 1;
};

const through: Program = (run) => {
  run.out(run.stdin);
  return 0;
};

const tac: Program = (run) => {
  put(run, lines(run.stdin).reverse());
  return 0;
};

const seq: Program = (run) => {
  put(run, sequence(run.args));
  return 0;
};

export const TEXT_PROGRAMS: Programs = {
  ...{
    echo,
    printf,
    head,
    tail,
    grep,
    egrep: grep,
    fgrep: grep,
    sort,
    uniq,
    wc,
    cut,
    tr,
    awk,
    gawk: awk,
    mawk: awk,
    sed,
    test,
  },
  ...{
    "[": test,
    "[[": test,
    column: through,
    less: through,
    more: through,
  },
  ...{
    tac,
    seq,
    nl: through,
  },
};

function sequence(args: readonly string[]): string[] {
  const [from, to] = args.length > 1 ? [Number(args[0]), Number(args.at(-1))] : [1, Number(args[0])];
  return Array.from({ length: Math.min(1000, Math.max(0, to! - from! + 1)) }, (_, i) => String(from! + i));
}
