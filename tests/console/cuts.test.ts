/** A tenth of `bun run faults --only cuts`, seeded: links cut at any byte leave no gap and no double in any client's transcript. */
import { expect, test } from "bun:test";
import { actionsLast, difference, PageFold, ProgramFold, SseParser } from "../faults/folding.ts";
import { PARTS } from "../faults/parts.ts";
import { inOneLine, leadingThere } from "../faults/result.ts";

const SEED = Number(process.env.BUN_BREAKGLASS_SEED ?? 20260622);

test(`500 cuts, in the head, in a frame, between two and in silence: every transcript is the log's (seed ${SEED})`, async () => {
  const result = await PARTS.cuts.tenth(SEED);
  console.log(inOneLine(result));
  if (result.wrong.length > 0) console.error([...result.wrong, ...leadingThere(result)].join("\n"));
  expect(result).toMatchObject({ n: 500, lost: 0, duplicated: 0, unresolved: 0, wrong: [] });
  // Else this proves nothing.
  for (const where of ["in the head", "in silence"]) expect(result.saw[where]).toBeGreaterThan(5);
  expect(result.saw["in a frame"]).toBeGreaterThan(100);
  expect(result.saw["came further"]).toBeGreaterThan(100);
  expect(result.saw.compressed).toBeGreaterThan(100);
  expect(result.saw.entries).toBeGreaterThan(300);
}, 170_000);

test("an event counts when it is whole, and its id with it", () => {
  const parser = new SseParser("3");
  expect(parser.take("id: 4\ndata: a\n\nid: 5\nda")).toEqual([{ name: null, data: "a" }]);
  expect(parser.last).toBe("4");
  expect(parser.begun).toBeGreaterThan(0);
  expect(parser.take("ta: b\ndata: c\n\nid: 6\n\n")).toEqual([{ name: null, data: "b\nc" }]);
  expect(parser.last).toBe("6");
  expect(parser.take("event: hb\ndata: {}\n\n")).toEqual([{ name: "hb", data: "{}" }]);
  expect(parser.last).toBe("6");
});

test("the oracle sees what a page may get wrong", () => {
  const fold = new PageFold();
  const change = (id: string) =>
    `<hx-partial hx-target="#${id}" hx-swap="outerMorph"><li id="${id}">over</li></hx-partial>`;
  fold.take('<li id="e1" class="said">one</li><li id="c-x">reading</li>');
  fold.take(`${change("c-x")}<hx-partial hx-target="#turn" hx-swap="outerHTML"><b>idle</b></hx-partial>`);
  expect(fold.amiss).toEqual([]);
  expect(fold.items).toEqual([
    ["e1", '<li id="e1" class="said">one</li>'],
    ["c-x", '<li id="c-x">over</li>'],
  ]);
  fold.take('<li id="e1" class="said">one</li>');
  fold.take(change("c-y"));
  expect(fold.amiss.map(({ kind }) => kind)).toEqual(["duplicated", "lost"]);
});

test("the oracle sees what a program may get wrong", () => {
  const fold = new ProgramFold();
  fold.take('{"kind":"text","text":"a","id":2}');
  fold.take('{"kind":"action","action":{"id":"x","state":"running"},"id":3}');
  fold.take('{"kind":"action","action":{"id":"x","state":"ended"},"id":5}');
  fold.take('{"kind":"text","text":"b","id":6}');
  expect(fold.items.map(([id]) => id)).toEqual(["e2", "e6", "a-x"]);
  expect(fold.amiss).toEqual([]);
  fold.take('{"kind":"text","text":"b","id":6}');
  expect(fold.amiss).toHaveLength(1);
  const whole = fold.items;
  const kinds = (got: typeof whole) => difference(whole, got).map(({ kind }) => kind);
  expect(kinds(whole)).toEqual([]);
  expect(kinds(whole.slice(1))).toEqual(["lost"]);
  expect(kinds([...whole, ["e9", "?"]])).toEqual(["duplicated"]);
  expect(kinds(whole.map(([id]) => [id, "other words"]))).toEqual(["unresolved", "unresolved", "unresolved"]);
  expect(kinds([...whole].reverse())).toEqual(["unresolved"]);
  expect(actionsLast(["a-x", "e1"], (id) => id)).toEqual(["e1", "a-x"]);
});
