/** What every answer says to the browser: nothing from elsewhere, nothing inline but our style, nothing kept. */
import type { MiddlewareHandler } from "hono";

export function headers(styleHash: string): MiddlewareHandler {
  const csp = [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' ${styleHash}`,
    "img-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "frame-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    // The no-JavaScript transcript is a frame of our own page.
    "frame-ancestors 'self'",
  ].join("; ");
  return async (c, next) => {
    await next();
    const h = c.res.headers;
    h.set("X-Content-Type-Options", "nosniff");
    h.set("Cross-Origin-Resource-Policy", "same-origin");
    if (!h.has("Cache-Control")) h.set("Cache-Control", "no-store");
    // What is never kept need not say by what it varies.
    if (h.get("Cache-Control") === "no-store") h.delete("Vary");
    // The rest is about documents; a browser makes none of a stream or a script, and on a thin link 450 bytes are 70 ms.
    if (/^text\/(event-stream|javascript)/.test(h.get("Content-Type") ?? "")) return;
    h.set("Content-Security-Policy", csp);
    // Not no-referrer: with it our own form posts carry `Origin: null`, and an older Safari sends nothing better.
    h.set("Referrer-Policy", "same-origin");
    h.set("Cross-Origin-Opener-Policy", "same-origin");
    h.set("X-Robots-Tag", "noindex");
    h.set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()");
  };
}
