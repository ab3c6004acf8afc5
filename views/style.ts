/**
 * The stylesheet, as it stands in every page: inline, so that the first screen needs no second round trip. `STYLE` is the
 * exact text between the tags; the server allows it by its hash (sha256 of STYLE, base64) in `style-src`. It knows no page.
 */
import source from "../static/console.css" with { type: "text" };

export const STYLE = minified(source);

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
