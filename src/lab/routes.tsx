/** The fault panel's one address: break the simulated VM, or mend everything. There is none of this beside a real target. */
import { type Context, Hono } from "hono";
import { Faults } from "../../views/faults.tsx";
import { answer } from "../console/answer.tsx";
import { refuse } from "../refusal.ts";
import type { Lab } from "./lab.ts";
import { FAULTS, type Fault } from "./world.ts";

export interface LabDeps {
  /** A fresh request id for the panel's forms, signed for this caller. */
  readonly requestId?: (c: Context) => string;
}

export function labRoutes(lab: Pick<Lab, "breakIt" | "fault">, deps: LabDeps = {}): Hono {
  const routes = new Hono();
  routes.post("/lab/fault", async (c) => {
    const fault = lab.breakIt(faultNamed(await askedFor(c)));
    return answer(c, {
      json: { fault },
      text: () => `The lab's fault is now: ${fault}\n`,
      fragment: () => <Faults fault={fault} requestId={deps.requestId?.(c)} />,
      page: { seeOther: "/" },
    });
  });
  return routes;
}

async function askedFor(c: Context): Promise<unknown> {
  if (!c.req.header("content-type")?.includes("application/json")) return (await c.req.parseBody()).fault;
  const body: unknown = await c.req
    .json()
    .catch(() => refuse(400, 'The body is not JSON. Send {"fault": "disk_full"}.'));
  return typeof body === "object" && body !== null ? (body as { fault?: unknown }).fault : undefined;
}

function faultNamed(name: unknown): Fault {
  return (
    FAULTS.find((fault) => fault === name) ??
    refuse(422, `The lab has no such fault. Send one of: ${FAULTS.join(", ")}.`)
  );
}
