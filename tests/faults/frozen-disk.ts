/**
 * `bun test ./tests/faults/frozen-disk.ts`, as root: the disk of a console hangs for real. It is no part of `check`, since a
 * write that the kernel holds at the very moment of the freeze holds the console as well (docs/decisions/01-sqlite.md), and that
 * is a matter of milliseconds.
 */
import { expect, test } from "bun:test";
import { type HangingDisk, hangingDisk, noHangingDisk } from "../support/hanging-disk.ts";
import { client, goesOnWhileItHangs, jsonOf, withConsole } from "../support/while-it-hangs.ts";

const LONG = 60_000;
/** Whatever becomes of a test, its disk answers again after this long, s. */
const AT_MOST_S = 40;

const why_not = noHangingDisk();
const onHangingDisk = (name: string, work: (disk: HangingDisk) => Promise<void>) =>
  why_not === null
    ? test(
        name,
        async () => {
          using disk = hangingDisk();
          await work(disk);
        },
        LONG,
      )
    : test.skip(`NOT RUN, since ${why_not}: ${name}`, () => {});

/** Nothing is being written any more: what the start wrote and what read it first are over. */
const settled = () => Bun.sleep(7000);

onHangingDisk("the page and the verbs go on while the disk hangs, and all is on it once when it answers", (disk) =>
  goesOnWhileItHangs({ ...disk, hang: () => disk.hang(AT_MOST_S) }),
);

onHangingDisk("SIGTERM on a disk that hangs: out within the limit", async (disk) => {
  await withConsole({ ...disk, hang: () => disk.hang(AT_MOST_S) }, async (server) => {
    const { get, post } = client(server);
    await settled();
    disk.hang(AT_MOST_S);
    // Nobody has opened this console before: its first page has no session yet.
    expect((await get("/")).status).toBe(200);
    const status = await jsonOf(await post("/api/pve/status"));
    expect(status.outcome).toBe("done");
    expect(server.output()).toContain("does not answer"); // else it was never noticed
    const began = performance.now();
    await server.stop("SIGTERM");
    expect(performance.now() - began).toBeLessThan(10_000); // SAFETY.md's promise, not a speed
  });
});

onHangingDisk("SIGTERM before anybody noticed that the disk hangs: out within the limit", async (disk) => {
  await withConsole({ ...disk, hang: () => disk.hang(AT_MOST_S) }, async (server) => {
    await settled();
    disk.hang(AT_MOST_S);
    const began = performance.now();
    await server.stop("SIGTERM");
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});
