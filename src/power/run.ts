/**
 * One run of one verb, from ssh to what is written of it. A mutating run belongs to its host: when our link breaks, the host is
 * asked what came of it, and nothing is repeated. Who may start one is decided in `carry-out.ts`.
 */
import { type Ending, endingInWords, exitCode, type Outcome } from "../outcome.ts";
import { keyRefused, strangeHost } from "../target/host-key.ts";
import type { Actions } from "./actions.ts";
import type { Pve, Request } from "./host.ts";
import { type Conclusion, checkLegacy, type Lesson, learn } from "./learn.ts";
import { notYetShown } from "./output.ts";

export interface RunTools {
  readonly actions: Actions;
  readonly pve: Pve;
  /** BREAKGLASS_PVE_VERB_TIMEOUT_SECONDS, ms. */
  readonly limit_ms: number;
  /** Waits between questions after a break, ms; the last one repeats. */
  readonly ask_every_ms?: readonly number[];
  /** How long the target is held while the host is asked after a break, ms. */
  readonly hold_ms?: number;
}

/** Without a byte for this long, a mutating run's ssh counts as hung; the host prints at least every 5 s. SAFETY.md. */
const SILENCE_MS = 25_000;

export async function inspect({ target, id, verb }: Request, { actions, pve, limit_ms }: RunTools): Promise<void> {
  const output = actions.output(target, id);
  const ending = await pve.inspect(target, verb, Math.min(limit_ms, 60_000), output.heard);
  await output.flush();
  await actions.write(target, id, "finished", {
    outcome: ending.is === "exited" && ending.code === 0 ? "done" : "failed",
    exit_code: ending.is === "exited" ? ending.code : null,
    rejected: ending.is === "exited" && ending.code === 2,
    why: keyRefused(exitCode(ending), output.lastError())
      ? strangeHost(target)
      : ending.is === "exited" && ending.code === 0
        ? "answered"
        : whyFailed(ending, output.lastError()),
  });
}

export async function mutate(request: Request, tools: RunTools): Promise<void> {
  const { target, id, verb, override } = request;
  const { actions, pve, limit_ms } = tools;
  const since = Date.now();
  const output = actions.output(target, id);
  let begun = false;
  const run = pve.mutate(target, verb, id, override, (line) => {
    begun ||= line.from === "stdout";
    output.heard(line);
  });
  let overdue = false;
  const late = setTimeout(() => {
    overdue = true;
    void actions.write(target, id, "overdue", { after_ms: limit_ms }).catch(() => {});
  }, limit_ms);
  let hung = false;
  const listening = setInterval(() => {
    if (hung || performance.now() - output.heardAt() < SILENCE_MS) return;
    hung = true;
    void actions
      .write(target, id, "lost", {
        why: `ssh said nothing for ${SILENCE_MS / 1000} s; the run goes on at the host, and we ask it`,
      })
      .catch(() => {});
    // A host that owns its runs is asked over a new connection; a legacy run must not lose its ssh.
    if (pve.kindOf(target) === "v2") run.letGo();
  }, 1000);
  const ending = await run.ended;
  clearTimeout(late);
  clearInterval(listening);
  await output.flush();
  const code = ending.is === "exited" ? ending.code : null;
  const finished = (outcome: Outcome, why: string, rejected = false) =>
    actions.write(target, id, "finished", { outcome, exit_code: code, rejected, why });
  if (code === 2 || code === 75 || code === 77)
    return finished(
      "failed",
      output.lastError() || (code === 75 ? "the host is busy with another run" : "the host refused it; nothing ran"),
      true,
    );
  if (!begun && keyRefused(code, output.lastError())) return finished("failed", strangeHost(target), true);
  const v2 = pve.kindOf(target) === "v2";
  if (v2 && (code === 0 || code === 1)) return finished(code === 0 ? "done" : "failed", output.verdict());
  if (code === 0 || code === 1) return write(request, await checkLegacy(request, code, pve), actions);
  if (v2 && code === 4) return finished("unknown", output.verdict());
  if (ending.is === "not_started") return finished("failed", `ssh ${endingInWords(ending)}; nothing ran`);
  if (!hung && !overdue)
    await actions.write(target, id, "lost", {
      why: `the connection broke (${whyFailed(ending, output.lastError())}); asking the host what came of it`,
    });
  await tell(request, await learn(request, tools, since), actions);
}

/** What was learnt, and first the output that the broken link kept from us: the evidence is in it. */
export async function tell({ target, id }: Request, { conclusion, output }: Lesson, actions: Actions): Promise<void> {
  const text = notYetShown(actions.find(target, id)?.stdout ?? "", actions.clean(output));
  if (text !== "") await actions.write(target, id, "printed", { from: "stdout", text });
  await write({ target, id }, conclusion, actions);
}

const write = ({ target, id }: Pick<Request, "target" | "id">, [kind, body]: Conclusion, actions: Actions) =>
  actions.write(target, id, kind, body);

function whyFailed(ending: Ending, lastError: string): string {
  const words = endingInWords(ending);
  return lastError === "" ? words : `${words}: ${lastError}`;
}
