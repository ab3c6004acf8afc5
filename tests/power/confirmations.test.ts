import { expect, test } from "bun:test";
import { Confirmations } from "../../src/power/confirmations.ts";

const place = { host: "192.0.2.2", user: "root", port: 22 };
const target = { id: "devvm", name: "devvm", vmid: 102, vm: place, pve: place, lab: false };
const other = { ...target, id: "db" };

test("each lapses by itself: a dialog soon after its last word, a page later; one device's answer closes its own only", () => {
  let now = 1_000_000;
  const open = new Confirmations(() => now);
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
