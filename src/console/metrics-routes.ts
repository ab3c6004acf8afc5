/** One address: the figures for Prometheus, in its own form whoever asks. The metrics token opens this and nothing else. */
import { Hono } from "hono";
import type { Env } from "../access/operator.ts";
import type { Metrics } from "./metrics.ts";

export function metricsRoutes(metrics: Pick<Metrics, "read">) {
  const app = new Hono<Env>();
  app.get("/metrics", async () => {
    const { type, text } = await metrics.read();
    return new Response(text, { headers: { "Content-Type": type, "Cache-Control": "no-store" } });
  });
  return app;
}
