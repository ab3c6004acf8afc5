/** 10,000 strings that want to act, as everything that shows a stranger's text: drawn, framed for the stream, read by a real parser. */
import { expect, test } from "bun:test";
import { frameOf } from "../../src/console/frame.ts";
import { markdown } from "../../src/console/markdown.ts";
import type { SessionEntry } from "../../src/sessions/event.ts";
import { EntryItem } from "../../views/message.tsx";
import { plain } from "../../views/plain.tsx";
import { hostile } from "../support/hostile.ts";

const COUNT = 10_000;
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);

const OURS = new Set(
  "li p small b time code pre span details summary a h3 h4 h5 h6 ul ol blockquote table thead tbody tr th td em strong s hr form input button".split(
    " ",
  ),
);
const ATTRIBUTES = new Set("id class aria-live datetime href rel target start tabindex".split(" "));

interface Parsed {
  readonly text: string;
  readonly faults: string[];
}

async function parsed(html: string): Promise<Parsed> {
  const faults: string[] = [];
  let text = "";
  const rewriter = new HTMLRewriter()
    .on("*", {
      element(e) {
        if (!OURS.has(e.tagName)) faults.push(`<${e.tagName}>`);
        for (const [name, value] of e.attributes) {
          if (!ATTRIBUTES.has(name)) faults.push(`${e.tagName} ${name}`);
          if (name === "href" && !/^(https?:\/\/|mailto:)/.test(value)) faults.push(`href ${value}`);
          if (name === "href" && e.getAttribute("rel") !== "noreferrer noopener") faults.push(`rel of ${value}`);
        }
      },
      comments: (c) => void faults.push(`comment ${c.text}`),
    })
    .onDocument({
      text: (t) => {
        text += t.text;
      },
    });
  await rewriter.transform(new Response(html)).text();
  const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
  return { text: text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => entities[name]!), faults };
}

/** As the standard says that an event stream is read. */
function events(stream: string): { id: string; event: string; data: string }[] {
  const all: { id: string; event: string; data: string }[] = [];
  let [id, event] = ["", ""];
  let data: string[] = [];
  for (const line of stream.split(/\r\n|\r|\n/)) {
    if (line === "") {
      if (data.length > 0) all.push({ id, event, data: data.join("\n") });
      [event, data] = ["", []];
      continue;
    }
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line)!;
    if (name === "data") data.push(value!);
    else if (name === "id") id = value!;
    else if (name === "event") event = value!;
  }
  return all;
}

const drawn = (kind: string, body: object) => {
  const entry = { seq: 7, at: 0, stream: "session:s", kind, about: "t", body } as SessionEntry;
  return (<EntryItem markdown={markdown} entry={entry} now={0} />).toString() as string;
};

/** The kinds that show a stranger's text to the letter, and how to get it out of what a parser read. */
const EXACT: readonly [string, (text: string) => object, (read: string) => string][] = [
  ["prompted", (text) => ({ text, by: "x" }), (read) => read.replace(/^x, 0 s ago/, "")],
  ["remarked", (text) => ({ text }), (read) => read],
  ["failed", (text) => ({ error: text }), (read) => read.replace(/^failed /, "")],
  [
    "returned",
    (text) => ({ name: "vm_run", tool_id: "t", output: text, is_error: false, left_out: 0, duration_ms: 5 }),
    (read) => read.replace(/^done 5 ms( · \d+ lines)?/, ""),
  ],
  [
    "called",
    (text) => ({ name: "vm_run", tool_id: "t", input: { command: text } }),
    (read) => read.replace(/^vm_run /, ""),
  ],
];

test(`${COUNT} strings act nowhere, are shown as the text they are, and end no field of the stream`, async () => {
  let links = 0;
  let marked = 0;
  for (const [i, text] of hostile(SEED, COUNT).entries()) {
    const say = (what: unknown) => `seed ${SEED}, string ${i}, ${JSON.stringify(text)}: ${JSON.stringify(what)}`;
    const [kind, body, out] = EXACT[i % EXACT.length]!;
    const html = drawn(kind, body(text));
    const read = await parsed(html);
    if (read.faults.length > 0) throw new Error(say([kind, read.faults]));
    if (out(read.text) !== plain(text)) throw new Error(say([kind, out(read.text), plain(text)]));

    const said = drawn("said", { text });
    const prose = await parsed(said);
    if (prose.faults.length > 0) throw new Error(say(["said", prose.faults]));
    const whole = plain(text).endsWith(" end");
    if (!prose.text.includes("begin") || (whole && !prose.text.includes("end")))
      throw new Error(say(["said lost", prose.text]));
    // Whatever could turn, hide or recolour was named or removed in both, entities of Markdown's making too.
    if (plain(prose.text) !== prose.text || plain(read.text) !== read.text) throw new Error(say("a sign came through"));
    links += said.split("<a ").length - 1;
    if (text !== plain(text)) marked++;

    const both = events(frameOf(7, html + said));
    if (both.length !== 1 || both[0]!.id !== "7" || both[0]!.event !== "" || both[0]!.data !== html + said)
      throw new Error(say(["stream", both]));
  }
  expect(links).toBeGreaterThan(500); // else the Markdown was none
  expect(marked).toBeGreaterThan(2000); // else nothing was to be shown by its number
}, 120_000);
