/**
 * The stylesheets, put together from the files of `static/`. The console's stands in every page: inline, so that the first screen
 * needs no second round trip. `STYLE` is the exact text between the tags; the server allows it by its hash (sha256 of STYLE, base64)
 * in `style-src`. It knows no page.
 */
import ours from "../static/console.css" with { type: "text" };
import kiosk from "../static/kiosk.css" with { type: "text" };
import light from "../static/light.css" with { type: "text" };
import offline from "../static/offline.css" with { type: "text" };
import tokens from "../static/tokens.css" with { type: "text" };

const source = tokens + light + ours;

/** What stands between these two comments is for the other pages only; the console does not pay for it. */
const FROM = "/* Other pages: one column. */";
const TO = "/* On a phone the card needs";
const [from, to] = [source.indexOf(FROM), source.indexOf(TO)];
if (from < 0 || to < from) throw new Error(`static/console.css has lost its marks: ${FROM} … ${TO}`);
const [console_, sheet] = [source.slice(0, from) + source.slice(to), source.slice(from, to)];

/** How entries and the dialog look: what a first screen can wait for, and a repeat visit has kept. */
const LATER = /\/\* Later: [^*]*\*\/([\s\S]*?)\/\* Until here\. \*\//g;
const later = [...console_.matchAll(LATER)].map(([, rules]) => rules);
if (later.length === 0) throw new Error("static/console.css has lost its marks: Later … Until here");

export const STYLE = minified(console_.replace(LATER, ""));
/** Of the console a file, named at the end of its page, where it holds nothing up. */
export const LATER_STYLE = minified(later.join(""));
/** A second element, behind it, on every page that is not the console. */
export const SHEET_STYLE = LATER_STYLE + minified(sheet);

/** The wall board's, and that of the page which says that nothing answers: files of their own. */
export const KIOSK_STYLE = tokens + kiosk;
export const OFFLINE_STYLE = tokens + light + offline;

/** For our own sheet only: no strings with spaces that matter, no `url()`, descendant selectors before a `:` are kept. */
function minified(css: string): string {
  return css
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/\s+/g, " ")
    .replace(/ ?([{};,>~]) ?/g, "$1")
    .replace(/: /g, ":")
    .replace(/;}/g, "}")
    .trim();
}
