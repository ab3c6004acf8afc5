/** From the tap on a power verb to what the operator sees of it: in the lab, over HTTP, with the stream that pages hang on. */
import { openLabPlace, type Place } from "./place.ts";
import { openWire, type Wire } from "./wire.ts";

export interface Tap {
  /** Until the stream says that the action is running. */
  readonly running_ms: number;
  /** Until it says how the action ended. */
  readonly ended_ms: number;
  /** What it spent on evidence before anything was changed: the time until qm is first asked to act. */
  readonly forensics_ms: number;
}

const ACTS = /# qm (?:stop|start|reset) /;

/** One cycle after the other, on a VM that is healthy each time. */
export async function tapCycles(times: number): Promise<Tap[]> {
  const place = await openLabPlace();
  const session = await place.newSession();
  const wire = await openWire(place.server.port, `/api/session/${session}/stream?format=json`, place.headers);
  try {
    await wire.until((text) => text.includes("event: caught-up"));
    const taps: Tap[] = [];
    for (let i = 0; i < times; i++) taps.push(await tap(place, wire, `bench-cycle-${i}`));
    return taps;
  } finally {
    wire.close();
    await place.end();
  }
}

async function tap(place: Place, wire: Wire, id: string): Promise<Tap> {
  const began = performance.now();
  const since = () => performance.now() - began;
  const says = (state: string) =>
    wire.until((text) => actionsIn(text, id).some((one) => one.state === state)).then(since);
  const shown = says("running");
  const headers = { ...place.headers, prefer: "respond-async", "idempotency-key": id, "sec-fetch-site": "same-origin" };
  const answer = await fetch(`${place.server.url}/api/pve/cycle`, { method: "POST", headers });
  if (answer.status !== 202) throw new Error(`the tap was answered with ${answer.status}: ${await answer.text()}`);
  const running_ms = await shown;
  const forensics_ms = await acts(place, id).then(since);
  const ended_ms = await says("ended");
  const outcome = actionsIn(wire.text, id).at(-1)?.outcome;
  if (outcome !== "done") throw new Error(`${id} ended as ${outcome}; the figure means nothing`);
  return { running_ms, ended_ms, forensics_ms };
}

async function acts(place: Place, id: string): Promise<void> {
  for (let waited = 0; waited < 60_000; waited += 25) {
    const answer = await fetch(`${place.server.url}/api/pve/actions/${id}`, { headers: { ...place.headers } });
    if (ACTS.test(await answer.text())) return;
    await Bun.sleep(25);
  }
  throw new Error(`${id} never came to qm`);
}

interface Told {
  readonly id: string;
  readonly state: string;
  readonly outcome: string | null;
}

function actionsIn(text: string, id: string): Told[] {
  return [...text.matchAll(/^data: (\{"kind":"action".*\})$/gm)]
    .map(([, json]) => (JSON.parse(json!) as { action: Told }).action)
    .filter((action) => action.id === id);
}
