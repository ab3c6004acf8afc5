/**
 * Seeded operations, all at once: two consoles on one PVE host, several clients each, who tap, tap twice, send earlier ids again
 * to either console or with another verb, and look, while consoles, ssh clients and connections are killed. In the end, from
 * the host's own record and from both logs: no two runs at a time, none twice, none lost, and nobody says what is not so.
 */
import { until } from "../support/pve-host.ts";
import { startRealPlace } from "../support/real-place.ts";
import { cleanUp, tempDir } from "../support/server.ts";
import { FaultyConsole } from "./console.ts";
import { connections, killAll, sshClients } from "./processes.ts";
import { reckon } from "./reckoning.ts";
import { Findings, type Result } from "./result.ts";
import { type Chance, chanceOf } from "./seeded.ts";
import { type Tap, Taps } from "./taps.ts";

export interface InterleavingsWish {
  readonly seed: number;
  readonly operations: number;
  readonly stop?: AbortSignal;
}

/** How long the last outcomes may take to be learnt, after everything has healed. */
const LEARN_WITHIN_MS = 90_000;

/** The console of each client. */
const CLIENTS = [0, 0, 0, 1, 1] as const;

/** As long as a person looks at what runs before they do something else. */
const WATCH_FOR_MS = 6_000;

/** What a client may do next, by how often. */
const OPERATIONS = {
  tap: 28,
  "tap on both": 5,
  "tap three times": 4,
  again: 16,
  "again elsewhere": 12,
  "another verb": 7,
  "another verb elsewhere": 6,
  look: 10,
  "kill the console": 4,
  "kill an ssh": 5,
  "kill a connection": 3,
} as const;

const VERBS = { cycle: 40, stop: 25, start: 20, reset: 15 } as const;

export async function interleavings({ seed, operations, stop }: InterleavingsWish): Promise<Result> {
  await using ends = new AsyncDisposableStack();
  const findings = new Findings("interleavings of two consoles", seed);
  const place = await startRealPlace({ percent: 15 });
  ends.defer(() => place.end());
  place.host.knob("slow.stop", "0.2");
  const consoles: FaultyConsole[] = [];
  for (const name of ["east", "west"]) {
    const dir = tempDir(`faults-${name}`);
    ends.defer(() => cleanUp(dir));
    const one = await FaultyConsole.start(name, dir, place.settings());
    ends.defer(() => one.end());
    consoles.push(one);
  }

  const taps = new Taps(findings);
  let left = operations;
  await Promise.all(
    CLIENTS.map(async (home, number) => {
      const chance = chanceOf(seed, number);
      const here = consoles[home]!;
      const scene = { chance, here, there: consoles[1 - home]!, taps, findings, world: place.host.world };
      for (let n = 0; left > 0 && !stop?.aborted; n++) {
        left--;
        await operation({ ...scene, id: `mix-${seed}-${number}-${n}` }).catch((error) =>
          findings.bad("unresolved", `client ${number} at operation ${n}: ${error}`),
        );
        // Some watch what holds the VM and tap as it lets go, all at the same moment; some are impatient.
        if (chance.next() < 0.7) await free(here);
        await Bun.sleep(chance.upto(80));
      }
    }),
  );

  if (stop?.aborted) return findings.result(operations - left);
  findings.note("all clients have gone; every action comes to its end");
  for (const one of consoles) {
    await one.up();
    await until(
      `nothing runs on ${one.name}`,
      () => one.written().every((action) => action.kinds.some(isEnd)),
      LEARN_WITHIN_MS,
    ).catch(() => findings.note(`${one.name}: some actions have not ended`));
  }
  await reckon(place.host, consoles, taps, findings);
  return findings.result(operations);
}

async function free(console_: FaultyConsole): Promise<void> {
  const began = performance.now();
  while (performance.now() - began < WATCH_FOR_MS) {
    if ((await console_.ask("GET", "/api/pve/cycle"))?.body.running === null) return;
    await Bun.sleep(100);
  }
}

const isEnd = (kind: string): boolean => kind === "finished" || kind === "learned";

interface Scene {
  readonly chance: Chance;
  readonly here: FaultyConsole;
  readonly there: FaultyConsole;
  readonly taps: Taps;
  /** A request id that nobody has used. */
  readonly id: string;
  readonly world: string;
  readonly findings: Findings;
}

async function operation({ chance, here, there, taps, id, world, findings }: Scene): Promise<void> {
  const what = chance.weighed(OPERATIONS);
  const fresh: Tap = { id, verb: chance.weighed(VERBS), override: null };
  // A program that waits for the outcome, or one that looks for it later.
  const wait = chance.next() < 0.3;
  const earlier = taps.earlier(chance.next());
  switch (what) {
    case "tap":
      return taps.send(here, fresh, wait);
    case "tap on both":
      findings.count("taps on both");
      await Promise.all([taps.send(here, fresh, wait), taps.send(there, fresh, false)]);
      return;
    case "tap three times":
      await Promise.all([taps.send(here, fresh, wait), taps.send(here, fresh, false), taps.send(here, fresh, false)]);
      return;
    case "again":
      findings.count("sent again");
      return taps.send(here, earlier ?? fresh, wait);
    case "again elsewhere":
      findings.count("sent again elsewhere");
      return taps.send(there, earlier ?? fresh, wait);
    case "another verb":
      return taps.send(here, otherwise(earlier ?? fresh, chance), wait);
    case "another verb elsewhere":
      return taps.send(there, otherwise(earlier ?? fresh, chance), wait);
    case "look":
      return taps.look(here, chance.next());
    case "kill the console":
      findings.note(`${here.name} is killed${wait ? " with its ssh" : ""}`);
      // Sometimes its ssh dies with it, as when the machine goes down.
      return here.killAndStart(wait ? () => void killAll(sshClients(here.dir)) : undefined);
    case "kill an ssh": {
      const struck = killAll(sshClients(here.dir).slice(0, 1));
      findings.count("ssh clients killed", struck);
      return findings.note(`${struck} ssh of ${here.name} killed`);
    }
    case "kill a connection": {
      const struck = killAll(connections(world).slice(0, 1));
      findings.count("connections killed", struck);
      return findings.note(`${struck} connections killed`);
    }
    default:
      return what satisfies never;
  }
}

/** The same id for something else: another verb, or the same one with a lock to override. */
function otherwise(tap: Tap, chance: Chance): Tap {
  if (chance.next() < 0.25) return { ...tap, override: tap.override === null ? "backup" : null };
  const verb = chance.pick((["cycle", "stop", "start", "reset"] as const).filter((one) => one !== tap.verb));
  return { ...tap, verb };
}
