/** What an agent says, as a reader gets it: the Markdown it means, and nothing that acts, hides or costs. */
import { expect, test } from "bun:test";
import { markdown } from "../../src/console/markdown.ts";
import { plain } from "../../views/plain.tsx";
import { Prose } from "../../views/prose.tsx";

const drawn = (text: string) => (<Prose text={text} markdown={markdown} />).toString() as string;

test("paragraphs, headings, lists, code, emphasis, quotes and tables become their elements", () => {
  expect(drawn("One `a<b`,\nand *two*.\n\n**Three** ~~four~~")).toBe(
    "<p>One <code>a&lt;b</code>,\nand <em>two</em>.</p><p><strong>Three</strong> <s>four</s></p>",
  );
  expect(drawn("- a\n- b\n\n3. c\n4. d")).toBe('<ul><li>a</li><li>b</li></ul><ol start="3"><li>c</li><li>d</li></ol>');
  expect(drawn("> said\n\n---\n\n```sh\nrm <x>\n```")).toBe(
    "<blockquote><p>said</p></blockquote><hr/><small>sh</small><pre>rm &lt;x&gt;</pre>",
  );
  expect(drawn("|unit|state|\n|-|-|\n|nginx|failed|")).toBe(
    "<table><thead><tr><th>unit</th><th>state</th></tr></thead><tbody><tr><td>nginx</td><td>failed</td></tr></tbody></table>",
  );
});

test("headings begin below the page's own, without a gap, whatever levels the agent uses", () => {
  expect(drawn("# a\n\n### b\n\n# c")).toBe("<h3>a</h3><h4>b</h4><h3>c</h3>");
  expect(drawn("###### small")).toBe("<h3>small</h3>");
});

test("a link goes to http, https or mail only, says its address, and tells nobody where it stood", () => {
  expect(drawn("[here](https://good.example/a?b=1&c=2)")).toBe(
    '<p><a href="https://good.example/a?b=1&amp;c=2" rel="noreferrer noopener" target="_blank">here</a> (https://good.example/a?b=1&amp;c=2)</p>',
  );
  expect(drawn("[https://good.example](https://evil.example 'trust me')")).toContain(
    "https://good.example</a> (https://evil.example) “trust me”",
  );
  expect(drawn("<https://good.example>")).toBe(
    '<p><a href="https://good.example" rel="noreferrer noopener" target="_blank">https://good.example</a></p>',
  );
  expect(drawn("[раypal](https://раypal.example)")).toContain("(https://xn--"); // Cyrillic letters are told by their ASCII form
  for (const odd of [
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html,<script>1</script>)",
    "[x](vbscript:x)",
    "[x](file:///etc/passwd)",
    "[x](/logout)",
    "[x](//evil.example)",
    "[x](\\\\evil.example)",
    "[x](?target=other)",
    "<javascript:alert(1)>",
    "[a]: javascript:alert(1)\n\n[a]",
    "[a]: https://evil.example\n\n[a] ![a]",
  ])
    expect(drawn(odd)).not.toMatch(/<(?!\/?p>)/);
});

test("nothing is hidden: definitions, comments, titles and HTML stand there as they came; an image is its words", () => {
  expect(drawn("[//]: # (a hidden word)")).toContain("a hidden word");
  expect(drawn("<!-- hidden -->\n\n<b hx-get=/x>bold</b>")).toBe(
    "<p>&lt;!-- hidden --&gt;</p><p>&lt;b hx-get=/x&gt;bold&lt;/b&gt;</p>",
  );
  expect(drawn("![a wiring plan](https://evil.example/pixel.png)")).toBe("<p>a wiring plan</p>");
  expect(drawn("&#8238;x &#x1b;[31m &lt;b&gt;")).toBe("<p>⟨U+202E⟩x �[31m &lt;b&gt;</p>");
  expect(drawn("a\u202eb\x1b[31mc\0d\ud800")).toBe("<p>a⟨U+202E⟩bc␀d\ufffd</p>");
});

const words = (html: string) => html.replace(/<[^>]*>|&(gt|lt|amp|quot|#39);/g, " ").match(/\w+/g) ?? [];

test("what is nested too deeply, too long, or of too many parts is text from there on, and no word is lost", () => {
  for (const odd of [
    `${"> ".repeat(300)}deep`,
    Array.from({ length: 120 }, (_, i) => `${"  ".repeat(i)}- word${i}`).join("\n"),
    Array.from({ length: 3000 }, (_, i) => `- word${i}`).join("\n"),
    `one\n\n|a|b|\n|-|-|\n${Array.from({ length: 900 }, (_, i) => `|w${i}|x|`).join("\n")}`,
    `**start** ${"word ".repeat(13_000)}`,
    `${"*em* ".repeat(2000)}end`,
  ]) {
    const html = drawn(odd);
    expect(html.match(/<(?!\/)/g)!.length).toBeLessThan(700);
    expect(words(html)).toEqual(odd.match(/\w+/g)!);
  }
});

/** Each is 64 kB of what some parser takes the square of its length for, or a recursion. */
const N = 65_536;
const of = (part: string, length = N) => part.repeat(Math.ceil(length / part.length)).slice(0, length);
const COSTLY: readonly string[] = [
  ...[
    "[",
    "[]",
    "]",
    "[a](",
    "[a](<",
    "![",
    "*",
    "*a ",
    "*a **a ",
    "_a __a ",
    "*_",
    "`a",
    "~",
    "~~a ",
    "- ",
    "1. ",
    "> - ",
  ],
  ...[
    "- a\n",
    "> ",
    ">",
    "|",
    "|\n",
    "a\n-\n",
    "<a ",
    "<!--",
    "a <![CDATA[",
    "a <?",
    "<",
    "<a@",
    "http://",
    "&",
    "&a;",
  ],
  ...[
    "\\",
    "\\[",
    "\n",
    "\t",
    "  \n",
    "[a]: b\n",
    "```\n",
    "#",
    "# a #\n",
    "a**bc* ",
    "<a:",
    '[a](b "',
    "*[a](b)",
    "[*",
  ],
].map((part) => of(part));

test("64 kB of the costliest Markdown is drawn in bounded time", () => {
  const big = [...COSTLY, of("[", N / 2) + of("](x)", N / 2), `a${of(" ")}b`, `${of("a\n")}===`];
  // What is parsed at all is shorter: the same again at that length.
  const parsed = big.map((text) => text.slice(0, 7_999));
  const slowest = { text: "", ms: 0 };
  for (const text of [...big, ...parsed]) {
    const began = performance.now();
    const html = drawn(text);
    const ms = performance.now() - began;
    if (ms > slowest.ms) Object.assign(slowest, { text: text.slice(0, 20), ms });
    expect(html.length).toBeLessThan(30 * N);
    expect(html.match(/<(?!\/)/g)?.length ?? 0).toBeLessThan(700);
  }
  // No speed is asked for: the square of 64 kB would be minutes over all of these.
  expect(slowest.ms, JSON.stringify(slowest)).toBeLessThan(2_000);
}, 60_000);

test("a source without Markdown comes out as the text it is", () => {
  for (const text of ["Load is 3.2.", "a &lt; b", "2 * 3 * 4", "snake_case_name", "C:\\path", "at 50 %, 3 > 2"])
    expect(drawn(text)).toBe(`<p>${plain(text.replace("&lt;", "<")).replace("<", "&lt;").replace(">", "&gt;")}</p>`);
});
