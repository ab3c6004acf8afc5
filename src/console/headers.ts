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
    h.set("Content-Security-Policy", csp);
    h.set("X-Content-Type-Options", "nosniff");
    // Not no-referrer: with it our own form posts carry `Origin: null`, and an older Safari sends nothing better.
    h.set("Referrer-Policy", "same-origin");
    h.set("Cross-Origin-Opener-Policy", "same-origin");
    h.set("Cross-Origin-Resource-Policy", "same-origin");
    h.set("X-Robots-Tag", "noindex");
    h.set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()");
    if (!h.has("Cache-Control")) h.set("Cache-Control", "no-store");
  };
}
