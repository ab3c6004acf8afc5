/** A tenth of `bun run faults`, seeded: what is killed, tapped twice or asked of two consoles at once loses and doubles nothing. */
import { expect, test } from "bun:test";
import { disagreement, evidenceMissing, type Said } from "../faults/agreement.ts";
import { doubled, type Run } from "../faults/host-truth.ts";
import { PARTS } from "../faults/parts.ts";
import { inOneLine, leadingThere, type Result } from "../faults/result.ts";

const SEED = Number(process.env.BUN_BREAKGLASS_SEED ?? 20260622);
const LIMIT_MS = 170_000;

function expectClean(result: Result): void {
  if (result.wrong.length > 0) console.error([inOneLine(result), ...result.wrong, ...leadingThere(result)].join("\n"));
  expect(result).toMatchObject({ lost: 0, duplicated: 0, unresolved: 0, wrong: [] });
}

test.concurrent(
  `a cycle whose console, ssh or connection is killed runs once, to its end, and is learnt (seed ${SEED})`,
  async () => {
    const result = await PARTS.kills.tenth(SEED);
    expectClean(result);
    expect(result.saw["in the run"]).toBeGreaterThanOrEqual(8); // else this proves nothing
    expect(result.saw["before it was taken in"]).toBe(1);
  },
  LIMIT_MS,
);

test.concurrent(
  `taps, replays, restarts and cuts on two consoles of one host: no two runs at a time, none twice, none lost (seed ${SEED})`,
  async () => {
    const result = await PARTS.interleavings.tenth(SEED);
    expectClean(result);
    const needed = ["runs on the host", "busy at the console", "found the host busy", "sent again", "restarts"];
    expect(needed.filter((what) => !result.saw[what])).toEqual([]); // else this proves nothing
  },
  LIMIT_MS,
);

const run: Run = {
  id: "told-id-1",
  verb: "cycle",
  override: null,
  exit_code: 0,
  began: 1000,
  ended: 3000,
  output:
    "# breakglass-pve 2: cycle of VM 102, request told-id-1, asked\n# qm stop 102\n# qm start 102\nverdict: done\n",
  ran: true,
};
const said: Said = {
  id: "told-id-1",
  verb: "cycle",
  override: null,
  state: "ended",
  outcome: "done",
  exit_code: 0,
  rejected: false,
  why: "",
  stdout: run.output,
};

test("the oracle sees what a console may get wrong", () => {
  expect(disagreement(said, run)).toBeNull();
  const failed = { ...said, outcome: "failed", exit_code: null };
  expect(disagreement(failed, undefined)).toBeNull();
  expect(disagreement({ ...failed, exit_code: 75, rejected: true }, run)).toBeNull();
  const wrong: [Partial<Said>, Partial<Run> | null][] = [
    [{ state: "running" }, {}],
    [{ outcome: null }, {}],
    [{ outcome: "unknown" }, {}],
    [{ outcome: "failed", exit_code: 1 }, {}],
    [{ outcome: "failed", exit_code: 2, rejected: true }, {}],
    [{}, { exit_code: 1 }],
    [{}, { verb: "stop" }],
    [{}, { override: "backup" }],
    [{}, { ran: false }],
    [{}, null],
  ];
  for (const [here, there] of wrong)
    expect(disagreement({ ...said, ...here }, there === null ? undefined : { ...run, ...there })).toBeString();
  expect(evidenceMissing(said, run)).toBe(0);
  expect(evidenceMissing({ ...said, stdout: run.output.replace("# qm start 102\n", "") }, run)).toBe(1);
});

test("the oracle sees runs that overlap, that happened twice, and calls that no run announced", () => {
  const host = (ledger: string[], log: string[] = []) => ({ ledger: () => ledger, log: () => log });
  const calls = ["stop 102 --timeout 15", "status 102", "start 102"];
  const accepted = "2026-01-01T00:00:00Z 127.0.0.1 accepted cycle@102 told-id-1 override=none";
  expect(doubled(host(calls, [accepted]), [run])).toEqual([]);
  const next = { ...run, id: "told-id-2", output: "", began: 2999, ended: 4000 };
  expect(doubled(host(calls), [run, next])).toEqual([expect.stringContaining("began while")]);
  expect(doubled(host(calls), [run, { ...next, began: 3001 }])).toEqual([]);
  expect(doubled(host(calls, [accepted, accepted]), [run])).toEqual([expect.stringContaining("taken in 2 times")]);
  expect(doubled(host([...calls, "start 102"]), [run])).toEqual([
    expect.stringContaining("qm start was called 2 times"),
  ]);
  expect(doubled(host([...calls, ...calls]), [{ ...run, output: run.output + run.output }])).toEqual([
    expect.stringContaining("tells of 2 runs"),
  ]);
});
