/**
 * After a break: what came of a run is learnt by asking its host, never by repeating it. A host that owns its runs has a
 * record (`report`); with the first system's script there is only `status`, which can't prove everything, and says so. When
 * the first patience is over the target is let go, and `pursue.ts` asks on.
 */
import type { Outcome } from "../outcome.ts";
import { strangeHost } from "../target/host-key.ts";
import type { Age } from "./age.ts";
import type { PowerBody } from "./event.ts";
import type { Pve, RecordOf, Request } from "./host.ts";

export interface LearnTools {
  readonly pve: Pve;
  readonly limit_ms: number;
  /** Waits between questions, ms; the last one repeats. */
  readonly ask_every_ms?: readonly number[];
  /** How long the target is held while its host is asked, ms. */
  readonly hold_ms?: number;
}

export type Conclusion =
  | ["learned", PowerBody["learned"]]
  | ["finished", PowerBody["finished"]]
  | ["let_go", PowerBody["let_go"]];

export interface Lesson {
  readonly conclusion: Conclusion;
  /** All that the run printed, as far as it can be had afterwards. */
  readonly output: string;
}

export type Answer =
  | { readonly is: "learnt"; readonly lesson: Lesson }
  /** Nobody keeps a record there. */
  | { readonly is: "legacy" }
  | { readonly is: "not_yet"; readonly why: string; readonly key_refused: boolean };

/** How long a target is held while its host does not answer, ms. */
const HOLD_MS = 15 * 60_000;

/** For this long a host never forgets a run; then its record may have made room for newer ones (`prune` in the host script). */
export const NEVER_FORGOTTEN_MS = 3_600_000;

/** Asks until the host says how the run ended, or the patience is over: then the run is let go. */
export async function learn(request: Request, tools: LearnTools, age: Age): Promise<Lesson> {
  const { target, id } = request;
  const waits = tools.ask_every_ms ?? [500, 1000, 2000, 5000];
  const began = performance.now();
  let why = "it was not asked";
  for (let n = 0; performance.now() - began < (tools.hold_ms ?? HOLD_MS); n++) {
    await Bun.sleep(waits[Math.min(n, waits.length - 1)]!);
    const answer = await askOnce(request, tools.pve, age);
    if (answer.is === "learnt") return answer.lesson;
    if (answer.is === "legacy") {
      const conclusion = await learnByStatus(request, tools, began);
      return { conclusion, output: tools.pve.leftBehind(target, id) };
    }
    why = answer.why;
    // ssh sends nothing to a host whose key is not the pinned one: holding the target and asking again at once change nothing.
    if (answer.key_refused) break;
  }
  return { conclusion: ["let_go", { why: `${why}. The host is asked on, every few minutes` }], output: "" };
}

/** One question: how did it end? Never throws for what the world did. */
export async function askOnce(request: Request, pve: Pve, age: Age): Promise<Answer> {
  const { target, id, verb } = request;
  if (pve.kindOf(target) === "legacy") return { is: "legacy" };
  const learnt = await pve.report(target, id);
  switch (learnt.is) {
    case "never_ran":
      if (age.most() >= NEVER_FORGOTTEN_MS) return forgotten(verb);
      return sure(`the host knows no such run: ${verb} never started there. Tap again if it is still needed`);
    case "no_answer": {
      const key_refused = learnt.key_refused ?? false;
      if (!key_refused && pve.kindOf(target) === "unknown" && (await pve.meet(target)) === "legacy")
        return { is: "legacy" };
      const why = key_refused
        ? strangeHost(target)
        : `the host did not say what came of it (${learnt.why || "no answer"})`;
      return { is: "not_yet", why, key_refused };
    }
    case "running":
    case "ended": {
      if (learnt.of && isOfAnother(learnt.of, request))
        return sure(
          `the host knows this request id from another request (${learnt.of.verb} of VM ${learnt.of.vmid}), so it ran nothing for this one. Tap again if ${verb} is still needed`,
        );
      if (learnt.is === "running")
        return { is: "not_yet", why: `the host says that ${verb} is still at work`, key_refused: false };
      const code = learnt.exit_code;
      const why = learnt.verdict.replace(/^verdict: \w+ ?/, "") || `exit code ${code}, learnt afterwards`;
      // 77: a config lock came between the look at it and the run, which changed nothing then.
      const rejected = code === 77;
      const conclusion: Conclusion =
        code === 0 || code === 1
          ? learned(code === 0 ? "done" : "failed", code, why)
          : ["finished", { outcome: rejected ? "failed" : "unknown", exit_code: code, rejected, why }];
      return { is: "learnt", lesson: { conclusion, output: learnt.output } };
    }
    default:
      return learnt satisfies never;
  }
}

const sure = (why: string): Answer => ({
  is: "learnt",
  lesson: { conclusion: learned("failed", null, why), output: "" },
});

/** Exit code 3 is the host's own for an id that it does not know; by it nobody asks on. */
const forgotten = (verb: string): Answer => {
  const why = `the host has no record of this run (any more): ${verb} never started there, or it ran and the record made room for newer runs since. What is true now is what status says`;
  const conclusion: Conclusion = ["finished", { outcome: "unknown", exit_code: 3, rejected: false, why }];
  return { is: "learnt", lesson: { conclusion, output: "" } };
};

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
    if (waited > (tools.hold_ms ?? HOLD_MS))
      return unknown(now ? `asked afterwards: the VM is ${now}` : "the host did not answer");
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
