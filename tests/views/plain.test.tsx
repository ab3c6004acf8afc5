import { expect, test } from "bun:test";
import { Excerpt, LONG, Output, Plain, plain } from "../../views/plain.tsx";
import { odd } from "./samples.tsx";

const drawn = (text: string) => (<Plain text={text} />).toString() as string;

/** What a parser makes of it: its text, and the names of the elements in it. */
async function parsed(html: string): Promise<{ text: string; elements: string[] }> {
  const seen: string[] = [];
  const elements: string[] = [];
  const rewriter = new HTMLRewriter()
    .on("*", { element: (e) => void elements.push(e.tagName) })
    .onDocument({ text: (t) => void seen.push(t.text) });
  await rewriter.transform(new Response(`<div>${html}</div>`)).text();
  const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
  return {
    text: seen.join("").replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => entities[name]!),
    elements: elements.slice(1),
  };
}

test("colours become three classes of ours, never red, and everything else of a terminal goes", () => {
  expect(drawn(odd.colours)).toBe('<span class="ew eb">failed</span> <span class="eg">ok</span> plain');
  expect(drawn(odd.osc)).toBe("beforeafter link");
  expect(plain("\x1b[2J\x1b[Hhome\x1b]0;title\x07")).toBe("home");
  expect(plain("lone \x1b")).toBe("lone ␛");
});

test("an escape sequence that never ends swallows its own line at most", () => {
  expect(plain("one\n\x1b]52;c;AAAA\nthree")).toBe("one\n\nthree");
});

test("what turns the reading direction or hides is shown by its number", () => {
  expect(plain(odd.bidi)).toBe("rm -rf /srv/⟨U+202E⟩gpj.⟨U+2066⟩exe⟨U+2069⟩");
  expect(plain(odd.hidden)).toBe("a⟨U+200B⟩b␀c⟨U+FEFF⟩d\ufffde⟨U+E0041⟩");
  expect(plain("a\u2028b\u0085c\x7f")).toBe("a⟨U+2028⟩b⟨U+0085⟩c␡");
});

test("line ends become one kind, so that none can end a field of the stream", () => {
  expect(plain("a\r\nb\rc\nd")).toBe("a\nb\nc\nd");
});

test("markup in output is text", async () => {
  const { text, elements } = await parsed(drawn(odd.html));
  expect(text).toBe(odd.html);
  expect(elements).toEqual([]);
});

test("2,000 odd strings come out as the text they are, with no element but our spans", async () => {
  const seed = Number(process.env.SEED ?? Date.now());
  let state = seed % 2147483647;
  const next = (n: number) => {
    state = (state * 48271) % 2147483647;
    return state % n;
  };
  const parts = [
    "<",
    ">",
    "&",
    '"',
    "'",
    "hx-get=",
    "<script>",
    "</pre>",
    "\x1b[31m",
    "\x1b[0m",
    "\x1b]8;;x\x07",
    "\0",
    "\r",
    "\n",
    "data: ",
    "\u202e",
    "\ud800",
    "é",
    "<hx-partial hx-target='#power'>",
    "a b",
  ];
  let odd_ones = 0;
  for (let i = 0; i < 2000; i++) {
    const text = Array.from({ length: next(12) }, () => parts[next(parts.length)]).join("");
    const seen = await parsed(drawn(text));
    if (seen.text !== plain(text) || seen.elements.some((name) => name !== "span"))
      throw new Error(`seed ${seed}: ${JSON.stringify(text)}`);
    if (/[<\x1b\0\r]/.test(text)) odd_ones += 1;
    expect(drawn(text)).not.toContain("\r");
  }
  expect(odd_ones).toBeGreaterThan(1000); // else this proves nothing
}, 60_000);

test("a first empty line of output is not lost to the parser", () => {
  expect((<Output text={"\nb"} />).toString()).toBe("<pre>\n\nb</pre>");
});

test("a long output is head and tail with the way to the whole; without a way it is whole", () => {
  const text = Array.from({ length: 400 }, (_, i) => `line ${i}`).join("\n");
  expect(text.length).toBeGreaterThan(LONG);
  const cut = (<Excerpt text={text} whole="/all" />).toString() as string;
  expect(cut).toContain('<a href="/all">All of it</a>');
  expect(cut).toContain("line 0\n");
  expect(cut).toContain("line 399");
  expect(cut).not.toContain("line 200\n");
  expect((<Excerpt text={text} />).toString()).toContain("line 200\n");
});
