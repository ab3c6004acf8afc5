/**
 * The table of contents: what stands in front of every route, the mounts, and the one place where a Refusal becomes a
 * status and a form. An edge-style Hono app, Request → Response; it knows no runtime.
 */
import { Hono } from "hono";
import { RefusalFragment, RefusalPage } from "../views/refusal.tsx";
import type { Access } from "./access/access.ts";
import type { Env } from "./access/operator.ts";
import { isSafe } from "./access/same-origin.ts";
import { type ApprovalParts, approvalRoutes } from "./agent/routes.tsx";
import { type RunParts, runRoutes } from "./agent/run-routes.tsx";
import { type AuditParts, auditRoutes } from "./audit/routes.tsx";
import type { AuditWatch } from "./audit/watch.ts";
import { type CheckParts, checkRoutes } from "./checks/routes.tsx";
import { answer, answerRefusal } from "./console/answer.tsx";
import { type Assets, serveAsset } from "./console/assets.ts";
import { headers } from "./console/headers.ts";
import { type KioskParts, kioskRoutes } from "./console/kiosk-routes.tsx";
import type { Metrics } from "./console/metrics.ts";
import { metricsRoutes } from "./console/metrics-routes.ts";
import type { ConsoleParts } from "./console/page.tsx";
import { Reports, reportRoutes } from "./console/reports.ts";
import { consoleRoutes } from "./console/routes.tsx";
import { squeeze } from "./console/squeeze.ts";
import type { Disk } from "./log/disk.ts";
import { LogUnwritable } from "./log/log.ts";
import { type PowerParts, powerRoutes } from "./power/routes.tsx";
import { Refusal } from "./refusal.ts";
import { type DeletionParts, deletionRoutes } from "./sessions/deletion-routes.tsx";
import { type SessionParts, sessionRoutes } from "./sessions/routes.tsx";
import { type HostKeyParts, hostKeyRoutes } from "./target/routes.tsx";

export interface AppParts {
  readonly access: Pick<Access, "guard" | "routes" | "settle">;
  readonly audit: AuditParts & { readonly watch: AuditWatch };
  readonly metrics: Pick<Metrics, "read">;
  /** The disk that the log is on. */
  readonly disk?: Pick<Disk, "asked">;
  readonly assets: Assets;
  readonly console: ConsoleParts;
  readonly sessions: SessionParts;
  readonly deletions: DeletionParts;
  readonly power: PowerParts;
  readonly checks: CheckParts;
  readonly approvals: ApprovalParts;
  readonly runs: RunParts;
  readonly keys: HostKeyParts;
  readonly kiosk: KioskParts;
  /** The lab's own routes, where there is a lab. */
  readonly lab: Hono | null;
  readonly newId: () => string;
  /** Counts what browsers report; left out, one of its own. */
  readonly reports?: Reports;
}

export function createApp(parts: AppParts): Hono<Env> {
  const app = new Hono<Env>();
  app.use("*", headers(parts.assets.styleHash, parts.assets.sheetHash));
  app.use("*", squeeze);
  app.use("*", async (c, next) => {
    c.set("lab", parts.lab !== null);
    await next();
  });
  app.use("*", parts.audit.watch.refusals);
  app.use("*", parts.access.guard);
  app.use("*", parts.audit.watch.asking);
  // What changes something writes in some place: asked here, no place stands still on a disk that hangs.
  app.use("*", async (c, next) => {
    if (!isSafe(c.req.method) && c.req.path !== "/csp-report") await parts.disk?.asked();
    await next();
  });
  app.get("/health", (c) =>
    c.body(JSON.stringify({ status: "ok", service: "claude-breakglass" }), 200, { "Content-Type": "application/json" }),
  );
  app.on("GET", ["/static/*", "/manifest.webmanifest", "/favicon.ico", "/sw.js"], async (c) => {
    const asset = parts.assets.find(c.req.path === "/favicon.ico" ? "/static/icon.svg" : c.req.path);
    return asset ? serveAsset(asset, c.req.raw) : answerRefusal(c, new Refusal(404, "no such file; reload the page"));
  });
  app.route("/", reportRoutes(parts.reports ?? new Reports()));
  app.route("/", parts.access.routes);
  app.route("/", sessionRoutes(parts.sessions));
  app.route("/", deletionRoutes(parts.deletions));
  app.route("/", powerRoutes(parts.power));
  app.route("/", checkRoutes(parts.checks));
  app.route("/", approvalRoutes(parts.approvals));
  app.route("/", runRoutes(parts.runs));
  app.route("/", hostKeyRoutes(parts.keys));
  app.route("/", auditRoutes(parts.audit));
  app.route("/", metricsRoutes(parts.metrics));
  app.route("/", kioskRoutes(parts.kiosk));
  if (parts.lab) app.route("/", parts.lab);
  app.route("/", consoleRoutes(parts.console));

  // Deny by default: what does not say who may call it is not served at all.
  parts.access.settle(app.routes);
  app.notFound((c) => {
    const allowed = otherMethods(app, c.req.method, c.req.path);
    return allowed.length === 0
      ? answerRefusal(c, new Refusal(404, "there is nothing at this address; the console is at /"))
      : answerRefusal(c, new Refusal(405, `this address takes ${allowed.join(" or ")} only`), {
          headers: { Allow: allowed.join(", ") },
        });
  });
  app.onError((error, c) => {
    if (error instanceof Refusal) return answerRefusal(c, error);
    if (error instanceof LogUnwritable)
      return answerRefusal(c, new Refusal(503, `${error.message}; verbs still work, prompts and checks do not`));
    const id = parts.newId().slice(0, 8);
    console.error(`bug ${id}:`, error);
    const sentence = `a fault of the console itself (${id}); its log has the cause`;
    return answer(c, {
      status: 500,
      json: { detail: sentence },
      text: () => `${sentence}\n`,
      fragment: () => RefusalFragment({ sentence }),
      page: () => RefusalPage({ status: 500, sentence }),
    });
  });
  return app;
}

/** The methods that a path does take. Middleware stands for all methods and does not count. */
function otherMethods(app: Hono<Env>, method: string, path: string): string[] {
  const takes = new Set(app.routes.filter((r) => r.method !== "ALL").map((r) => r.method));
  return [...takes].filter(
    (m) => m !== method && app.router.match(m, path)[0].some(([[, route]]) => route.method !== "ALL"),
  );
}
