/** A page that is not the console: one column, no script, the same sheet. For confirmations, lists, sign-in, refusals. */
import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import { SHEET_STYLE, STYLE } from "./style.ts";

export interface SheetProps {
  readonly title: string;
  /** Seconds until it loads itself again; left out, it stays. */
  readonly refresh_s?: number;
  /** False before sign-in, where the console is not to be had. */
  readonly home?: boolean;
  /** The target that the console should be attached to on the way back; left out, it is the latest. */
  readonly target?: string;
  /** The simulated target: every page says so. */
  readonly lab?: boolean;
  readonly children?: Child;
}

export const Sheet = ({ title, refresh_s, home = true, target, lab, children }: SheetProps) => (
  <html lang="en">
    <head>
      <Meta title={title} />
      {refresh_s !== undefined && <meta http-equiv="refresh" content={String(refresh_s)} />}
    </head>
    <body class="sheet">
      <main>
        {home && (
          <p class="home">
            <a href={target === undefined ? "/" : `/?target=${target}`}>‹ To the console</a>{" "}
            {lab && <b class="tag">LAB</b>}
          </p>
        )}
        {children}
      </main>
    </body>
  </html>
);

/** What every document's head begins with. The viewport leaves zoom to the reader. */
export const Meta = ({ title, sheet = true }: { title: string; sheet?: boolean }) => (
  <>
    <meta charset="utf-8" />
    <meta
      name="viewport"
      content="width=device-width,initial-scale=1,viewport-fit=cover,interactive-widget=resizes-content"
    />
    <title>{`${title} · Breakglass`}</title>
    <meta name="robots" content="noindex" />
    <meta name="color-scheme" content="dark light" />
    <meta name="theme-color" content="#0b0e11" media="(prefers-color-scheme:dark)" />
    <meta name="theme-color" content="#f6f7f5" media="(prefers-color-scheme:light)" />
    <style>{raw(STYLE)}</style>
    {sheet && <style>{raw(SHEET_STYLE)}</style>}
  </>
);
