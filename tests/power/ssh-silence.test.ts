/**
 * A far end that says nothing, by real ssh over real TCP: before the banner, at the sign-in, in the midst of a run. The verdict is
 * `unknown` soon after the last byte, nothing runs twice, and the target is free again only when nothing of it can still happen.
 * All cases wait at the same time: the waiting is the promise.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { SqliteLog } from "../../src/log/sqlite.ts";
import { Power } from "../../src/power/carry-out.ts";
import { pveOverSsh } from "../../src/power/pve.ts";
import { connections, sshClients } from "../faults/processes.ts";
import { openTestConsole, type TestConsole } from "../support/console.ts";
import { until } from "../support/pve-host.ts";
import { type RealPlace, startRealPlace, TOKEN } from "../support/real-place.ts";
import { scrubbed } from "../support/server.ts";
import { startSilentLink } from "../support/silent-link.ts";
import { startSshd } from "../support/sshd.ts";

setDefaultTimeout(110_000);

let place: RealPlace;
/** Ended in the end, the newest first. */
const open: (() => unknown)[] = [];

beforeAll(async () => {
  place = await startRealPlace();
  open.push(() => place.end());
});
afterAll(async () => {
  for (const end of open.reverse()) await end();
});

async function consoleOn(port: number, of: RealPlace = place) {
  const console_ = await openTestConsole(of.settings({ ...of.host.sshd, port }));
  open.push(() => console_.close());
  const bearer = { authorization: `Bearer ${TOKEN}` };
  const { power, targets } = console_.parts.power;
  const target = targets[0]!;
  return {
    console_,
    target,
    power,
    held: () => power.holder(target) !== null,
    action: (id: string) => power.find(target, id),
    /** Waits for the verdict, as a program does. */
    post: async (verb: string, body: unknown = {}) => {
      const response = await console_.post(`/api/pve/${verb}`, body, bearer);
      return { code: response.status, said: (await response.json()) as Record<string, unknown> };
    },
  };
}

/** The kinds of an action's entries in their order, and whether the target was held when each was written. */
function watched({ console_, held }: { console_: TestConsole; held: () => boolean }, id: string) {
  const seen: { kind: string; held: boolean }[] = [];
  console_.parts.console.log.follow((entries) => {
    for (const { about, kind } of entries) if (about === id) seen.push({ kind, held: held() });
  });
  return {
    kinds: () => seen.map(({ kind }) => kind).filter((kind) => kind !== "printed"),
    heldThroughout: () => seen.length > 0 && seen.every((entry) => entry.held),
  };
}

/** As far as the sentence goes that SAFETY gives: beyond this the console waits for something that never comes. */
const AT_MOST_MS = 60_000;
async function soon<T>(what: string, work: Promise<T>): Promise<T> {
  const late = Bun.sleep(AT_MOST_MS).then(() => {
    throw new Error(`still not: ${what}`);
  });
  return Promise.race([work, late]);
}

/** Newer versions of ssh see such a silence themselves, after 15 s; for any other the limit is ours. */
const GAVE_UP = /ssh gave up, exit code 255: nothing more came|ssh said nothing|s without a word/;

for (const silence of ["before the banner", "at the sign-in"] as const)
  test.concurrent(`silence ${silence}: reads fail with a sentence, a cycle is unknown and held; the host's return frees it, and nothing ran`, async () => {
    const link = await startSilentLink(place.host.sshd.port, silence);
    open.push(() => link.stop());
    const there = await consoleOn(link.port);
    const id = `silent-${silence.replaceAll(" ", "-")}`;
    const seen = watched(there, id);
    const [status, forensics, cycle] = await soon(
      "a verdict",
      Promise.all([there.post("status"), there.post("forensics"), there.post("cycle", { request_id: id })]),
    );
    const why = silence === "before the banner" ? /banner/ : GAVE_UP;
    for (const { code, said } of [status, forensics]) {
      expect(code).toBe(502);
      expect(said).toMatchObject({ outcome: "failed", why: expect.stringMatching(why) });
    }
    expect(link.hung()).toBeGreaterThanOrEqual(3); // else this proves nothing
    expect(cycle.code).toBe(502);
    expect(cycle.said).toMatchObject({ outcome: "unknown", exit_code: null });
    // It says what is known: how it broke, and that nothing at all was heard.
    expect(cycle.said.why).toMatch(silence === "before the banner" ? /banner/ : GAVE_UP);
    expect(there.action(id)).toMatchObject({ state: "running", stdout: "" });
    expect(there.held()).toBe(true);
    expect((await there.post("stop")).code).toBe(409);
    // What was sent can't get through any more, whenever the far end wakes.
    await until("our ssh is gone", () => sshClients(there.console_.dir, id).length === 0);
    expect(there.held()).toBe(true);
    link.falls("never");
    link.cut();
    await until("its host said that it never ran", () => there.action(id)?.state === "ended", AT_MOST_MS);
    expect(there.action(id)).toMatchObject({ outcome: "failed", why: expect.stringContaining("never started there") });
    await until("the target is free", () => !there.held());
    expect(seen.kinds()).toEqual(["requested", "lost", "learned"]);
    expect(seen.heldThroughout()).toBe(true);
    expect(existsSync(place.host.record(id))).toBe(false);
  });

for (const hangs of ["sshd itself", "the script behind it"] as const)
  test.concurrent(`silence in the midst of a cycle, ${hangs} hangs: unknown and held, then the host's own record says how it ended, and it ran once`, async () => {
    const here = await startRealPlace();
    open.push(() => here.end());
    const there = await consoleOn(here.host.sshd.port, here);
    const id = `midst-${hangs.replaceAll(" ", "-")}`;
    const seen = watched(there, id);
    const before = here.host.qemu();
    const verdict = there.post("cycle", { request_id: id });
    await until("evidence came", () => there.action(id)?.stdout.includes("\nsection ") ?? false);
    const [sshd] = connections(here.host.world, id);
    expect(sshd).toBeGreaterThan(0);
    const struck = hangs === "sshd itself" ? [sshd!] : childrenOf(sshd!);
    expect(struck.length).toBeGreaterThan(0); // else this proves nothing
    for (const pid of struck) process.kill(pid, "SIGSTOP");
    open.push(() => {
      for (const pid of struck)
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // It saw its connection close, and ended.
        }
    });
    const { code, said } = await soon("a verdict", verdict);
    expect(code).toBe(502);
    expect(said).toMatchObject({ outcome: "unknown", exit_code: null });
    expect(said.why).toMatch(hangs === "sshd itself" ? GAVE_UP : /nothing more for \d+ s; the run goes on/);
    expect(said.stdout).toContain("\nsection "); // what is known
    await until("its host said how it ended", () => there.action(id)?.state === "ended", AT_MOST_MS);
    expect(there.action(id)).toMatchObject({ outcome: "done", exit_code: 0 });
    await until("the target is free", () => !there.held());
    expect(seen.kinds().slice(0, 3)).toEqual(["requested", "lost", "learned"]);
    expect(seen.heldThroughout()).toBe(true);
    expect(here.host.ledger().filter((line) => line.startsWith("start 102"))).toHaveLength(1);
    expect(here.host.qemu()).not.toBeNull();
    expect(here.host.qemu()).not.toBe(before);
  });

test.concurrent("the first system's script behind a sign-in that hangs: unknown, held while it could still begin, and never let through afterwards", async () => {
  const dir = join(place.dir, "silent-legacy");
  mkdirSync(dir);
  const legacy = await startSshd({
    dir: join(dir, "sshd"),
    forced: resolve(import.meta.dir, "../support/legacy-pve"),
    env: { LEGACY_DIR: dir },
  });
  open.push(() => legacy.stop());
  const link = await startSilentLink(legacy.port);
  open.push(() => link.stop());
  const far = { host: "127.0.0.1", port: link.port, user: legacy.user };
  const target = { id: "devvm", name: "devvm", vmid: 102, vm: far, pve: far, lab: false };
  const ssh = {
    program: ["ssh"],
    known_hosts: join(dir, "known_hosts"),
    host_keys: "accept-new" as const,
    identity: legacy.identity,
  };
  const pve = pveOverSsh({ ssh, env: scrubbed(), runs_dir: join(dir, "runs"), targetsOn: () => 1 });
  const log = new SqliteLog(":memory:");
  open.push(() => log.close());
  // What the script itself takes is 130 s; here nothing of it ever begins.
  const power = new Power({ log, pve, limit_ms: 2000, legacy_silence_ms: 4000, stirred: () => {} });
  open.push(() => power.close());
  expect(await pve.meet(target)).toBe("legacy");
  link.falls("at the sign-in");
  const id = "silent-legacy";
  await power.carryOut({ id, verb: "cycle", target, by: "test", override: null });
  expect(await soon("a verdict", power.settled(target, id))).toMatchObject({ outcome: "unknown", state: "running" });
  await until("it is asked for", () => power.find(target, id)!.why.includes("keeps no record"));
  // A run of this script would end with its ssh, which may still be at work: it is left alone, and the target held.
  expect(bareWords(dir)).toContain("cycle");
  expect(power.holder(target)).not.toBeNull();
  link.falls("never");
  await until("it is let go", () => power.find(target, id)?.state === "ended", AT_MOST_MS);
  expect(power.find(target, id)).toMatchObject({
    outcome: "unknown",
    why: expect.stringContaining("can't prove that cycle came to its end"),
  });
  await until("the target is free", () => power.holder(target) === null);
  await until("our ssh is gone", () => !bareWords(dir).includes("cycle"));
  const words = readFileSync(join(dir, "words"), "utf8").split("\n");
  expect(words).toContain("status");
  expect(words).not.toContain("cycle");
});

/** What the ssh clients of a console were told to say. */
function bareWords(data_dir: string): string[] {
  return processes().flatMap((pid) => {
    const argv = textOf(`/proc/${pid}/cmdline`).split("\0").slice(0, -1);
    return argv[0] === "ssh" && argv.includes(`UserKnownHostsFile=${data_dir}/known_hosts`) ? [argv.at(-1)!] : [];
  });
}

function childrenOf(parent: number): number[] {
  return processes().filter((pid) => textOf(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ")[1] === String(parent));
}

const processes = (): number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
