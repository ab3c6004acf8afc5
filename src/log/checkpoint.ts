/**
 * Brings what is in the write-ahead log home to the database file, when nobody is waiting: SQLite does it by itself inside
 * whichever commit fills a thousand pages, with fsyncs that the clients of that entry would wait for (5 to 9 ms measured,
 * every 190 entries). It also bounds what chatter a power cut can take: once it is quiet, everything is on the disk.
 */
import type { Database } from "bun:sqlite";
import { ALWAYS_ANSWERS, type Disk } from "./disk.ts";

const QUIET_MS = 1000;
/** For a flood that never pauses, SQLite's own way stays, further out: 16 MiB of pages. */
const PAGES_AT_MOST = 4000;

export class QuietCheckpoint {
  private readonly timer: ReturnType<typeof setTimeout>;
  private closed = false;

  /** @param all every connection that writes; a commit on any of them would checkpoint. */
  constructor(all: readonly Database[], disk: Disk = ALWAYS_ANSWERS) {
    for (const db of all) db.run(`pragma wal_autocheckpoint = ${PAGES_AT_MOST}`);
    const home = () => this.closed || bringHome(all[0]!);
    this.timer = setTimeout(() => disk.later(home), QUIET_MS);
    this.timer.unref();
  }

  /** Something was committed. */
  committed(): void {
    this.timer.refresh();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }
}

function bringHome(db: Database): void {
  try {
    // Passive: waits for no reader and no writer, and does what it can.
    db.run("pragma wal_checkpoint(passive)");
  } catch (error) {
    console.error("the log could not be checkpointed; it goes on in its write-ahead file:", error);
  }
}
