/** What time it is for whoever deletes by age: a clock that was set deletes nothing, time that really passed does. A real log on the disk. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteLog } from "../../src/log/sqlite.ts";
import { Deletions } from "../../src/sessions/deletion.ts";
import { Retention } from "../../src/sessions/retention.ts";
import { Sessions } from "../../src/sessions/session.ts";

const DAY = 86_400_000;
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A console's log, which can be stopped and started again, on a wall clock that can be set and one that can't. */
function openPlace() {
  const dir = mkdtempSync(join(tmpdir(), "bg-kept-"));
  folders.push(dir);
  const clock = { wall: Date.parse("2026-01-01T00:00:00Z"), steady: 0 };
  const pruned: number[] = [];
  const open = () => {
    const log = new SqliteLog(join(dir, "log.db"), () => clock.wall);
    const sessions = new Sessions(
      log,
      () => crypto.randomUUID(),
      () => false,
    );
    const leavings = { count: () => ({ files: 0, bytes: 0 }), remove: () => {} };
    const deletions = new Deletions({ log, sessions, busy: () => null, gone: () => {}, leavings });
    const retention = new Retention({
      log,
      deletions,
      days: 30,
      now: () => clock.wall,
      steady: () => clock.steady,
      pruneFiles: (before) => void pruned.push(before),
    });
    const printed = (id: string) =>
      log.append({ stream: "target:devvm", kind: "printed", about: id, body: { from: "stdout", text: "evidence" } });
    return { log, sessions, retention, printed };
  };
  return {
    clock,
    pruned,
    open,
    pass: (ms: number) => {
      clock.wall += ms;
      clock.steady += ms;
    },
  };
}

test("a clock that jumps a year ahead deletes nothing, at once, after restarts or with new entries by it; set right again all is as it was", async () => {
  const { clock, open, pass, pruned } = openPlace();
  let at = open();
  const old = await at.sessions.open("devvm", "ann");
  await at.printed("act-0001");
  await at.retention.run();
  clock.wall += 365 * DAY;
  const ahead = await at.sessions.open("devvm", "ann");
  expect(await at.retention.run()).toBe(0);
  for (let n = 0; n < 20; n++) {
    await at.log.close();
    at = open();
    expect(await at.retention.run()).toBe(0);
    await at.sessions.open("devvm", "ann");
    pass(60_000);
  }
  expect(at.sessions.find(old)).not.toBeNull();
  expect(at.log.about("target:devvm", "act-0001")).toHaveLength(1);
  clock.wall -= 365 * DAY;
  expect(await at.retention.run()).toBe(0);
  // Ten days really pass, with the right clock: not enough yet.
  for (let n = 0; n < 40; n++) {
    pass(DAY / 4);
    expect(await at.retention.run()).toBe(0);
  }
  // No file younger than is kept was ever meant.
  expect(Math.max(...pruned)).toBeLessThan(Date.parse("2025-12-20T00:00:00Z"));
  for (let n = 0; n < 84; n++) {
    pass(DAY / 4);
    await at.retention.run();
  }
  expect(at.sessions.find(old)).toBeNull(); // 31 days
  expect(at.log.about("target:devvm", "act-0001")).toEqual([]);
  // By its clock it is of next year, and nobody can know better: kept for longer.
  expect(at.sessions.find(ahead)).not.toBeNull();
  await at.log.close();
});

test("time that passed while the console was stopped is caught up with, at most as fast again; a restart alone lets no time pass", async () => {
  const { open, pass } = openPlace();
  let at = open();
  const old = await at.sessions.open("devvm", "ann");
  await at.retention.run();
  await at.log.close();
  pass(40 * DAY);
  for (let n = 0; n < 5; n++) {
    at = open();
    expect(await at.retention.run()).toBe(0);
    await at.log.close();
  }
  at = open();
  let days = 0;
  for (; at.sessions.find(old) !== null && days < 60; days += 0.25) {
    pass(DAY / 4);
    await at.retention.run();
  }
  expect([days > 14, days < 17]).toEqual([true, true]);
  await at.log.close();
});

test("what was written by a clock that stood in the past is not old when the clock is right again", async () => {
  const { clock, open, pass, pruned } = openPlace();
  const at = open();
  await at.sessions.open("devvm", "ann");
  await at.retention.run();
  pass(DAY);
  await at.retention.run();
  const right = clock.wall;
  // A board without a battery begins here, until somebody tells it the time.
  clock.wall = Date.parse("1970-01-02T00:00:00Z");
  const behind = await at.sessions.open("devvm", "ann");
  await at.printed("act-behind");
  expect(await at.retention.run()).toBe(0);
  clock.wall = right;
  pass(DAY / 4);
  const files = pruned.length;
  expect(await at.retention.run()).toBe(0);
  expect(at.sessions.find(behind)).not.toBeNull();
  expect(at.log.about("target:devvm", "act-behind")).toHaveLength(1);
  expect(pruned).toHaveLength(files); // their files would look as old
  for (let n = 0; n < 31 * 4; n++) {
    pass(DAY / 4);
    await at.retention.run();
  }
  expect(at.sessions.find(behind)).toBeNull();
  expect(at.log.about("target:devvm", "act-behind")).toEqual([]);
  await at.log.close();
});
