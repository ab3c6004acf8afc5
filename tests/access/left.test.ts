/** What the terminal left is handed over once, also where it can't be taken out of the file just then. */
import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { leave, takeLeft } from "../../src/access/left.ts";
import { openStore } from "../../src/access/store.ts";
import { tempDir } from "../support/server.ts";

test("what can't be deleted is told once, and the next one with its number is told, too", () => {
  const dir = tempDir("left");
  const store = openStore(dir);
  const told: string[] = [];
  const look = () => takeLeft(store, ({ why }) => void told.push(why));
  const act = (why: string) => leave(store, { is: "removed", name: "local:ann", from: "terminal", why });
  // The file takes no change: the deletion fails as on a full disk.
  store.db.run("create trigger refuses before delete on told begin select raise(abort, 'disk full'); end");
  act("one");
  act("two");
  look();
  look();
  expect(told).toEqual(["one", "two"]);
  expect(store.db.query("select * from told").all()).toHaveLength(2); // else this proves nothing
  store.db.run("drop trigger refuses");
  look();
  expect(told).toEqual(["one", "two"]);
  expect(store.db.query("select * from told").all()).toEqual([]);
  act("three");
  look();
  look();
  expect(told).toEqual(["one", "two", "three"]);
  store.close();
  rmSync(dir, { recursive: true, force: true });
});
