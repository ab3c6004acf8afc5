/**
 * After a break: what came of a run is learnt by asking its host, never by repeating it. A host that owns its runs has a
 * record (`report`); with the first system's script there is only `status`, which can't prove everything, and says so.
 */
import type { Outcome } from "../outcome.ts";
import type { Pve, RecordOf, Request } from "./carry-out.ts";
import type { PowerBody } from "./event.ts";

export interface LearnTools {
  readonly pve: Pve;
  readonly limit_ms: number;
  /** Waits between questions, ms; the last one repeats. */
  readonly ask_every_ms?: readonly number[];
}

export type Conclusion = ["learned", PowerBody["learned"]] | ["finished", PowerBody["finished"]];

export interface Lesson {
  readonly conclusion: Conclusion;
  /** All that the run printed, as far as it can be had afterwards. */
  readonly output: string;
}

/** How long we go on asking a host that does not answer before the target is let go, ms. */
const ASK_FOR_MS = 15 * 60_000;

/** Asks until the host says how the run ended, or the patience is over (`unknown`). */
export async function learn(request: Request, tools: LearnTools): Promise<Lesson> {
  const { target, id, verb } = request;
  const waits = tools.ask_every_ms ?? [500, 1000, 2000, 5000];
  const began = performance.now();
  for (let n = 0; performance.now() - began < ASK_FOR_MS; n++) {
    await Bun.sleep(waits[Math.min(n, waits.length - 1)]!);
    const known = tools.pve.kindOf(target);
    const host = known === "unknown" ? await tools.pve.meet(target) : known;
    if (host === "legacy") {
      const conclusion = await learnByStatus(request, tools, began);
      return { conclusion, output: tools.pve.leftBehind(target, id) };
    }
    if (host === "unknown") continue;
    const learnt = await tools.pve.report(target, id);
    if (learnt.is === "never_ran")
      return {
        conclusion: learned(
          "failed",
          null,
          `the host knows no such run: ${verb} never started there. Tap again if it is still needed`,
        ),
        output: "",
      };
    if (learnt.is === "no_answer") continue;
    if (learnt.of && isOfAnother(learnt.of, request))
      return {
        conclusion: learned(
          "failed",
          null,
          `the host knows this request id from another request (${learnt.of.verb} of VM ${learnt.of.vmid}), so it ran nothing for this one. Tap again if ${verb} is still needed`,
        ),
        output: "",
      };
    if (learnt.is === "running") continue;
    const code = learnt.exit_code;
    const why = learnt.verdict.replace(/^verdict: \w+ ?/, "") || `exit code ${code}, learnt afterwards`;
    // 77: a config lock came between the look at it and the run, which changed nothing then.
    const rejected = code === 77;
    const conclusion: Conclusion =
      code === 0 || code === 1
        ? learned(code === 0 ? "done" : "failed", code, why)
        : ["finished", { outcome: rejected ? "failed" : "unknown", exit_code: code, rejected, why }];
    return { conclusion, output: learnt.output };
  }
  return { conclusion: unknown("the host did not say what came of it"), output: "" };
}

/** The host refuses such a request with exit 2; but the refusal may have been what broke off. */
function isOfAnother(record: RecordOf, { verb, target, override }: Request): boolean {
  return (
    record.verb !== verb ||
    record.vmid !== target.vmid ||
    (record.override !== undefined && record.override !== override)
  );
}

async function learnByStatus({ target, verb }: Request, tools: LearnTools, began: number): Promise<Conclusion> {
  const wanted = verb === "stop" ? "stopped" : "running";
  for (;;) {
    const { stdout } = await tools.pve.status(target, 15_000);
    const now = powerIn(stdout);
    // A reset and a cycle both end in "running", which is also where they began: that proves neither.
    if (now === wanted && (verb === "stop" || verb === "start"))
      return learned("done", null, `asked afterwards: the VM is ${now}`);
    const waited = performance.now() - began;
    if (now === "running" && waited > tools.limit_ms)
      return unknown(`asked afterwards: the VM is running, but this host can't prove that ${verb} came to its end`);
    if (waited > ASK_FOR_MS) return unknown(now ? `asked afterwards: the VM is ${now}` : "the host did not answer");
    await Bun.sleep(tools.ask_every_ms?.at(-1) ?? 5000);
  }
}

/** A legacy host's exit code is not an outcome: the VM is looked at. */
export async function checkLegacy({ target, verb }: Request, code: number, pve: Pve): Promise<Conclusion> {
  const now = powerIn((await pve.status(target, 15_000)).stdout);
  const wanted = verb === "stop" ? "stopped" : "running";
  const outcome: Outcome = code !== 0 ? "failed" : now === null ? "unknown" : now === wanted ? "done" : "failed";
  const seen = now === null ? "status could not be asked afterwards" : `afterwards the VM is ${now}`;
  const why = `the script ended with ${code}; ${seen}. Only the VM is proven: this host has the first system's script`;
  return ["finished", { outcome, exit_code: code, rejected: false, why }];
}

const powerIn = (stdout: string): string | null => /^status: (\w+)/m.exec(stdout)?.[1] ?? null;

const learned = (outcome: "done" | "failed", exit_code: number | null, why: string): Conclusion => [
  "learned",
  { outcome, exit_code, why },
];

const unknown = (why: string): Conclusion => [
  "finished",
  { outcome: "unknown", exit_code: null, rejected: false, why },
];
