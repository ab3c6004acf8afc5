/** The addresses of power: the verbs, the confirmation and the run; what ran is `action-routes.tsx`. No route here waits for a browser's run. */
import type { Context } from "hono";
import { Hono } from "hono";
import type { Child } from "hono/jsx";
import { z } from "zod";
import { ConfirmPage } from "../../views/confirm.tsx";
import { actionText } from "../../views/text.ts";
import type { Env } from "../access/operator.ts";
import { requestIdOf } from "../access/request-id.ts";
import { answer, formOf } from "../console/answer.tsx";
import { readBody } from "../console/body.ts";
import { refuse } from "../refusal.ts";
import type { State } from "../target/state.ts";
import { type Target, targetNamed } from "../target/target.ts";
import type { Action } from "./action.ts";
import { type ActionParts, actionRoutes } from "./action-routes.tsx";
import type { Pve } from "./carry-out.ts";
import { preflightLines, preflightOf } from "./preflight.ts";
import { MUTATING, VERB_NAMES, type Verb, verbNamed } from "./verb.ts";

export interface PowerParts extends ActionParts {
  readonly pve: Pve;
  readonly stateOf: (target: Target) => State;
  /** Turns that run on this target: how many, and a way to stop them all and wait until they are. */
  readonly turnsOn: (target: Target) => number;
  readonly stopTurns: (target: Target, by: string) => Promise<void>;
  /** The Power region anew, for the operator who just tapped. */
  readonly panel: (target: Target, by: string) => Child;
}

const Ask = z.object({
  target: z.string().optional(),
  request_id: z.string().optional(),
  stop_turns: z.string().optional(),
  override: z
    .string()
    .regex(/^[a-z_-]{1,32}$/, "not a lock's name")
    .nullish()
    .or(z.literal("")),
});

const Confirming = z.object({
  target: z.string().optional(),
  verb: z.enum(MUTATING, { error: `a confirmation is of ${MUTATING.join(", ")}` }),
  request_id: z.string().max(64),
  open: z.enum(["0", "1"]),
});

export function powerRoutes(parts: PowerParts) {
  const { power, pve, requestIds, targets } = parts;
  const app = new Hono<Env>();

  const targetOf = (id: string | undefined) => targetNamed(targets, id);
  const verbOf = (c: Context): Verb => {
    const name = c.req.param("verb") ?? "";
    return verbNamed(name) ?? refuse(400, `unknown verb '${name}'`);
  };

  app.get("/api/pve/verbs", (c) =>
    answer(c, { json: { verbs: VERB_NAMES, mutating: MUTATING }, text: () => `${VERB_NAMES.join("\n")}\n` }),
  );

  // Before the verbs, since `actions` is none.
  app.route("/", actionRoutes(parts));

  // The dialog's word that it is open, still open, or closed. It never waits for the answer.
  app.post("/api/confirming", async (c) => {
    const said = await readBody(c, Confirming, "send {target, verb, request_id, open}");
    const target = targetOf(said.target);
    const by = c.get("operator").name;
    if (said.open === "1") power.confirmations.opened(target, said.verb, by, said.request_id);
    else power.confirmations.closed(target, by, said.request_id);
    return answer(c, {
      json: { open: said.open === "1" },
      fragment: () => "",
      page: { seeOther: `/?target=${target.id}` },
    });
  });

  app.get("/api/pve/:verb", (c) => {
    const verb = verbOf(c);
    const target = targetOf(c.req.query("target"));
    const by = c.get("operator").name;
    const state = parts.stateOf(target);
    // The id comes along from the form that led here: gone back to, this page is fetched anew and must still be the same tap.
    const brought = c.req.query("request_id") ?? "";
    const proves = requestIds.proves(brought, by);
    const id = proves ? brought : requestIds.make(by);
    if (c.req.query("not_now") && proves) {
      power.confirmations.closed(target, by);
      return answer(c, {
        json: { open: false },
        text: () => "Not now.\n",
        page: { seeOther: `/?target=${target.id}` },
      });
    }
    if (verb.mutates && formOf(c.req.raw) === "page" && isAsked(c.req.header("sec-fetch-site"), proves))
      power.confirmations.opened(target, verb.name, by);
    const preflight = preflightOf(
      verb,
      target,
      state,
      power.holder(target),
      power.lastEvidence(target),
      pve.kindOf(target),
    );
    return answer(c, {
      json: preflight,
      page: () => (
        <ConfirmPage
          lab={targets[0]!.lab}
          verb={verb}
          target={target}
          state={state}
          action={preflight.running && power.find(target, preflight.running.action)}
          preflight={[...sentAlready(power.find(target, id)), ...preflightLines(preflight, Date.now())]}
          requestId={id}
          lock={preflight.lock}
          turns={verb.mutates ? parts.turnsOn(target) : 0}
          now={Date.now()}
        />
      ),
      text: () =>
        `${[`${verb.name} ${target.name} (VM ${target.vmid})`, verb.will, state.says, ...preflightLines(preflight, Date.now())].join("\n")}\n`,
    });
  });

  app.post("/api/pve/:verb", async (c) => {
    const verb = verbOf(c);
    const said = await readBody(c, Ask, "send {target, request_id} or nothing");
    const target = targetOf(said.target ?? c.req.query("target"));
    const by = c.get("operator").name;
    // status and forensics ignore request ids: asking twice is two answers.
    const id = verb.mutates ? requestIdOf(c.req.header("idempotency-key") ?? said.request_id) : crypto.randomUUID();
    power.confirmations.closed(target, by);
    power.confirmations.closed(target, by, id);
    // The operator's tap comes first: an agent at work on the same VM is stopped before, if they said so.
    const stopAgent = said.stop_turns ? () => parts.stopTurns(target, by) : null;
    const request = { id, verb: verb.name, target, by, override: said.override || null };
    const action = await power.carryOut(request, stopAgent);
    const at = `/api/pve/actions/${action.id}`;
    const form = formOf(c.req.raw);
    if (form === "fragment") return answer(c, { fragment: () => <>{parts.panel(target, by)}</> });
    if (form === "page") return answer(c, { page: { seeOther: at } });
    if (/\brespond-async\b/.test(c.req.header("prefer") ?? ""))
      return answer(c, { status: 202, json: action, headers: { Location: at }, text: () => actionText(action) });
    const settled = await power.settled(target, action.id);
    const status = settled.exit_code === 0 ? 200 : settled.exit_code === 75 ? 409 : 502;
    return answer(c, {
      status,
      headers: { Location: at },
      json: {
        verb: settled.verb,
        exit_code: settled.exit_code,
        stdout: settled.stdout,
        stderr: settled.stderr,
        rejected: settled.rejected,
        action: settled.id,
        outcome: settled.outcome,
        why: settled.why,
      },
      text: () => actionText(settled),
    });
  });

  return app;
}

/** A foreign link can open this page, too; it must not hold the agent back. Where a browser does not say, only our form's id counts. */
const isAsked = (sec_fetch_site: string | undefined, proves: boolean): boolean =>
  sec_fetch_site === undefined ? proves : sec_fetch_site === "same-origin" || sec_fetch_site === "none";

const sentAlready = (action: Action | null): string[] =>
  action === null
    ? []
    : [
        `This was sent already (${action.verb}, ${action.outcome ?? "running"}); sent again, it shows that run and starts nothing.`,
      ];
