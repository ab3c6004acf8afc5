/** The ssh client dies at seeded points of a cycle: the run goes to its end, once, and its outcome is learnt by asking. */
import { expect, test } from "bun:test";
import { lastLine, startPveHost, until } from "../support/pve-host.ts";

// 100 with BUN_BREAKGLASS_FAULTS=1; a tenth of them otherwise.
const CUTS = process.env.BUN_BREAKGLASS_FAULTS ? 100 : 10;
const SEED = Number(process.env.BUN_BREAKGLASS_SEED ?? 20260622);
const LANES = 3;

test(`an ssh client killed at ${CUTS} seeded points (seed ${SEED}): VM running, one run an id, every outcome learnt`, async () => {
  let state = SEED;
  const random = () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
  const points = Array.from({ length: CUTS }, (_, i) => ({ id: `cut-${SEED}-${i}`, at: random() }));
  const seen = { cut: 0, off: 0, twice: 0, unresolved: 0, not_done: 0 };
  const lane = async () => {
    await using host = await startPveHost({ percent: 15 });
    host.knob("slow.stop", "0.3");
    host.knob("slow.start", "0.3");
    const began = performance.now();
    await host.begin(`cycle@102 whole-${SEED}-run`).answer;
    const whole_ms = performance.now() - began;
    for (let point = points.pop(); point; point = points.pop()) {
      const before = host.ledger().length;
      const run = host.begin(`cycle@102 ${point.id}`);
      // Once the request was taken in: before that nothing ran, which is no cut of a run.
      await until("the run began", () => run.heard() !== "");
      await Bun.sleep(point.at * whole_ms * 0.55);
      run.child.signal("SIGKILL");
      if ((await run.answer).code === null) seen.cut++;
      let report = await host.ask(`report ${point.id}`);
      for (let tries = 0; tries < 200 && !report.stdout.startsWith("state: ended\n"); tries++) {
        await Bun.sleep(100);
        report = await host.ask(`report ${point.id}`);
      }
      if (!report.stdout.startsWith("state: ended\nexit: ")) seen.unresolved++;
      if (!lastLine(report.stdout).startsWith("verdict: done ")) seen.not_done++;
      if (host.qemu() === null) seen.off++;
      const calls = host.ledger().slice(before);
      if (calls.filter((line) => line.startsWith("stop ")).length !== 1) seen.twice++;
      if (calls.filter((line) => line.startsWith("start ")).length !== 1) seen.twice++;
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  expect(seen.cut).toBeGreaterThanOrEqual(CUTS * 0.6); // else this proves nothing
  expect(seen).toEqual({ cut: seen.cut, off: 0, twice: 0, unresolved: 0, not_done: 0 });
}, 900_000);
