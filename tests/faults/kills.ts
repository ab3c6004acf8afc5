/**
 * Kills at seeded points of a `cycle` that was asked of a real console: the console, its ssh client, both, or sshd's child of
 * the connection. Whatever dies, the run goes to its end once, its outcome is learnt, and the same tap again runs nothing.
 */
import { type PveHost, until } from "../support/pve-host.ts";
import { startRealPlace } from "../support/real-place.ts";
import { cleanUp, tempDir } from "../support/server.ts";
import { disagreement, evidenceMissing, type Said } from "./agreement.ts";
import { FaultyConsole } from "./console.ts";
import { doubled, hasEnded, runsOf, wasAccepted } from "./host-truth.ts";
import { connections, killAll, sshClients } from "./processes.ts";
import { Findings, type Result } from "./result.ts";
import { chanceOf } from "./seeded.ts";

export interface KillsWish {
  readonly seed: number;
  readonly points: number;
  readonly lanes: number;
  readonly stop?: AbortSignal;
}

const FAULTS = ["the console", "its ssh", "the console and its ssh", "sshd's child"] as const;
/** To every so many points one more, before the host took the request in: then the truth may be that nothing ran. */
const EARLY_IN = 10;
/** How long an outcome may take to be learnt; the console asks every 5 s at most. */
const LEARN_WITHIN_MS = 90_000;

const WHEN = { early: "before it was taken in", during: "in the run", late: "after its end" } as const;

interface Point {
  readonly id: string;
  readonly fault: (typeof FAULTS)[number];
  readonly early: boolean;
  /** Where in the wait for the host, or in the run, it strikes: 0 to 1. */
  readonly at: number;
}

export async function kills({ seed, points, lanes, stop }: KillsWish): Promise<Result> {
  const chance = chanceOf(seed);
  const findings = new Findings("kills of a cycle", seed);
  const early = Math.ceil(points / EARLY_IN);
  const waiting: Point[] = Array.from({ length: points + early }, (_, n) => ({
    id: `kill-${seed}-${n}`,
    fault: FAULTS[n % FAULTS.length]!,
    early: n >= points,
    at: chance.next(),
  }));
  await Promise.all(
    Array.from({ length: lanes }, (_, n) =>
      lane(n, waiting, points, findings, stop).catch((error) => findings.bad("unresolved", `lane ${n}: ${error}`)),
    ),
  );
  return findings.result(Object.values(WHEN).reduce((sum, when) => sum + (findings.saw[when] ?? 0), 0));
}

async function lane(
  number: number,
  waiting: Point[],
  points: number,
  findings: Findings,
  stop: AbortSignal | undefined,
): Promise<void> {
  await using ends = new AsyncDisposableStack();
  const place = await startRealPlace({ percent: 20 });
  ends.defer(() => place.end());
  place.host.knob("slow.stop", "0.3");
  place.host.knob("slow.start", "0.3");
  const dir = tempDir("faults-kills");
  ends.defer(() => cleanUp(dir));
  const console_ = await FaultyConsole.start(`console ${number}`, dir, place.settings());
  ends.defer(() => console_.end());

  const whole = await measure(console_, place.host, `whole-${number}-of-kills`);
  for (let point = waiting.pop(); point && !stop?.aborted; point = waiting.pop()) {
    const when = await strike(point, console_, place.host, whole, findings);
    // It still counts, but not as a kill in the run: another one, nearer to the beginning.
    if (when === WHEN.late && (findings.saw[when] ?? 0) < points)
      waiting.push({ ...point, id: `${point.id}b`, at: point.at * 0.8 });
    const last = runsOf(place.host).at(-1)!;
    whole.run_ms = last.ended - last.began;
  }
  for (const sentence of doubled(place.host, runsOf(place.host))) findings.bad("duplicated", sentence);
}

interface Whole {
  readonly taken_in_ms: number;
  /** Of the newest run, since the machine may be busier or freer by now. */
  run_ms: number;
}

/** One whole cycle, and nothing struck: how long its parts take here and now. */
async function measure(console_: FaultyConsole, host: PveHost, id: string): Promise<Whole> {
  const began = performance.now();
  await console_.ask("POST", "/api/pve/cycle", { request_id: id }, false);
  await until("the host took it in", () => wasAccepted(host, id));
  const taken_in_ms = performance.now() - began;
  await until("it ended", () => hasEnded(host, id));
  const run_ms = performance.now() - began - taken_in_ms;
  await until("the console knows", async () => (await console_.ask("GET", actionAt(id)))?.body.state === "ended");
  return { taken_in_ms, run_ms };
}

const actionAt = (id: string): string => `/api/pve/actions/${id}`;

async function strike(
  point: Point,
  console_: FaultyConsole,
  host: PveHost,
  whole: Whole,
  findings: Findings,
): Promise<string> {
  const { id, fault, early, at } = point;
  const before = host.ledger().length;
  const tap = (wait: boolean) => console_.ask("POST", "/api/pve/cycle", { request_id: id }, wait);
  const first = tap(false);
  if (!early) await until(`the host took in ${id}`, () => wasAccepted(host, id));
  await Bun.sleep(at * (early ? whole.taken_in_ms : whole.run_ms));
  const over = hasEnded(host, id);
  const struck = await inflict(fault, console_, host, id);
  const when = early ? WHEN.early : over || struck === 0 ? WHEN.late : WHEN.during;
  findings.note(`${id}: ${fault} killed ${when} (${at.toFixed(2)}${struck === 0 ? "; it was gone already" : ""})`);
  findings.count(when);

  const acknowledged = (await first)?.status === 202;
  // The operator taps again whatever they saw; an id that is known answers its first action.
  const again = await tap(false);
  if (again?.status !== 202 || again.body.id !== id)
    findings.bad("lost", `${id}: the tap after the fault met ${again?.status} ${JSON.stringify(again?.body)}`);
  let said: Said | null = null;
  const from = performance.now();
  while (performance.now() - from < LEARN_WITHIN_MS) {
    said = ((await console_.ask("GET", actionAt(id)))?.body as Said | undefined) ?? null;
    if (said?.state === "ended") break;
    await Bun.sleep(50);
  }
  findings.note(`${id}: ${said?.state} ${said?.outcome}, ${said?.why}`);
  judge(point, said, acknowledged, before, console_, host, findings);
  await sameAgain(point, said, console_, host, findings);
  return when;
}

async function inflict(fault: Point["fault"], console_: FaultyConsole, host: PveHost, id: string): Promise<number> {
  switch (fault) {
    case "its ssh":
      return killAll(sshClients(console_.dir, id));
    case "sshd's child":
      return killAll(connections(host.world, id));
    case "the console":
      await console_.killAndStart();
      return 1;
    case "the console and its ssh": {
      let struck = 0;
      await console_.killAndStart(() => {
        struck = killAll(sshClients(console_.dir, id));
      });
      return struck;
    }
    default:
      return fault satisfies never;
  }
}

function judge(
  { id, early }: Point,
  said: Said | null,
  acknowledged: boolean,
  before: number,
  console_: FaultyConsole,
  host: PveHost,
  findings: Findings,
): void {
  const run = runsOf(host).find((one) => one.id === id);
  const calls = host.ledger().slice(before);
  const ran = ["stop ", "start "].map((word) => calls.filter((line) => line.startsWith(word)).length);
  if (ran.some((times) => times > 1))
    findings.bad("duplicated", `${id}: stop and start ran ${ran.join(" and ")} times`);
  if (run?.ran && ran.join() !== "1,1") findings.bad("lost", `${id}: stop and start ran ${ran.join(" and ")} times`);
  if (host.qemu() === null) findings.bad("lost", `${id}: the VM was left off`);
  const written = console_.written().filter((one) => one.id === id);
  const intents = written.flatMap((one) => one.kinds).filter((kind) => kind === "requested").length;
  if (intents > 1) findings.bad("duplicated", `${id}: it stands in the log ${intents} times`);
  if (intents === 0) findings.bad("lost", `${id}: it is not in the log${acknowledged ? ", and was acknowledged" : ""}`);
  const amiss = said === null ? `${id}: the console does not know it` : disagreement(said, run);
  if (amiss) findings.bad("unresolved", amiss);
  if (said && run?.ran && evidenceMissing(said, run) > 0)
    findings.bad("lost", `${id}: ${evidenceMissing(said, run)} lines of the host's record are not shown`);
  if (said?.outcome === "done") findings.count("ran once and done");
  else if (!run?.ran && early) findings.count("never taken in, and said so");
  else if (!amiss) findings.bad("unresolved", `${id}: ${said?.outcome}, ${said?.why}`);
}

/** The same tap again, now waiting for the answer: the first action, its outcome, and nothing runs. */
async function sameAgain(
  { id }: Point,
  said: Said | null,
  console_: FaultyConsole,
  host: PveHost,
  findings: Findings,
): Promise<void> {
  const before = host.ledger().filter(changes).length;
  const answer = await console_.ask("POST", "/api/pve/cycle", { request_id: id });
  const { action, outcome, exit_code } = answer?.body ?? {};
  const status = said?.exit_code === 0 ? 200 : 502;
  if (answer?.status !== status || action !== id || outcome !== said?.outcome || exit_code !== said?.exit_code)
    findings.bad("lost", `${id}: the same tap again met ${answer?.status} ${action} ${outcome} ${exit_code}`);
  if (host.ledger().filter(changes).length !== before) findings.bad("duplicated", `${id}: the same tap again ran it`);
  const held = (await console_.ask("GET", "/api/pve/cycle"))?.body.running;
  if (held !== null || sshClients(console_.dir, id).length > 0)
    findings.bad("unresolved", `${id}: something still runs: ${JSON.stringify(held)}`);
}

const changes = (line: string): boolean => /^(start|stop|reset) /.test(line);
