/** The wall board's two addresses: the page, and its stream. Both only read; there is no form on it and no id in it. */
import { Hono } from "hono";
import { type KioskAssets, KioskPage } from "../../views/kiosk.tsx";
import { kioskText } from "../../views/kiosk-text.ts";
import type { Env } from "../access/operator.ts";
import { answer } from "./answer.tsx";
import type { Kiosk } from "./kiosk.ts";

export interface KioskParts {
  readonly kiosk: Kiosk;
  readonly assets: KioskAssets;
  readonly keepalive_ms: number;
  /** Somebody looks at all targets: their facts should be fresh. */
  readonly attended: () => void;
}

export function kioskRoutes({ kiosk, assets, keepalive_ms, attended }: KioskParts) {
  const app = new Hono<Env>();

  app.get("/kiosk", (c) => {
    attended();
    const board = kiosk.read(Date.now());
    return answer(c, {
      page: () => <KioskPage board={board} assets={assets} heartbeat_ms={keepalive_ms} />,
      text: () => kioskText(board),
    });
  });

  app.get("/kiosk/stream", (c) => kiosk.attach(/\bgzip\b/.test(c.req.header("accept-encoding") ?? "")));

  return app;
}
