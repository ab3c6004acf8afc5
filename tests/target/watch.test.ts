/** When a target is asked: while somebody looks, at the pace of who looks, and at once again for who comes back. */
import { expect, setSystemTime, test } from "bun:test";
import { SqliteLog } from "../../src/log/sqlite.ts";
import { Watch } from "../../src/target/watch.ts";
import { target } from "../views/samples.tsx";

async function watching() {
  const log = new SqliteLog(":memory:");
  const looks = { watched: true, every_ms: 20, asked: 0 };
  const watch = new Watch(target, {
    log,
    ask: async () => {
      looks.asked++;
      return { at: Date.now(), status: null, why_not: "nobody is there", knock: null };
    },
    watched: () => looks.watched,
    seen: () => {},
    every_ms: () => looks.every_ms,
  });
  const until = async (holds: () => boolean) => {
    for (let i = 0; i < 400 && !holds(); i++) await Bun.sleep(5);
    expect(holds()).toBe(true);
  };
  const end = () => {
    watch.close();
    return log.close();
  };
  return { looks, watch, until, end };
}

test("while somebody looks it is asked again and again; when nobody does it is left alone; who comes back has it asked again", async () => {
  const { looks, watch, until, end } = await watching();
  watch.attended();
  await until(() => looks.asked >= 3);
  looks.watched = false;
  await Bun.sleep(100);
  const left = looks.asked;
  await Bun.sleep(100);
  expect(looks.asked).toBe(left);
  // The last answer is still fresh, and the next one is due when it is not.
  looks.watched = true;
  looks.every_ms = 400;
  watch.attended();
  await until(() => looks.asked > left);
  await end();
});

test("who wants it sooner than those who were there does not wait for their next time", async () => {
  const { looks, watch, until, end } = await watching();
  looks.every_ms = 3_600_000;
  watch.attended();
  await until(() => looks.asked === 1);
  await Bun.sleep(20);
  looks.every_ms = 100;
  watch.attended();
  await until(() => looks.asked >= 2);
  await end();
});

test("a clock that is set makes no disk look still and no fact look old, and whoever comes is not kept waiting by it", async () => {
  const log = new SqliteLog(":memory:");
  let asked = 0;
  const watch = new Watch(target, {
    log,
    // A guest that is silent beside counters that stand: after 20 s of it, frozen, and the advice is a cycle.
    ask: async () => {
      asked++;
      const stdout =
        "status: running\npid: 4711\nqmpstatus: running\nuptime: 90000\nvmid: 102\nprobe.at: x\nprobe.pid: agreed 4711\nprobe.qmp: answered\nprobe.ops: 5000\nprobe.agent: silent\n";
      const knock = { answered: false, took_ms: 9000, why: "timed out" };
      return { at: Date.now(), status: { exit_code: 0, stdout }, why_not: "", knock };
    },
    watched: () => false,
    seen: () => {},
    every_ms: () => 5,
  });
  const look = async () => {
    const before = asked;
    while (asked === before || watch.now.heard_at === null) {
      watch.attended();
      await Bun.sleep(5);
    }
    await Bun.sleep(5);
  };
  const real = Date.now();
  try {
    await look();
    for (const ahead of [3_600_000, 365 * 86_400_000, -3_600_000, 0]) {
      setSystemTime(real + ahead);
      // At once, and not only with the next answer.
      expect(Math.abs(watch.now.heard_at! - Date.now())).toBeLessThan(60_000);
      await look();
      expect(watch.now.is).not.toBe("frozen");
      expect(Math.abs(watch.now.heard_at! - Date.now())).toBeLessThan(60_000);
    }
    expect(asked).toBeGreaterThanOrEqual(5);
  } finally {
    setSystemTime();
    watch.close();
    await log.close();
  }
});
