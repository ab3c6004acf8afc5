/**
 * The static files: named by their hash, immutable, compressed once, and never sent otherwise to who takes it so. The script is one bundle (htmx, its stream extension,
 * then ours: two files would race, see docs/decisions), the style is small enough to stand in the page. The wall board has
 * a style and a script of its own; the service worker is told here which files it may keep.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { brotliCompress, constants, gzip } from "node:zlib";
import { OfflinePage } from "../../views/offline.tsx";
import { KIOSK_STYLE, LATER_STYLE, OFFLINE_STYLE, SHEET_STYLE, STYLE } from "../../views/style.ts";

export interface Asset {
  readonly path: string;
  readonly type: string;
  readonly plain: Uint8Array;
  /** Compressed at most once, when first asked for. */
  readonly packed: Readonly<Record<Encoding, () => Promise<Uint8Array>>>;
  readonly kept: Kept;
}

type Encoding = "br" | "gzip";

/** How long a browser may keep a file unasked: for ever where its name has its hash. */
type Kept = "for ever" | "a day" | "not at all";
const CACHE_CONTROL: Readonly<Record<Kept, string>> = {
  "for ever": "public, max-age=31536000, immutable",
  "a day": "public, max-age=86400",
  "not at all": "no-cache",
};

export interface Assets {
  /** The CSP sources of the styles that stand in the pages. */
  readonly styleHash: string;
  readonly sheetHash: string;
  /** The addresses of the script bundle and of the later part of the style. */
  readonly script: string;
  readonly style: string;
  /** The wall board's own. */
  readonly kiosk: { readonly style: string; readonly script: string };
  find(path: string): Asset | null;
  /** Compresses them all, so that nobody waits for it; called once the server listens. */
  compress(): Promise<void>;
}

const TYPES = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
} as const;

const root = join(import.meta.dir, "../../static");
const packages = createRequire(import.meta.url);

/** Reads and bundles. Throws when a file is missing: the start fails, not the page. */
export function readAssets(): Assets {
  const htmx = packages.resolve("htmx.org/dist/htmx.min.js");
  const sse = packages.resolve("htmx.org/dist/ext/hx-sse.min.js");
  const ours = (name: string) => readFileSync(join(root, name), "utf8");
  const bundled = (...sources: readonly string[]) =>
    // A source map of theirs would only be asked for in vain.
    sources.map((source) => source.replace(/\n?\/\/# sourceMappingURL=.*\s*$/, "")).join(";\n");
  const all = new Map<string, Asset>();
  const add = (path: string, type: string, text: string | Uint8Array, kept: Kept) => {
    const plain = typeof text === "string" ? new TextEncoder().encode(text) : text;
    all.set(path, { path, type, plain, packed: packings(plain), kept });
    return path;
  };
  const hashed = (name: string, text: string) => {
    const [stem, ending] = name.split(".") as [string, keyof typeof TYPES];
    return add(`/static/${stem}-${hashOf(text)}.${ending}`, TYPES[ending], text, "for ever");
  };
  const script = hashed(
    "console.js",
    bundled(readFileSync(htmx, "utf8"), readFileSync(sse, "utf8"), ours("console.js"), ours("phone.js")),
  );
  const style = hashed("later.css", LATER_STYLE);
  const kiosk = {
    style: hashed("kiosk.css", KIOSK_STYLE),
    script: hashed("kiosk.js", bundled(ours("kiosk.js"), ours("phone.js"))),
  };
  // The page by its own hash, and in it are theirs: whatever changes, the worker is another one.
  const away = { style: hashed("offline.css", OFFLINE_STYLE), script: hashed("offline.js", ours("offline.js")) };
  const offline = hashed("offline.html", `<!doctype html>${OfflinePage(away)}`);
  const may_keep = JSON.stringify([offline, away.style, away.script]);
  add("/sw.js", TYPES.js, ours("sw.js").replace("const KEPT = []", `const KEPT = ${may_keep}`), "not at all");
  add("/static/icon.svg", "image/svg+xml", ours("icon.svg"), "a day");
  for (const size of [180, 192, 512])
    add(`/static/icon-${size}.png`, "image/png", readFileSync(join(root, `icon-${size}.png`)), "a day");
  add("/manifest.webmanifest", "application/manifest+json", ours("manifest.webmanifest"), "a day");
  return {
    styleHash: inPolicy(STYLE),
    sheetHash: inPolicy(SHEET_STYLE),
    script,
    style,
    kiosk,
    find: (path) => all.get(path) ?? null,
    compress: async () => {
      for (const { packed } of all.values()) {
        await packed.br();
        await packed.gzip();
      }
    },
  };
}

/** A visit right after a start waits for the compression (0.2 s): over a thin link the plain bytes would take longer. */
export async function serveAsset(asset: Asset, request: Request): Promise<Response> {
  const accepts = request.headers.get("accept-encoding") ?? "";
  const headers = new Headers({
    "Content-Type": asset.type,
    Vary: "Accept-Encoding",
    "Cache-Control": CACHE_CONTROL[asset.kept],
  });
  const encoding = /\bbr\b/.test(accepts) ? "br" : /\bgzip\b/.test(accepts) ? "gzip" : null;
  if (encoding) headers.set("Content-Encoding", encoding);
  const body = request.method === "HEAD" ? null : encoding ? await asset.packed[encoding]() : asset.plain;
  return new Response(body as Uint8Array<ArrayBuffer> | null, { headers });
}

const inPolicy = (style: string): string => `'sha256-${new Bun.CryptoHasher("sha256").update(style).digest("base64")}'`;

const hashOf = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 12);

function packings(plain: Uint8Array): Asset["packed"] {
  const once = (work: (done: (error: Error | null, packed: Buffer) => void) => void) => {
    let packed: Promise<Uint8Array> | null = null;
    return () => {
      packed ??= new Promise((resolve, reject) => work((error, bytes) => (error ? reject(error) : resolve(bytes))));
      return packed;
    };
  };
  return {
    br: once((done) => brotliCompress(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }, done)),
    gzip: once((done) => gzip(plain, { level: 9 }, done)),
  };
}
