/**
 * What an old tablet has to cope with: iPadOS 15.0 and Chrome 90. Each name in what is shipped that is newer than those (by
 * tests/fixtures/newer-features.json) is guarded, or stands below with what is lost without it; and the guide says so, too.
 */
import { expect, test } from "bun:test";
import { type AnyNode, parse } from "acorn";
import { readAssets } from "../../src/console/assets.ts";
import { KIOSK_STYLE, OFFLINE_STYLE, SHEET_STYLE, STYLE } from "../../views/style.ts";
import newerFeatures from "../fixtures/newer-features.json" with { type: "json" };
import { type Rule, rulesOf } from "../support/css-rules.ts";
import type { Newer } from "../support/newer-features.ts";
import { gallery } from "./gallery.tsx";

const newer: Newer = newerFeatures;

/** A name that is newer somewhere, but here it is our own, or htmx's own: nothing is asked of the browser. */
const OURS: Record<string, readonly string[]> = {
  console: [
    ...["at", "capture", "changed", "config", "connection", "createHTML()", "createScript()", "delay", "lock"],
    ...["reconnect", "sourceElement", "transition"],
  ],
};
/** Used where it is there, passed by where it is not: how, and what is lost then. */
const LOST: Record<string, Record<string, string>> = {
  console: {
    showModal: "asked for first",
    "showModal()": "the question before power comes as a page, with one load more, as without JavaScript",
    submitter: "console.js fills it in from the last button pressed; nothing is lost",
    "vibrate()": "called with ?.; a tap is not felt",
    // htmx, each behind a test of its own
    moveBefore: "asked for first",
    "moveBefore()": "a moved element is taken out and put in again; we move none",
    startViewTransition: "asked for first",
    "startViewTransition()": "htmx swaps without a transition; we ask for none",
    "parseHTMLUnsafe()": "called with ?.; DOMParser reads the answer",
    adoptedStyleSheets: "not reached: the page's settings switch htmx's own style off",
    "new CSSStyleSheet()": "not reached, as above",
    "replaceSync()": "not reached, as above",
    navigation: "asked for first, and not reached, as below",
    canIntercept: "not reached: the page's settings switch htmx's history off",
    hashChange: "not reached, as above",
    navigationType: "not reached, as above",
    nonce: "read from scripts in answers, of which there are none",
  },
  kiosk: { wakeLock: "called with ?.; the board says that the device has to keep its screen on by itself" },
  worker: {
    navigationPreload: "called with ?.; a page waits until the worker has started",
    preloadResponse: "undefined; the page is asked for by the worker itself",
  },
};
/** In the style sheets: what is not known is passed over, and this is lost. */
const LOST_STYLE: Record<string, string> = {
  ":has": "rules of their own, for comfort: the advice stays while an action runs, a failed turn keeps its Try again",
  ":focus-visible": "the browser's own ring shows the focus",
  ":backdrop": "only under a dialog, which came at the same time",
  "accent-color": "a tick has the browser's colour",
  "background-attachment: local": "State has no shade at its foot while there is more below",
  "field-sizing": "the prompt is one line that scrolls",
  outline: "the ring has square corners",
  "overflow-anchor": "never was in Safari; console.js holds the line that is read",
  "overscroll-behavior": "the page behind moves when a list is at its end",
  "scrollbar-width": "a scroll bar shows under the presets on a desktop",
  "text-wrap": "lines of a heading are of unequal length",
  "container-type": "the board's headings keep the size they have without it",
  "@media forced-colors": "Safari has no forced colours",
};

const assets = readAssets();
const textAt = (path: string) => new TextDecoder().decode(assets.find(path)!.plain);
const SCRIPTS = {
  console: textAt(assets.script),
  kiosk: textAt(assets.kiosk.script),
  worker: textAt("/sw.js"),
  offline: await Bun.file(`${import.meta.dir}/../../static/offline.js`).text(),
};
const STYLES = { page: STYLE + SHEET_STYLE, kiosk: KIOSK_STYLE, offline: OFFLINE_STYLE };

/** Everything in a script, with what it stands in. */
function* nodes(of: AnyNode, within: AnyNode | null = null): Generator<[AnyNode, AnyNode | null]> {
  yield [of, within];
  for (const value of Object.values(of))
    for (const child of Array.isArray(value) ? value : [value])
      if (child && typeof child.type === "string") yield* nodes(child, of);
}
const has = (list: Readonly<Record<string, string>>, name: string) => Object.hasOwn(list, name);
const all = (source: string) => [...nodes(parse(source, { ecmaVersion: 2022 }))];

/** What a script asks of its browser by name; `name()` where it is called. */
function asked(source: string): Set<string> {
  const names = new Set<string>();
  for (const [node, within] of all(source)) {
    if (node.type === "MemberExpression" && !node.computed && node.property.type === "Identifier") {
      const called = within?.type === "CallExpression" && within.callee === node;
      const owner = node.object.type === "Identifier" ? `${node.object.name}.${node.property.name}` : "";
      if (has(newer.members, node.property.name) || has(newer.owned, owner))
        names.add(`${node.property.name}${called ? "()" : ""}`);
    } else if (node.type === "ObjectPattern") {
      for (const p of node.properties)
        if (p.type === "Property" && p.key.type === "Identifier" && has(newer.members, p.key.name))
          names.add(p.key.name);
    } else if (
      node.type === "NewExpression" &&
      node.callee.type === "Identifier" &&
      has(newer.members, node.callee.name)
    )
      names.add(`new ${node.callee.name}()`);
    else if (node.type === "Identifier" && has(newer.globals, node.name) && within?.type !== "MemberExpression")
      names.add(node.name);
  }
  return names;
}

/** Syntax that such a browser can't read; one of these, and nothing of the script runs. */
function unreadable(source: string): string[] {
  return all(source).flatMap(([node]) => {
    if (node.type === "StaticBlock") return ["a static block (Safari 16.4)"];
    if (node.type === "BinaryExpression" && (node.left as AnyNode).type === "PrivateIdentifier")
      return ["#x in (Chrome 91)"];
    if (node.type === "Literal" && "regex" in node && /\(\?<[=!]/.test(node.regex!.pattern))
      return [`a look-behind (Safari 16.4): ${node.regex!.pattern}`];
    if (node.type === "Literal" && typeof node.value === "string" && /\(\?<[=!]/.test(node.value))
      return [`a look-behind in words (Safari 16.4): ${node.value}`];
    return [];
  });
}

for (const [name, source] of Object.entries(SCRIPTS)) {
  test(`the ${name} script can be read by iPadOS 15.0 and Chrome 90`, () => {
    expect(source.length).toBeGreaterThan(500); // else this proves nothing
    expect(unreadable(source)).toEqual([]);
  });
  test(`the ${name} script asks nothing newer of its browser than what is listed, and the list is no longer than that`, () => {
    const listed = [...(OURS[name] ?? []), ...Object.keys(LOST[name] ?? {})];
    expect([...asked(source)].sort()).toEqual(listed.sort());
  });
}

/** Safari 15.4 and later, Chrome 105 and later; the list of features knows them by other names. */
const NEWER_UNITS = /^([dsl]v(h|w|b|i|min|max)|cq(w|h|b|i|min|max)|r?lh|r?cap|ric|rex|rch)$/;

/** What a rule asks for that is newer, but for what its @supports asked for first. */
function askedBy({ selectors, declarations, within, nested }: Rule): string[] {
  const guards = within.filter((at) => at.startsWith("@supports")).join(" ");
  const found: string[] = [];
  if (nested) found.push("nesting");
  for (const at of within) {
    const [, name, how] = /^@([a-z-]+)\s*(.*)/.exec(at)!;
    if (has(newer.rules, name!)) found.push(`@${name}`);
    if (name === "media" && /[<>]/.test(how!)) found.push("@media range_syntax");
    for (const [, feature] of how!.matchAll(/\(\s*([a-z-]+)/g))
      if (has(newer.rules, `${name} ${feature}`)) found.push(`@${name} ${feature}`);
  }
  for (const selector of selectors)
    for (const [, name] of selector.matchAll(/:([a-z-]+)/g)) if (has(newer.selectors, name!)) found.push(`:${name}`);
  for (const { property, value } of declarations) {
    if (property.startsWith("--")) continue;
    if (has(newer.properties, property)) found.push(property);
    else
      for (const [word] of value.matchAll(/[a-z][a-z-]*/g))
        if (has(newer.values, `${property}: ${word}`)) found.push(`${property}: ${word}`);
    for (const [, name] of value.matchAll(/([a-z][a-z-]*)\(/g)) if (has(newer.types, name!)) found.push(`${name}()`);
    for (const [, unit] of value.matchAll(/\d([a-z]+)\b/g)) if (NEWER_UNITS.test(unit!)) found.push(unit!);
    if (property === "content" && value.includes("/")) found.push('content: "x" / ""');
    if (property.startsWith("background") && /\blocal\b/.test(value)) found.push("background-attachment: local");
  }
  // One unit of a family asks for all.
  const known = (name: string) =>
    guards.includes(name.replace(/^cq.*/, "cq")) || (name.startsWith("content:") && guards.includes("content:"));
  return found.filter((name) => !known(name));
}

test("the style sheets ask for nothing newer than what is guarded or listed, and the list is no longer than that", () => {
  const found = new Set(Object.values(STYLES).flatMap((css) => rulesOf(css).flatMap(askedBy)));
  expect([...found].sort()).toEqual(Object.keys(LOST_STYLE).sort());
});

test("a selector that an old engine does not know takes no other with it: it stands in no list", () => {
  const rules = Object.values(STYLES).flatMap(rulesOf);
  const risky = rules.filter(({ selectors }) => selectors.some((s) => /:has\(|:focus-visible|::backdrop/.test(s)));
  expect(risky.length).toBeGreaterThan(8); // else this proves nothing
  expect(risky.filter(({ selectors }) => selectors.length > 1).map(({ selectors }) => selectors)).toEqual([]);
});

test("the reader of style sheets sees what it is there to see", () => {
  const css = "a{b:1;&:hover{c:2}}@media (width >= 40em){p,q:is(r,s){height:5dvh;color:color-mix(in srgb, red, blue)}}";
  expect(rulesOf(css).flatMap(askedBy)).toEqual(["nesting", "@media range_syntax", "dvh", "color-mix()"]);
  expect(rulesOf("@supports (height: 1dvh){a{height:5dvh}}").flatMap(askedBy)).toEqual([]);
  expect(rulesOf("@container (width > 1px){a{inset:0}}").flatMap(askedBy)).toEqual(["@container"]);
  expect(rulesOf("p,q:is(r,s){a:b}")[0]!.selectors).toEqual(["p", "q:is(r,s)"]);
  const script =
    "class A{#x;static{} h(o){return #x in o&&o.findLast(structuredClone,AbortSignal.timeout(4))}};/(?<=a)b/.test([1].at(-1))";
  expect(unreadable(script).length).toBe(3);
  expect([...asked(script)].sort()).toEqual(["at()", "findLast()", "structuredClone", "timeout()"]);
});

test("markup asks for nothing newer but the dialog, which stays hidden where it is unknown", () => {
  const html = gallery()
    .map((view) => view.html)
    .join("");
  expect(html.length).toBeGreaterThan(100_000); // else this proves nothing
  expect(
    html.match(/<(search|selectedcontent|fencedframe)\b|\b(popover|popovertarget|commandfor|inert)[= >]/g),
  ).toBeNull();
  expect(html).toContain("<dialog");
  const hides = rulesOf(STYLE).find(({ selectors }) => selectors.includes("dialog:not([open])"));
  expect(hides?.declarations).toEqual([{ property: "display", value: "none" }]);
});

test("a field of a class with brackets in it names globals only: Safari 15 finds no others (WebKit bug 236843)", () => {
  const fields = all(SCRIPTS.console).flatMap(([node]) =>
    node.type === "PropertyDefinition" && node.value ? [node.value] : [],
  );
  expect(fields.length).toBeGreaterThan(5); // else this proves nothing
  const named = fields
    .map(({ start, end }) => SCRIPTS.console.slice(start, end))
    .filter((source) => source.includes("("))
    .flatMap((source) => source.match(/(?<![.\w$])[A-Za-z_$][\w$]*/g) ?? []);
  const known = ["Function", "Map", "Object", "Set", "async", "function", "new", "window"];
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
});

test("the guide names whatever is listed here", async () => {
  const guide = await Bun.file(`${import.meta.dir}/../../docs/older-engines.md`).text();
  for (const name of [...Object.values(LOST).flatMap(Object.keys), ...Object.keys(LOST_STYLE)])
    expect(guide).toContain(`\`${name.replace("()", "").replace("new ", "")}\``);
});
