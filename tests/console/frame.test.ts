/** An action that prints much: one frame holds its last state, and that no longer than its bound. Real log, real reader. */
import { expect, test } from "bun:test";
import { drawFor } from "../../src/console/draw.tsx";
import { firstOf, frame } from "../../src/console/frame.ts";
import { SqliteLog } from "../../src/log/sqlite.ts";

test("240 pieces of output are one state in a frame, a live one does not grow without limit, and none is lost to the reader", async () => {
  const log = new SqliteLog(":memory:");
  const write = (kind: string, body: unknown) =>
    log.append({ stream: "target:devvm", kind, about: "action-0001", body });
  await write("requested", { verb: "reset", by: "ann", session: null, override: null });
  for (let i = 0; i < 240; i++) await write("printed", { from: "stdout", text: `${"x".repeat(399)}\n` });
  await log.append({ stream: "session:s", kind: "said", about: null, body: { text: "between" } });
  const entries = log.read({ streams: [{ stream: "target:devvm" }, { stream: "session:s" }], after: 0, limit: 300 });
  expect(entries).toHaveLength(242);
  const draw = drawFor("s", log, Date.now);
  const replay = new TextDecoder().decode(frame(entries, "json", draw));
  expect(replay.length).toBeLessThan(24_000);
  expect([...replay.matchAll(/^id: (\d+)$/gm)].map((m) => Number(m[1]))).toEqual([241, 242]);
  // The next one comes live: what was passed over above is in it.
  await write("printed", { from: "stdout", text: "the end\n" });
  const next = log.read({ streams: [{ stream: "target:devvm" }], after: 242, limit: 9 });
  const { action } = JSON.parse(/^data: (.*)$/m.exec(new TextDecoder().decode(frame(next, "json", draw)))![1]!);
  expect(action.stdout).toEndWith("xxx\nthe end\n");
  expect(action.stdout.length).toBeLessThan(17_000);
  const left_out = Number(
    /^\[(\d+) characters before this are left out here; GET \/api\/pve\/actions\/action-0001/.exec(action.stdout)![1],
  );
  expect(left_out + action.stdout.split("\n").slice(1).join("\n").length).toBe(240 * 400 + 8);
  await log.close();
});

test("a frame of a replay has as many entries as fit, one at least; an action counts once, however often it printed", () => {
  const said = (seq: number, text: string) => ({ seq, at: 0, stream: "s", kind: "said", about: null, body: { text } });
  const printed = (seq: number) => ({
    seq,
    at: 0,
    stream: "t",
    kind: "printed",
    about: "a",
    body: { text: "x".repeat(400) },
  });
  const draw = { html: () => "", json: () => null, subject: (entry: { about: string | null }) => entry.about };
  const seqs = (entries: Parameters<typeof firstOf>[0]) => firstOf(entries, 1000, draw).map(({ seq }) => seq);
  expect(seqs([])).toEqual([]);
  expect(seqs([said(1, "x".repeat(5000)), said(2, "y")])).toEqual([1]);
  expect(seqs([said(1, "y"), said(2, "x".repeat(5000)), said(3, "y")])).toEqual([1]);
  expect(seqs([said(1, "y"), said(2, "z")])).toEqual([1, 2]);
  expect(seqs(Array.from({ length: 9 }, (_, n) => printed(n + 1)))).toHaveLength(9);
});
