/** The fault panel's one address: break the simulated VM, or mend everything. There is none of this beside a real target. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { Faults } from "../../views/faults.tsx";
import { answer } from "../console/answer.tsx";
import { readBody } from "../console/body.ts";
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
    const said = await readBody(c, Broken, 'send {"fault": "disk_full"}');
    const fault = lab.breakIt(faultNamed(said.fault));
    return answer(c, {
      json: { fault },
      text: () => `The lab's fault is now: ${fault}\n`,
      fragment: () => <Faults fault={fault} requestId={deps.requestId?.(c)} />,
      page: { seeOther: "/" },
    });
  });
  return routes;
}

/** Whatever it is: what is no fault is refused in words that name those there are. */
const Broken = z.object({ fault: z.unknown().optional() });

function faultNamed(name: unknown): Fault {
  return (
    FAULTS.find((fault) => fault === name) ??
    refuse(422, `The lab has no such fault. Send one of: ${FAULTS.join(", ")}.`)
  );
}
