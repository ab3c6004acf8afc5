/**
 * The static files: named by their hash, immutable, compressed once. The script is one bundle (htmx, its stream extension,
 * then ours: two files would race, see docs/decisions), the style is small enough to stand in the page.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { brotliCompress, constants, gzip } from "node:zlib";
import { STYLE } from "../../views/style.ts";

export interface Asset {
  readonly path: string;
  readonly type: string;
  readonly plain: Uint8Array;
  gzip: Uint8Array | null;
  br: Uint8Array | null;
  /** Named by its hash: may be kept for ever. */
  readonly immutable: boolean;
}

export interface Assets {
  /** The CSP source of the style that stands in every page. */
  readonly styleHash: string;
  /** The address of the script bundle. */
  readonly script: string;
  find(path: string): Asset | null;
  /** Compresses what was not yet; called once the server listens. */
  compress(): Promise<void>;
}

const root = join(import.meta.dir, "../../static");
const packages = createRequire(import.meta.url);

/** Reads and bundles. Throws when a file is missing: the start fails, not the page. */
export function readAssets(): Assets {
  const htmx = packages.resolve("htmx.org/dist/htmx.min.js");
  const sse = packages.resolve("htmx.org/dist/ext/hx-sse.min.js");
  const bundle = [htmx, sse, join(root, "console.js")]
    // A source map of theirs would only be asked for in vain.
    .map((path) => readFileSync(path, "utf8").replace(/\n?\/\/# sourceMappingURL=.*\s*$/, ""))
    .join(";\n");
  const all = new Map<string, Asset>();
  const add = (path: string, type: string, text: string | Uint8Array, immutable: boolean) => {
    const plain = typeof text === "string" ? new TextEncoder().encode(text) : text;
    all.set(path, { path, type, plain, gzip: null, br: null, immutable });
    return path;
  };
  const script = add(`/static/console-${hashOf(bundle)}.js`, "text/javascript; charset=utf-8", bundle, true);
  add("/static/icon.svg", "image/svg+xml", readFileSync(join(root, "icon.svg"), "utf8"), false);
  for (const size of [180, 512])
    add(`/static/icon-${size}.png`, "image/png", readFileSync(join(root, `icon-${size}.png`)), false);
  add(
    "/manifest.webmanifest",
    "application/manifest+json",
    readFileSync(join(root, "manifest.webmanifest"), "utf8"),
    false,
  );
  return {
    styleHash: `'sha256-${new Bun.CryptoHasher("sha256").update(STYLE).digest("base64")}'`,
    script,
    find: (path) => all.get(path) ?? null,
    compress: async () => {
      for (const asset of all.values()) {
        asset.gzip = await packed((done) => gzip(asset.plain, { level: 9 }, done));
        asset.br = await packed((done) =>
          brotliCompress(asset.plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }, done),
        );
      }
    },
  };
}

export function serveAsset(asset: Asset, request: Request): Response {
  const accepts = request.headers.get("accept-encoding") ?? "";
  const headers = new Headers({
    "Content-Type": asset.type,
    Vary: "Accept-Encoding",
    "Cache-Control": asset.immutable ? "public, max-age=31536000, immutable" : "public, max-age=86400",
  });
  const [encoding, body] =
    asset.br && /\bbr\b/.test(accepts)
      ? ["br", asset.br]
      : asset.gzip && /\bgzip\b/.test(accepts)
        ? ["gzip", asset.gzip]
        : [null, asset.plain];
  if (encoding) headers.set("Content-Encoding", encoding);
  return new Response(request.method === "HEAD" ? null : (body as Uint8Array<ArrayBuffer>), { headers });
}

const hashOf = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 12);

const packed = (work: (done: (error: Error | null, result: Buffer) => void) => void): Promise<Uint8Array> =>
  new Promise((resolve, reject) => work((error, result) => (error ? reject(error) : resolve(result))));
