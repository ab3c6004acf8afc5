/**
 * What was done at the server's own terminal, on its way to the audit. The log has one writer, the console; so the terminal leaves
 * a line in access's own file, and the console takes it over. Each is handed over once, or again after a crash in between.
 */
import { z } from "zod";
import type { Store } from "./store.ts";
import type { AccessEvent } from "./told.ts";

const Left = z.object({
  is: z.enum(["link_made", "removed", "revoked"]),
  name: z.string().nullable(),
  from: z.string(),
  why: z.string(),
  at: z.number(),
  times: z.number(),
});

export function leave(
  store: Store,
  event: Pick<AccessEvent, "name" | "from" | "why"> & { is: z.output<typeof Left>["is"] },
): void {
  const { is, name, from, why } = event;
  store.db
    .query("insert into told (body) values (?)")
    .run(JSON.stringify({ is, name, from, why, at: Date.now(), times: 1 }));
}

/** What was handed over and is still in the file. */
const handedOver = new WeakMap<Store, Set<number>>();
/** Whose deletion waits for the disk: once, since a number that is free may be another line's soon. */
const deleting = new WeakSet<Store>();

export function takeLeft(store: Store, take: (event: AccessEvent) => void): void {
  const handed = handedOver.get(store) ?? new Set<number>();
  handedOver.set(store, handed);
  try {
    const rows = store.db.query("select id, body from told order by id").all() as { id: number; body: string }[];
    // All of them before the first is deleted: a disk that refuses the deletion must keep none back, and have none told again.
    for (const { id, body } of rows) {
      if (handed.has(id)) continue;
      handed.add(id);
      const read = Left.safeParse(JSON.parse(body));
      if (read.success) take(read.data);
    }
    if (rows.length > 0 && !deleting.has(store)) {
      deleting.add(store);
      store.disk.later(() => {
        deleting.delete(store);
        for (const { id } of rows) {
          store.write((db) => db.query("delete from told where id = ?").run(id));
          // The number may be given again.
          handed.delete(id);
        }
      });
    }
  } catch (error) {
    console.error("access:", error);
  }
}
