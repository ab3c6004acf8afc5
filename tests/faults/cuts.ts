/**
 * Links that are cut at any byte: clients of every kind (page and program, compressed and plain, by their last id or by ?after) read
 * one session of a real server while entries flow, each through a proxy that cuts every connection somewhere, and come back as a
 * browser does. In the end each one's transcript must be the log's: nothing missing, nothing twice, in order.
 */
import { callingClaude } from "../support/calling-claude.ts";
import { cleanUp, startServer, type TestServer, tempDir } from "../support/server.ts";
import { CutClient, type Kind } from "./cut-client.ts";
import { judge, nobodyLeft, readLog } from "./cut-oracle.ts";
import { type Cut, startCuttingProxy } from "./cutting.ts";
import { Findings, type Result } from "./result.ts";
import { type Chance, chanceOf } from "./seeded.ts";

export interface CutsWish {
  readonly seed: number;
  readonly cuts: number;
  readonly stop?: AbortSignal;
}

const KINDS: readonly Kind[] = [
  { format: "html", gzip: true, resumes: "both" },
  { format: "html", gzip: false, resumes: "header" },
  { format: "html", gzip: true, resumes: "after" },
  { format: "html", gzip: true, resumes: "both", thin: true },
  { format: "json", gzip: true, resumes: "header" },
  { format: "json", gzip: false, resumes: "both" },
  { format: "json", gzip: false, resumes: "after" },
  { format: "json", gzip: true, resumes: "both" },
];

/** Where a cut falls, bytes of the answer: in its head, in the first frames, and so on; compressed, the same frames are fewer bytes. */
const PLACES = {
  head: [0, 420],
  first: [300, 1500],
  early: [1000, 5000],
  late: [4000, 20_000],
  silence: [1e9, 1e9 + 1],
};
const WEIGHTS = { head: 10, first: 35, early: 35, late: 12, silence: 8 };
/** A link that is cut in silence is cut within this. */
const SILENT_MS = 400;

/** One turn's lines; what is between two of them, turn by turn; and how long the long ones are, so that cuts fall into frames. */
const LINES = 400;
const EVERY_MS = [2, 0, 1, 0];
const LONG = 600;
/** Nobody writes on while somebody is so many entries behind, or on a slow machine nobody would ever catch up. */
const BEHIND = 1500;
/** How long the last entries may take to reach everybody, once nothing is cut any more. */
const CATCH_UP_MS = 60_000;

export async function cuts({ seed, cuts, stop }: CutsWish): Promise<Result> {
  await using ends = new AsyncDisposableStack();
  const findings = new Findings("links cut at any byte", seed);
  const dir = tempDir("cuts");
  ends.defer(() => cleanUp(dir));
  const server = await startServer(dir, { ...callingClaude(dir, "counts"), BREAKGLASS_SSE_KEEPALIVE_SECONDS: "1" });
  ends.defer(async () => void (await server.stop()));
  const session = await post<{ session_id: string }>(server, "/api/session", {});
  const { session_id } = session;

  // Each has its share: who reads compressed meets fewer bytes, and would hardly be cut otherwise.
  const left = KINDS.map((_, number) => Math.floor((cuts + number) / KINDS.length));
  const cutsLeft = () => (stop?.aborted ? 0 : left.reduce((sum, n) => sum + n, 0));
  const clients: CutClient[] = [];
  for (const [number, kind] of KINDS.entries()) {
    const chance = chanceOf(seed, number);
    const name = `cut-${seed}-${number}`;
    const plan = () => {
      if (left[number]! <= 0 || stop?.aborted) return null;
      left[number]!--;
      return cutFor(kind, chance);
    };
    const proxy = await startCuttingProxy(server.port, plan);
    ends.defer(() => proxy.stop());
    clients.push(new CutClient(name, kind, server, session_id, proxy, findings));
  }

  const log = readLog(dir, session_id);
  ends.defer(() => log.close());
  const reading = Promise.all(clients.map((client) => client.read()));
  for (let turn = 1; cutsLeft() > 0; turn++) {
    const word = `line${turn}${turn % 3 === 0 ? "_long".repeat(LONG / 5) : ""}`;
    const every_ms = EVERY_MS[turn % EVERY_MS.length];
    await post(server, `/api/session/${session_id}/prompt`, { prompt: `COUNT ${LINES} ${every_ms} ${word}` });
    // Cards that change after they were shown: a check and an action, with a turn's lines around them.
    if (turn % 5 === 2) await post(server, "/api/check/disk", { session: session_id });
    if (turn % 5 === 1) await post(server, "/api/pve/status", {});
    while (await turnRuns(server, session_id)) await Bun.sleep(25);
    while (cutsLeft() > 0 && clients.some((client) => log.head() - client.at > BEHIND)) await Bun.sleep(25);
  }
  findings.note("nothing is cut any more");

  // Everything has come to its end here: what is the log's last word is everybody's.
  const newest = log.head();
  for (const client of clients) client.upto = newest;
  const giveUp = () => {
    for (const client of clients) client.giveUp();
  };
  const late = setTimeout(giveUp, CATCH_UP_MS);
  if (stop?.aborted) giveUp();
  await reading;
  clearTimeout(late);
  if (!stop?.aborted) {
    await judge(server, session_id, log.rows(), clients, findings);
    await nobodyLeft(server, session_id, findings);
  }
  findings.count("entries", log.rows().length);
  return findings.result(cuts - left.reduce((sum, n) => sum + n, 0));
}

function cutFor(kind: Kind, chance: Chance): Cut {
  const place = chance.weighed(WEIGHTS);
  const [from, to] = PLACES[place] as [number, number];
  const bytes = from + chance.upto(to - from);
  return {
    after_bytes: kind.gzip && place !== "head" ? 300 + Math.floor((bytes - 300) / 16) : bytes,
    after_ms: place === "silence" ? 30 + chance.upto(SILENT_MS) : null,
    how: chance.next() < 0.5 ? "FIN" : "RST",
  };
}

async function post<T>(server: TestServer, path: string, body: object): Promise<T> {
  const headers = { origin: server.url, "content-type": "application/json" };
  const response = await fetch(`${server.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path} met ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

async function turnRuns(server: TestServer, session: string): Promise<boolean> {
  const answer = await fetch(`${server.url}/sessions/${session}`, { headers: { accept: "application/json" } });
  return ((await answer.json()) as { turn_active: boolean }).turn_active;
}
