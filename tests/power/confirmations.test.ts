import { expect, test } from "bun:test";
import { Confirmations } from "../../src/power/confirmations.ts";
import { openTestConsole } from "../support/console.ts";

const place = { host: "192.0.2.2", user: "root", port: 22 };
const target = { id: "devvm", name: "devvm", vmid: 102, vm: place, pve: place, lab: false };
const other = { ...target, id: "db" };

test("each lapses by itself: a dialog soon after its last word, a page later; one device's answer closes its own only", () => {
  let now = 1_000_000;
  const open = new Confirmations(
    () => now,
    () => now,
  );
  expect(open.on(target)).toBeNull();
  open.opened(target, "cycle", "ann", "dialog-1");
  now += 50_000;
  open.opened(target, "cycle", "ann", "dialog-1"); // still open
  now += 50_000;
  expect(open.on(target)).toMatchObject({ verb: "cycle", by: "ann", since: 1_000_000 });
  expect(open.on(other)).toBeNull();
  now += 20_000;
  expect(open.on(target)).toBeNull();
  open.opened(target, "stop", "ann");
  open.opened(target, "reset", "ann", "dialog-2");
  open.closed(target, "ann", "dialog-2");
  open.closed(target, "bob");
  now += 170_000;
  expect(open.on(target)).toMatchObject({ verb: "stop" });
  now += 20_000;
  expect(open.on(target)).toBeNull();
});

test("what lapsed is forgotten when the next one opens, also where no agent ever asks", () => {
  let now = 0;
  const open = new Confirmations(
    () => now,
    () => now,
  );
  for (let i = 0; i < 50; i++) {
    open.opened(target, "stop", "ann", `dialog-${i}`);
    now += 60_000;
  }
  expect(open.size).toBe(1);
});

test("a foreign link to the confirmation page holds nobody back; our own form does, until Not now", async () => {
  const console_ = await openTestConsole();
  const { power, targets, requestIds } = console_.parts.power;
  const on = () => power.confirmations.on(targets[0]!)?.verb ?? null;
  const id = requestIds.make("lab");
  const go = (query: string, site?: string) =>
    console_.ask(`/api/pve/cycle${query}`, {
      headers: { accept: "text/html", ...(site ? { "sec-fetch-site": site } : {}) },
    });
  for (const site of ["cross-site", "same-site", undefined]) {
    expect((await go("", site)).status).toBe(200);
    expect(on()).toBeNull();
  }
  // A text browser says nothing of itself; the form that led here says it by its id.
  const page = await go(`?request_id=${id}`);
  expect(on()).toBe("cycle");
  const not_now = /href="([^"]*not_now[^"]*)"/.exec(await page.text())![1]!.replaceAll("&amp;", "&");
  expect((await console_.ask("/api/pve/cycle?not_now=1", { headers: { accept: "text/html" } })).status).toBe(200);
  expect(on()).toBe("cycle");
  const closed = await console_.ask(not_now, { headers: { accept: "text/html" } });
  expect([closed.status, closed.headers.get("location")]).toEqual([303, `/?target=${targets[0]!.id}`]);
  expect(on()).toBeNull();
  await go("", "same-origin");
  expect(on()).toBe("cycle");
  await console_.close();
});
