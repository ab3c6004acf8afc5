/**
 * `bun run gallery`: every view in every state, dark and light, on one page (out/gallery.html); with `--shoot` also one
 * picture of each (out/gallery/). The pages are the views' own; only the choice of dark or light is made for the browser.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { SHEET_STYLE, STYLE } from "../views/style.ts";
import { gallery, Tokens } from "./views/gallery.tsx";

const SCHEMES = ["dark", "light"] as const;
const out = join(import.meta.dir, "../out");
const shown = gallery();

mkdirSync(out, { recursive: true });
await Bun.write(join(out, "gallery.html"), pageOf());
console.log(`out/gallery.html: ${shown.length} views, dark and light`);
if (process.argv.includes("--shoot")) await shoot();

function pageOf(): string {
  const frames = shown.map(({ name, html, width, height }) => {
    const pair = SCHEMES.map(
      (scheme) =>
        `<iframe title="${name}, ${scheme}" width="${width}" height="${height}" srcdoc="${Bun.escapeHTML(as(scheme, html))}"></iframe>`,
    );
    return `<h2>${name}</h2><div>${pair.join("")}</div>`;
  });
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Gallery · Breakglass</title><style>${STYLE}${SHEET_STYLE}
body.gallery{display:block;height:auto;padding:2rem}.gallery h2{margin:2rem 0 .5rem}.gallery iframe{width:auto;height:auto;border:1px solid var(--line);margin:0 1rem 0 0;flex:none}
.gallery>div{display:flex;overflow-x:auto}.tokens{display:flex;flex-wrap:wrap;gap:1rem}.tokens i{display:block;width:6rem;height:3rem;border:1px solid var(--line);border-radius:6px}</style></head>
<body class="gallery"><h1>Breakglass, every view in every state</h1>${Tokens()}${frames.join("\n")}</body></html>`;
}

/** The sheet asks the browser; here both answers are wanted at once. */
function as(scheme: (typeof SCHEMES)[number], html: string): string {
  const media = scheme === "light" ? "@media all" : "@media not all";
  return html
    .replace(/@media ?\(prefers-color-scheme: ?light\)/, media)
    .replace("color-scheme:dark light", `color-scheme:${scheme}`);
}

async function shoot(): Promise<void> {
  const { chromium } = await import("playwright");
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
  try {
    for (const { name, html, width, height } of shown)
      for (const colorScheme of SCHEMES) {
        const page = await browser.newPage({ viewport: { width, height }, colorScheme });
        await page.setContent(html, { waitUntil: "domcontentloaded" });
        await page.screenshot({ path: join(out, "gallery", `${name.replace(/[^a-z]+/g, "-")}-${colorScheme}.png`) });
        await page.close();
      }
  } finally {
    await browser.close();
  }
  console.log(`out/gallery/: ${shown.length * SCHEMES.length} pictures`);
}
