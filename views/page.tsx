/** The console as a document. Everything that the first screen needs is in it; the one script comes after it, deferred. */
import { Console, type ConsoleProps } from "./console.tsx";
import { Meta } from "./sheet.tsx";

/** Addresses, with the hash in their names where the server puts one. */
export interface Assets {
  readonly script: string;
  /** The later part of the style (views/style.ts). */
  readonly style: string;
  readonly icon: string;
  readonly touch_icon: string;
  readonly manifest: string;
}

/**
 * Older htmx swaps must not touch an opened <details>; no history of ours; a wait has a limit. The stream's waits between two
 * tries double, by themselves up to a minute, and after a bad stretch the page would stand dead that long on a link that is back.
 */
const HTMX =
  '{"history":false,"includeIndicatorCSS":false,"defaultTimeout":20000,"morphIgnore":["data-htmx-powered","open"],"sse":{"reconnectMaxDelay":8000}}';

export const Page = ({ assets, ...console }: ConsoleProps & { assets: Assets }) => (
  <html lang="en">
    <head>
      <Meta title={console.target.name} sheet={false} />
      <meta name="htmx-config" content={HTMX} />
      <meta name="apple-mobile-web-app-capable" content="yes" />
      <meta name="apple-mobile-web-app-status-bar-style" content="black" />
      <link rel="manifest" href={assets.manifest} />
      <link rel="icon" href={assets.icon} type="image/svg+xml" />
      <link rel="apple-touch-icon" href={assets.touch_icon} />
      <script src={assets.script} defer />
    </head>
    <Console {...console} style={assets.style} />
  </html>
);
