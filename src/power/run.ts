/**
 * One run of one verb, from ssh to what is written of it. A mutating run belongs to its host: when our link breaks, the host is
 * asked what came of it, and nothing is repeated. Who may start one is decided in `carry-out.ts`.
 */
import { type Ending, endingInWords, exitCode, type Outcome } from "../outcome.ts";
import { keyRefused, strangeHost } from "../target/host-key.ts";
import { sshEndingInWords } from "../target/ssh.ts";
import type { Actions } from "./actions.ts";
import { ageSince } from "./age.ts";
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
  /** How long a run of the first system's script may say nothing, ms. */
  readonly legacy_silence_ms?: number;
}

/**
 * Without a byte for this long, a mutating run's ssh counts as hung: a host that owns its runs prints at least every 5 s. It is looked
 * for once a second, and the verdict is to be there within 25 s.
 */
const SILENCE_MS = 24_000;
/** The first system's script is silent while it works, and is over by itself before this: earlier, its ssh may still be needed. */
const LEGACY_SILENCE_MS = 130_000;

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
  const age = ageSince(Date.now());
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
    const legacy = pve.kindOf(target) === "legacy";
    const silence_ms = legacy ? (tools.legacy_silence_ms ?? LEGACY_SILENCE_MS) : SILENCE_MS;
    if (performance.now() - output.heardAt() < silence_ms) return;
    if (!hung) void actions.write(target, id, "lost", { why: whySilent(silence_ms, begun, legacy) }).catch(() => {});
    hung = true;
    // A host that owns its runs is asked over a new connection, and one that we do not know was sent words that a legacy script
    // refuses: our ssh may go. A legacy run must not lose it yet.
    if (legacy) run.leave();
    else run.letGo();
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
  const lesson = await learn(request, tools, age);
  // Before the target is free: an ssh that hung while it signed in could still get through, hours later.
  run.letGo();
  await tell(request, lesson, actions);
}

/** What was learnt, and first the output that the broken link kept from us: the evidence is in it. */
export async function tell({ target, id }: Request, { conclusion, output }: Lesson, actions: Actions): Promise<void> {
  const text = notYetShown(actions.find(target, id)?.stdout ?? "", actions.clean(output));
  if (text !== "") await actions.write(target, id, "printed", { from: "stdout", text });
  await write({ target, id }, conclusion, actions);
}

const write = ({ target, id }: Pick<Request, "target" | "id">, [kind, body]: Conclusion, actions: Actions) =>
  actions.write(target, id, kind, body);

function whySilent(silence_ms: number, begun: boolean, legacy: boolean): string {
  const said = `ssh said nothing ${begun ? "more " : ""}for ${Math.round(silence_ms / 1000)} s`;
  if (legacy) return `${said}; its host keeps no record of the run, and is asked what the VM does`;
  return begun
    ? `${said}; the run goes on at the host, and we ask it`
    : `${said}, from the first moment on; we ask the host whether it came to a run there`;
}

function whyFailed(ending: Ending, lastError: string): string {
  return lastError === "" ? sshEndingInWords(ending) : `${endingInWords(ending)}: ${lastError}`;
}
