/** When a target is asked: while somebody looks, at the pace of who looks, and at once again for who comes back. */
import { expect, test } from "bun:test";
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
