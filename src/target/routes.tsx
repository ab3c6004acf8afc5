/** The addresses of the host keys: both ends as they are pinned, and the act that accepts a rebuilt VM's new key. */
import { Hono } from "hono";
import { z } from "zod";
import { HostKeyPage } from "../../views/host-key.tsx";
import { hostKeyText } from "../../views/text.ts";
import type { Env } from "../access/operator.ts";
import { type RequestIds, requestIdOf } from "../access/request-id.ts";
import { answer } from "../console/answer.tsx";
import { readBody } from "../console/body.ts";
import { FINGERPRINT, printInWords } from "./host-key.ts";
import type { HostKeys } from "./host-keys.ts";
import { type Target, targetNamed } from "./target.ts";

export interface HostKeyParts {
  readonly hostKeys: HostKeys;
  readonly targets: readonly Target[];
  readonly requestIds: RequestIds;
}

const Accept = z.object({
  target: z.string().optional(),
  end: z.string().default("vm"),
  fingerprint: z
    .string({ error: "name the fingerprint that you compared" })
    .regex(FINGERPRINT, "not a fingerprint as ssh-keygen prints it, SHA256:…"),
  request_id: z.string().optional(),
});

export function hostKeyRoutes({ hostKeys, targets, requestIds }: HostKeyParts) {
  const app = new Hono<Env>();
  const targetOf = (id: string | undefined) => targetNamed(targets, id);

  app.get("/host-key", (c) => {
    const target = targetOf(c.req.query("target"));
    const ends = hostKeys.ends(target);
    const requestId = requestIds.make(c.get("operator").name);
    return answer(c, {
      json: { target: target.id, ends },
      page: () => <HostKeyPage target={target} ends={ends} requestId={requestId} now={Date.now()} />,
      text: () => hostKeyText(target, ends, Date.now()),
    });
  });

  app.post("/host-key", async (c) => {
    const said = await readBody(c, Accept, "send {target, end: 'vm', fingerprint, request_id}");
    const target = targetOf(said.target ?? c.req.query("target"));
    const accepted = await hostKeys.accept({
      target,
      end: said.end,
      fingerprint: said.fingerprint,
      by: c.get("operator").name,
      request_id: requestIdOf(c.req.header("idempotency-key") ?? said.request_id),
    });
    const sentence = `From now on ${printInWords(accepted.new)} is the pinned key of ${target.name}'s VM.`;
    return answer(c, {
      json: { target: target.id, ...accepted },
      page: { seeOther: `/?target=${target.id}` },
      fragment: () => <p>{sentence}</p>,
      text: () => `${sentence}\n`,
    });
  });

  return app;
}
