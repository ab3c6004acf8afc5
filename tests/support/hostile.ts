/**
 * Text that wants to act: put together from parts by a seed, so that a failure can be had again. Each string begins and ends
 * with plain words, by which a test finds it. It knows nothing of where it is sent.
 */
const MARKUP = [
  "<script>CANARY</script>",
  '<img src="CANARY" onerror="fetch(`CANARY`)">',
  "<svg onload=fetch('CANARY')><use href='CANARY#x'/></svg>",
  "<math><mtext><mglyph><style><!--</style><img src=CANARY onerror=1>",
  "<template><script>CANARY</script></template>",
  "<iframe srcdoc='<script>top.x=1</script>'></iframe>",
  "<link rel=stylesheet href=CANARY><style>@import 'CANARY';</style>",
  "<base href=CANARY><meta http-equiv=refresh content='0;url=CANARY'>",
  "<form action=CANARY><button autofocus onfocus=fetch('CANARY')>ok</button></form>",
  "<hx-partial hx-target='#power' hx-swap='outerHTML'><b>gone</b></hx-partial>",
  "<div hx-get='CANARY' hx-trigger='load'></div>",
  "<div hx-post='/api/pve/stop' hx-trigger='load delay:1ms' hx-swap-oob='true'></div>",
  '<li id="transcript" hx-sse:connect="CANARY"></li>',
  "<b id=state data-seq=99999999>Running</b>",
  "</pre></li></ol></main><h1>Signed out</h1>",
  "<!--",
  "-->",
  "<![CDATA[",
  "]]>",
  "<?php",
  "</title>",
  "</textarea>",
  "</noscript><script>CANARY</script>",
  "<plaintext>",
  "&lt;script&gt;",
  "&#60;img src=CANARY&#62;",
  "&#x3c;b&#x3e;",
  "&amp;lt;",
  "&",
  "<",
  ">",
  '"',
  "'",
  "`",
  "=",
];
const FIELDS = [
  "\ndata: x\n\n",
  "\r\rdata: <b>x</b>\r\r",
  "\r\nid: 99999999\r\n\r\n",
  "\nevent: restarting\n\n",
  "\n\nretry: 1\n\n",
  "\0id: 1",
  "\u2028data: x\u2029",
  "\n: comment\n\n",
];
const TERMINAL = [
  "\x1b[31mred\x1b[0m",
  "\x1b[1;92mbold\x1b[m",
  "\x1b[2J\x1b[H",
  "\x1b]0;title\x07",
  "\x1b]52;c;Q0FOQVJZ\x07",
  "\x1b]8;;CANARY\x1b\\link\x1b]8;;\x1b\\",
  "\x1b]52;c;never ends",
  "\x9b31mcsi",
  "\x90dcs\x9c",
  "\x1bPq#0\x1b\\",
  "\x1b[38;5;196mx",
  "\x1b[999999999999m",
  "\x1b",
  "\x08\x08\x08",
  "\x07",
  "\x1b[?1049h",
];
const UNSEEN = [
  "\u202e",
  "\u2066",
  "\u2069",
  "\u200b",
  "\u200d",
  "\u2060",
  "\ufeff",
  "\u00ad",
  "\u061c",
  "\u180e",
  "\u3164",
  "\u{e0041}",
  "\u{e007f}",
  "\0",
  "\x7f",
  "\x85",
  "\ud800",
  "\udc00",
  "\ufffe",
  "a\u0300\u0301\u0302\u0303\u0304\u0305",
  "раypal",
];
const MARKDOWN = [
  "[x](javascript:fetch('CANARY'))",
  "[x](JaVa\tScRiPt:fetch('CANARY'))",
  "[x](&#106;avascript:1)",
  "[x](data:text/html;base64,PHNjcmlwdD4=)",
  "[x](vbscript:1)",
  "[x](CANARY/plain)",
  "[https://good.example](CANARY/lie)",
  "![pixel](CANARY/pixel)",
  "[![pixel](CANARY/inner)](CANARY/outer)",
  "<javascript:fetch('CANARY')>",
  "<CANARY/auto>",
  "[ref]: javascript:1\n\n[ref]",
  "[ref]: CANARY/ref\n\n[ref] ![ref]",
  "[x](CANARY/t \"<b onload=fetch('CANARY')>\")",
  "[x](//evil.example) [y](/logout) [z](?target=other) [h](#power)",
  "```html\n<script>CANARY</script>\n```",
  '```"><script>CANARY</script>\nx\n```',
  "`<img src=CANARY>`",
  "|<b>a</b>|`|`|\n|-|-|\n|<img src=CANARY>|[x](javascript:1)|",
  "> <script>CANARY</script>\n> - <b>\n>   1. **x**",
  "# <img src=CANARY onerror=1>",
  "<div>\n\n*x*\n\n</div>",
  "**",
  "__",
  "~~",
  "***",
  "[",
  "](",
  "![",
  "\\",
  "---",
  "===",
  "- ",
  "1. ",
  "    indented <b>",
];
const NAMES = [
  "__proto__",
  "constructor",
  "{{7*7}}",
  "${7*7}",
  "#{x}",
  "%s%n",
  "../../etc/passwd",
  "'; DROP TABLE entry;--",
  '{"__proto__":{"a":1}}',
  "\\u003cscript\\u003e",
  "$&",
  "$`",
  "--settings=x",
];

const FAMILIES = { MARKUP, FIELDS, TERMINAL, UNSEEN, MARKDOWN, NAMES };

/** Every part by itself, then mixtures of them. `canary` is an address that nothing may ask. */
export function hostile(seed: number, count: number, canary = "http://canary.invalid"): string[] {
  let state = (Math.abs(seed) % 2147483646) + 1;
  const next = (n: number) => {
    state = (state * 48271) % 2147483647;
    return state % n;
  };
  const parts = Object.values(FAMILIES).flat();
  const glue = ["", " ", "\n", "\n\n", "word"];
  const made = parts.map((part) => `begin ${part} end`);
  while (made.length < count) {
    const some = Array.from({ length: 1 + next(6) }, () => parts[next(parts.length)]! + glue[next(glue.length)]!);
    made.push(`begin ${some.join("")} end`);
  }
  return made.slice(0, count).map((text) => text.replaceAll("CANARY", canary));
}

/** Of each family one at least, so that a test can say that it met them. */
export const families = Object.keys(FAMILIES);
