/**
 * Makes the list of what is newer than the oldest browsers promised, from a copy of MDN's compatibility data (CC0):
 *   bun tests/support/newer-features.ts <@mdn/browser-compat-data>/data.json
 * It is run by hand, when that data or the line changes; the tests read what it wrote. A name that any interface had in time
 * is not in the list: from a name alone nobody can tell whose it is.
 */
import { join } from "node:path";

/** iPadOS 15.0, and the Chrome of spring 2021: what an old tablet is stuck with. */
const LINE = { safari: 15, chrome: 90 };

export interface Newer {
  readonly from: string;
  readonly line: typeof LINE;
  /** Name → "first Safari/first Chrome", `-` where it never came. */
  readonly members: Readonly<Record<string, string>>;
  /** The same where it is plain whose they are: "AbortSignal.timeout", "navigator.locks". */
  readonly owned: Readonly<Record<string, string>>;
  readonly globals: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, string>>;
  /** "property: keyword", of properties that are older */
  readonly values: Readonly<Record<string, string>>;
  /** Pseudo-classes and pseudo-elements, without colons. */
  readonly selectors: Readonly<Record<string, string>>;
  readonly rules: Readonly<Record<string, string>>;
  /** Functions and units by name. */
  readonly types: Readonly<Record<string, string>>;
}

/** Of these there is one, and a script calls it so. */
const INSTANCES: Record<string, string> = {
  Navigator: "navigator",
  Document: "document",
  Window: "window",
  Performance: "performance",
  History: "history",
  Crypto: "crypto",
};

type Since = readonly [safari: number, chrome: number];
type Data = Record<string, any>;

function firstOf(support: any): number {
  const statements: any[] = Array.isArray(support) ? support : support ? [support] : [];
  const since = statements
    .filter((s) => s.version_added && !s.version_removed && !s.flags && !s.prefix && !s.alternative_name)
    .map((s) =>
      s.version_added === "preview" ? 999 : Number.parseFloat(String(s.version_added).replace("≤", "")) || 0,
    );
  return Math.min(Number.POSITIVE_INFINITY, ...since);
}
/** Where iOS has it never, the desktop counts: a pointer's cursor is missed by nobody on a phone. */
const sinceOf = ({ support }: any): Since => {
  const ios = firstOf(support.safari_ios);
  return [Number.isFinite(ios) ? ios : firstOf(support.safari), firstOf(support.chrome)];
};
const features = (data: Data) =>
  Object.entries(data).filter(([name, value]) => !name.startsWith("__") && value?.__compat);

class Names {
  readonly #since = new Map<string, Since>();
  add(name: string, feature: Data): void {
    const [safari, chrome] = sinceOf(feature.__compat);
    const known = this.#since.get(name) ?? [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    this.#since.set(name, [Math.min(safari, known[0]), Math.min(chrome, known[1])]);
  }
  newer(like: RegExp): Record<string, string> {
    const version = (n: number) => (Number.isFinite(n) ? String(n) : "-");
    return Object.fromEntries(
      [...this.#since]
        .filter(([name, [safari, chrome]]) => like.test(name) && (safari > LINE.safari || chrome > LINE.chrome))
        .filter(([, since]) => since.some(Number.isFinite))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, [safari, chrome]]) => [name, `${version(safari)}/${version(chrome)}`]),
    );
  }
}

function read(data: Data): Newer {
  const members = new Names();
  const owned = new Names();
  const globals = new Names();
  for (const [name, scope] of [...Object.entries<Data>(data.api), ...Object.entries<Data>(data.javascript.builtins)]) {
    if (scope.__compat) globals.add(name, scope);
    // A function of the window, which may be called on it.
    if (scope.__compat && /^[a-z]/.test(name)) members.add(name, scope);
    for (const [member, feature] of features(scope))
      if (!member.endsWith("_event")) {
        const plain = member.replace(/_static$/, "");
        members.add(plain, feature);
        const of = INSTANCES[name] ?? (plain !== member || data.javascript.builtins[name] ? name : null);
        if (of) owned.add(`${of}.${plain}`, feature);
      }
  }
  const [properties, values, selectors, rules, types] = [0, 0, 0, 0, 0].map(() => new Names()) as [
    Names,
    Names,
    Names,
    Names,
    Names,
  ];
  for (const [name, property] of features(data.css.properties)) {
    properties.add(name, property);
    for (const [value, feature] of features(property)) values.add(`${name}: ${value}`, feature);
  }
  for (const [name, selector] of features(data.css.selectors)) selectors.add(name, selector);
  for (const [name, rule] of features(data.css["at-rules"])) {
    rules.add(name, rule);
    for (const [part, feature] of features(rule)) rules.add(`${name} ${part}`, feature);
  }
  const deep = (within: Data): void => {
    for (const [name, type] of Object.entries<Data>(within)) {
      if (name.startsWith("__")) continue;
      if (type.__compat) types.add(name, type);
      deep(type);
    }
  };
  deep(data.css.types);
  const word = /^[A-Za-z][A-Za-z0-9]+$/;
  const late = properties.newer(/./);
  const inTime = Object.entries(values.newer(/^[a-z][a-z-]+: [a-z][a-z-]+$/)).filter(([v]) => !late[v.split(":")[0]!]);
  return {
    from: `@mdn/browser-compat-data ${data.__meta.version}`,
    line: LINE,
    members: members.newer(word),
    owned: owned.newer(/^[A-Za-z]+\.[A-Za-z0-9]+$/),
    globals: globals.newer(word),
    properties: properties.newer(/^[a-z][a-z-]+$/),
    values: Object.fromEntries(inTime),
    selectors: selectors.newer(/^[a-z][a-z-]+$/),
    rules: rules.newer(/^[a-z][a-z-]+( [a-z][a-z_-]+)?$/),
    types: types.newer(/^[a-z][a-z-]*$/),
  };
}

const [, , from] = process.argv;
if (import.meta.main) {
  if (!from) throw new Error("Say where data.json of @mdn/browser-compat-data is.");
  const list = read(await Bun.file(from).json());
  await Bun.write(join(import.meta.dir, "../fixtures/newer-features.json"), `${JSON.stringify(list, null, 1)}\n`);
}
