/**
 * The console's own disk hangs, as a dead controller or a lost network volume makes it: no error, no end. The page and the verbs
 * go on, and what could not be written is written once when it answers. The disk is real, and so is the hang.
 */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AuditTable } from "../../src/audit/table.ts";
import { verifyFile } from "../../src/audit/terminal.ts";
import { ALWAYS_ANSWERS, ProbedDisk } from "../../src/log/disk.ts";
import { LogUnwritable } from "../../src/log/log.ts";
import { SqliteLog } from "../../src/log/sqlite.ts";
import { type HangingDisk, hangingDisk, noHangingDisk } from "../support/hanging-disk.ts";
import { cleanUp, startServer, type TestServer, tempDir } from "../support/server.ts";
import { caughtUp, readSse } from "../support/sse.ts";

const LONG = 60_000;
/** Whatever becomes of a test, its disk answers again after this long, s. */
const AT_MOST_S = 40;

const why_not = noHangingDisk();
const onHangingDisk = (name: string, work: (disk: HangingDisk) => Promise<void>) =>
  why_not === null
    ? test(
        name,
        async () => {
          using disk = hangingDisk();
          await work(disk);
        },
        LONG,
      )
    : test.skip(`NOT RUN, since ${why_not}: ${name}`, () => {});

/** A lab whose console has its data on that disk. The simulated host is another machine, and has its own. */
async function withConsole(disk: HangingDisk, work: (console_: TestServer, data: string) => Promise<void>) {
  const world = tempDir("hung-world");
  const data = join(disk.dir, "data", "lab");
  mkdirSync(data, { recursive: true, mode: 0o700 });
  symlinkSync(world, join(data, "world"));
  const console_ = await startServer(join(disk.dir, "data"));
  try {
    await work(console_, data);
  } finally {
    disk.heal();
    await console_.stop("SIGKILL");
    cleanUp(world);
    rmSync(world, { recursive: true, force: true });
  }
}

const jsonOf = async (response: Response) => (await response.json()) as Record<string, any>;

function client({ url }: TestServer) {
  const headers = { origin: url, "content-type": "application/json", accept: "application/json" };
  return {
    get: (path: string, accept = "text/html") => fetch(url + path, { headers: { accept } }),
    post: (path: string, body: unknown = {}, more: Record<string, string> = {}) =>
      fetch(url + path, { method: "POST", headers: { ...headers, ...more }, body: JSON.stringify(body) }),
  };
}

onHangingDisk(
  "the page and the verbs go on while the disk hangs, and all is on it once when it answers",
  async (disk) => {
    await withConsole(disk, async (server, data) => {
      const { get, post } = client(server);
      const session = (await jsonOf(await post("/api/session"))).session_id as string;
      const html = readSse(await get(`/api/session/${session}/stream`));
      const stream = readSse(await get(`/api/session/${session}/stream?format=json`));
      await Promise.all([html.until(caughtUp), stream.until(caughtUp)]);

      disk.hang(AT_MOST_S);
      expect((await get("/health")).status).toBe(200);
      expect((await get("/")).status).toBe(200);
      expect((await get("/status")).status).toBe(200);
      const status = await jsonOf(await post("/api/pve/status"));
      expect([status.outcome, status.verb]).toEqual(["done", "status"]);
      const cycled = await jsonOf(await post("/api/pve/cycle", { request_id: "hung-cycle-1" }));
      expect(cycled.outcome).toBe("done");
      const ran = async () =>
        (await jsonOf(await get("/api/pve/actions", "application/json"))).actions.map((a: { id: string }) => a.id);
      const [, status_id] = await ran();
      expect(await ran()).toEqual(["hung-cycle-1", status_id]);
      await stream.until((frames) =>
        [status_id, "hung-cycle-1"].every((id) =>
          frames.some((f) => f.data?.includes(`"id":"${id}"`) && f.data.includes('"outcome":"done"')),
        ),
      );
      await html.until((frames) => frames.some((f) => f.data?.includes("disk does not answer")));
      const says = "disk does not answer: verbs work, prompts and checks are refused";
      const shown = async () => (await (await get("/")).text()).includes(says);
      expect(await shown()).toBe(true);
      expect(await (await get("/status", "text/plain")).text()).toContain("disk does not answer");
      const prompt = await post(`/api/session/${session}/prompt`, { prompt: "is it up?" });
      expect([prompt.status, (await jsonOf(prompt)).detail]).toEqual([503, expect.stringContaining("does not answer")]);
      const sentinel = JSON.parse(
        server
          .output()
          .split("\n")
          .find((line) => line.startsWith('{"audit":') && line.includes("hung-cycle-1"))!,
      );
      expect(sentinel).toMatchObject({ audit: { what: "cycle" }, not_on_disk: expect.stringContaining("not answer") });
      const audit = await jsonOf(await get("/audit", "application/json"));
      expect(audit.chain).toMatchObject({ is: "whole", trouble: expect.stringContaining("does not answer") });
      expect(audit.chain.pending).toBeGreaterThan(0);
      // The same again, while nothing is on the disk: the first action, and no second run.
      expect(await jsonOf(await post("/api/pve/cycle", { request_id: "hung-cycle-1" }))).toEqual(cycled);
      expect(await ran()).toEqual(["hung-cycle-1", status_id]);

      disk.heal();
      while ((await jsonOf(await get("/audit", "application/json"))).chain.pending > 0) await Bun.sleep(50);
      expect(await shown()).toBe(false);
      expect((await jsonOf(await get("/audit", "application/json"))).chain).toMatchObject({ is: "whole", trouble: "" });
      expect((await post(`/api/session/${session}/prompt`, { prompt: "is it up?" })).status).toBe(200);
      expect(await server.stop()).toBe(0);

      const path = join(data, "breakglass.db");
      const db = new Database(path, { readonly: true });
      const of = (sql: string) => db.query(sql).all();
      expect(of("select kind, about from entry where kind in ('requested', 'finished') order by seq")).toEqual(
        [status_id, "hung-cycle-1"].flatMap((about) => [
          { kind: "requested", about },
          { kind: "finished", about },
        ]),
      );
      expect(of("select outcome from audit where request_id = 'hung-cycle-1' order by n")).toEqual([
        { outcome: "" },
        { outcome: "done" },
      ]);
      db.close();
      expect(await verifyFile(path, [])).toMatchObject({ is: "whole" });
    });
  },
);

onHangingDisk("SIGTERM on a disk that hangs: out within the limit", async (disk) => {
  await withConsole(disk, async (server) => {
    const { get, post } = client(server);
    disk.hang(AT_MOST_S);
    // Nobody has opened this console before: its first page has no session yet.
    expect((await get("/")).status).toBe(200);
    const status = await jsonOf(await post("/api/pve/status"));
    expect(status.outcome).toBe("done");
    expect(server.output()).toContain("does not answer"); // else it was never noticed
    const began = performance.now();
    await server.stop("SIGTERM");
    expect(performance.now() - began).toBeLessThan(10_000); // SAFETY.md's promise, not a speed
  });
});

onHangingDisk("SIGTERM before anybody noticed that the disk hangs: out within the limit", async (disk) => {
  await withConsole(disk, async (server) => {
    disk.hang(AT_MOST_S);
    const began = performance.now();
    await server.stop("SIGTERM");
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

/** A disk whose sync hangs: a program of that name stands for it, so that this needs no root. */
function slowSync() {
  const dir = tempDir("slow-sync");
  const bin = join(dir, "bin");
  mkdirSync(bin);
  const program = join(bin, "sync");
  const hold = join(dir, "hold");
  writeFileSync(program, `#!/bin/sh\nwhile [ -e '${hold}' ]; do sleep 0.05; done\n`, { mode: 0o755 });
  const disk = new ProbedDisk(dir, `${bin}:${process.env.PATH}`, 300);
  return {
    dir,
    disk,
    hang: () => writeFileSync(hold, ""),
    heal: () => rmSync(hold),
    [Symbol.dispose]() {
      rmSync(hold, { force: true });
      disk.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

test("while the disk does not answer the log keeps what must go on and refuses the rest; then it writes what it kept, once", async () => {
  using slow = slowSync();
  const log = new SqliteLog(
    join(slow.dir, "log.db"),
    Date.now,
    new AuditTable(null, Date.now, undefined, slow.disk),
    undefined,
    slow.disk,
  );
  const told: (string | null)[] = [];
  log.followIllness(() => told.push(log.illness));
  const draft = (about: string, rescue: boolean) => ({ stream: "target:t", kind: "said", about, body: {}, rescue });
  const before = await log.append(draft("before", false));
  slow.hang();
  while (slow.disk.trouble === null) await log.append(draft("probing", true));
  await expect(log.append(draft("refused", false))).rejects.toThrow(LogUnwritable);
  expect(() => log.erase({ stream: "session:x" }, draft("stub", false))).toThrow("does not answer");
  const { entry } = await log.append({ ...draft("kept", true), once: "k" });
  expect([log.once("k"), log.illness]).toEqual([entry, expect.stringContaining("does not answer")]);
  let later = false;
  slow.disk.later(() => {
    later = true;
  });
  expect(later).toBe(false);
  slow.heal();
  while (log.illness !== null) await Bun.sleep(10);
  expect(later).toBe(true);
  const db = new Database(join(slow.dir, "log.db"), { readonly: true });
  const abouts = db.query("select about from entry where about != 'probing' order by seq").all();
  db.close();
  expect(abouts).toEqual([{ about: before.entry.about }, { about: "kept" }]);
  expect([told[0], told.at(-1)]).toEqual([expect.stringContaining("does not answer"), null]);
  await log.close();
});

test("a connection that would stand still refuses to write instead, and reads on", async () => {
  using slow = slowSync();
  const db = new Database(join(slow.dir, "other.db"));
  db.run("create table t (a)");
  slow.disk.guard(db);
  slow.hang();
  while ((await slow.disk.asked()) === null) await Bun.sleep(10);
  expect(() => db.run("insert into t values (1)")).toThrow("readonly");
  expect(db.query("select * from t").all()).toEqual([]);
  slow.heal();
  while (slow.disk.trouble !== null) await Bun.sleep(10);
  db.run("insert into t values (1)");
  db.close();
});

test("a disk that nobody writes to is not woken", async () => {
  using slow = slowSync();
  await slow.disk.asked();
  const probe = join(slow.dir, "answers");
  const { mtimeMs } = statSync(probe);
  // Longer than an answer counts: whatever asks by itself would ask again.
  await Bun.sleep(500);
  expect(statSync(probe).mtimeMs).toBe(mtimeMs);
});

test("where nothing can ask the disk, it is taken to answer: the log goes on as it did", async () => {
  const dir = tempDir("no-sh");
  const disk = new ProbedDisk(join(dir, "nowhere"), "/nowhere");
  expect(await disk.asked()).toBeNull();
  let done = false;
  disk.later(() => {
    done = true;
  });
  while (!done) await Bun.sleep(5);
  disk.close();
  expect(await ALWAYS_ANSWERS.asked()).toBeNull();
  rmSync(dir, { recursive: true, force: true });
});
