/**
 * The stylesheet, as it stands in every page: inline, so that the first screen needs no second round trip. `STYLE` is the
 * exact text between the tags; the server allows it by its hash (sha256 of STYLE, base64) in `style-src`. It knows no page.
 */
import source from "../static/console.css" with { type: "text" };

/** What stands between these two comments is for the other pages only; the console does not pay for it. */
const FROM = "/* Other pages: one column. */";
const TO = "/* On a phone the card needs";
const [from, to] = [source.indexOf(FROM), source.indexOf(TO)];
if (from < 0 || to < from) throw new Error(`static/console.css has lost its marks: ${FROM} … ${TO}`);

export const STYLE = minified(source.slice(0, from) + source.slice(to));
/** A second element, behind it, on every page that is not the console. */
export const SHEET_STYLE = minified(source.slice(from, to));

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
