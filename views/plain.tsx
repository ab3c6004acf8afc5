/**
 * Text that machines printed or people typed, made safe to look at: it can't recolour the page, reorder a line or hide in
 * it. Colours stay (three of them); every other terminal sequence is removed; what is invisible or turns the reading
 * direction is shown by its number. Escaping is JSX's. It knows nothing of where the text came from.
 */
import type { Child } from "hono/jsx";

/** CSI, OSC, DCS/SOS/PM/APC strings (ended by BEL or ST, or by the end of the text), and two-character escapes. */
// An unterminated OSC must not swallow the rest of an output: it ends at its line.
const SEQUENCE =
  /(?:\x1b\[|\x9b)([0-?]*)[ -/]*([@-~])|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c|(?=\n)|$)|\x1b[ -/]*[0-~]/g;

/** Bidi controls, zero-width and other invisible characters, tags, interlinear marks, odd line ends. */
const HIDDEN =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: single invisible characters are meant, one by one
  /[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}]/gu;

/** One string without colours: for names, titles, single lines, plain text. */
export function plain(text: string): string {
  return visible(wellFormed(text).replace(SEQUENCE, ""));
}

/** To the letter, nothing removed: a terminal sequence is shown by its characters. For what is about to run. */
export function exact(text: string): string {
  return visible(text.toWellFormed());
}

/** The same with colours: children for JSX. */
export function Plain({ text }: { text: string }) {
  const source = wellFormed(text);
  if (!/[\x1b\x90-\x9f]/.test(source)) return <>{visible(source)}</>;
  const pieces: Child[] = [];
  let colour = "";
  let bold = false;
  let from = 0;
  let held = "";
  const flush = () => {
    const shown = visible(held);
    const name = [colour, bold ? "eb" : ""].filter(Boolean).join(" ");
    if (shown) pieces.push(name ? <span class={name}>{shown}</span> : shown);
    held = "";
  };
  for (const found of source.matchAll(SEQUENCE)) {
    held += source.slice(from, found.index);
    from = found.index + found[0].length;
    if (found[2] !== "m") continue;
    flush();
    for (const code of (found[1] || "0").split(/[;:]/).map(Number)) {
      if (code === 0) [colour, bold] = ["", false];
      else if (code === 1) bold = true;
      else if (code === 22) bold = false;
      else if (code === 39) colour = "";
      else if (code === 38 || code === 48)
        break; // 256 colours and RGB carry arguments that are no codes
      else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) colour = COLOURS[code % 10]!;
    }
  }
  held += source.slice(from);
  flush();
  return <>{pieces}</>;
}

// Red is for power actions and a dead link; what a machine prints in red or yellow is amber here.
const COLOURS = ["", "ew", "eg", "ew", "el", "el", "el", ""];

/** A `<pre>` of output; one that may scroll can be reached by keyboard. The parser drops a newline right behind the tag, so the text's own first one is doubled. */
export const Output = ({ text, name }: { text: string; name?: string }) => (
  <pre class={name} tabindex={text.length > 600 || text.split("\n", 9).length > 8 ? 0 : undefined}>
    {/^\r?\n/.test(text) ? "\n" : ""}
    <Plain text={text} />
  </pre>
);

/** Beyond this an output is shown by its head and tail only, characters; a phone on a thin link pays for every one. */
export const LONG = 2000;
const HEAD = 300;
const TAIL = 500;

/** An output that may be long: whole, or head and tail with the way to all of it. Without a way it is always whole. */
export function Excerpt({ text, name, whole }: { text: string; name?: string; whole?: string }) {
  if (!whole || text.length <= LONG) return <Output text={text} name={name} />;
  const head = text.slice(0, text.lastIndexOf("\n", HEAD) + 1 || HEAD);
  const tail = text.slice(text.indexOf("\n", text.length - TAIL) + 1 || text.length - TAIL);
  return (
    <>
      <Output text={head} name={name} />
      <p class="cut">
        <a href={whole}>All of it</a>: {text.length - head.length - tail.length} more characters stand between these.
      </p>
      <Output text={tail} name={name} />
    </>
  );
}

function visible(text: string): string {
  return text
    .replace(/[\x00-\x08\x0b-\x1f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/\x7f/g, "\u2421")
    .replace(/[\x80-\x9f]/g, named)
    .replace(HIDDEN, named);
}

const named = (c: string) => `⟨U+${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}⟩`;
/** Line ends first: a sequence between CR and LF must not make one of the two. */
const wellFormed = (text: string) => text.toWellFormed().replace(/\r\n?/g, "\n");
