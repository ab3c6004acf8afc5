/**
 * Opens the database file: WAL, the schema at its newest version, and a bad file moved aside, never deleted.
 * Two connections to the one file: what must survive a power cut goes through the one with synchronous=FULL.
 */
import { Database } from "bun:sqlite";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { LogUnwritable } from "./log.ts";

export interface Opened {
  readonly chatter: Database;
  readonly durable: Database;
  /** Where a file that could not be read went; null when all was well. */
  readonly moved_aside: string | null;
}

/** How long a writer waits for another one, ms: everything else stands still meanwhile. */
const PATIENCE_MS = 2000;
/** How long a retry waits for another writer, ms: nobody asked for it. */
const LITTLE_PATIENCE_MS = 50;

/** Each step takes the schema one version further; steps are only ever added. */
const STEPS: readonly string[] = ["schema.sql", "audit.sql", "erase.sql"].map((name) =>
  readFileSync(join(import.meta.dir, name), "utf8"),
);

/** @param path the file, or ":memory:" for a log that is gone with the process. Throws LogUnwritable with a sentence. */
export function openDatabase(path: string, now: number): Opened {
  if (path === ":memory:") {
    const only = connect(path, "NORMAL");
    migrate(only);
    return { chatter: only, durable: only, moved_aside: null };
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let moved_aside: string | null = null;
  let chatter: Database;
  try {
    chatter = openChecked(path);
  } catch (error) {
    if (!isCorrupt(error)) throw new LogUnwritable(`${path} can't be opened: ${sentence(error)}`);
    moved_aside = `${path}.bad-${new Date(now).toISOString().replace(/[:.]/g, "")}`;
    // What belongs to this file goes along with it.
    for (const suffix of ["", "-wal", "-shm", ".anchors"])
      if (existsSync(path + suffix)) renameSync(path + suffix, moved_aside + suffix);
    chatter = openChecked(path);
  }
  chmodSync(path, 0o600);
  return { chatter, durable: connect(path, "FULL"), moved_aside };
}

/** Does `work`, which is synchronous, with little patience for other writers. */
export function hurried(db: Database, work: () => void): void {
  db.run(`pragma busy_timeout = ${LITTLE_PATIENCE_MS}`);
  try {
    work();
  } finally {
    db.run(`pragma busy_timeout = ${PATIENCE_MS}`);
  }
}

function openChecked(path: string): Database {
  const db = connect(path, "NORMAL");
  try {
    migrate(db);
    // Touches the tables and their newest pages; a whole integrity check would grow with the log.
    db.query("select max(seq) from entry").get();
    db.query("select * from audit order by n desc limit 1").get();
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function connect(path: string, synchronous: "NORMAL" | "FULL"): Database {
  const db = new Database(path, { create: true, strict: true });
  db.run("pragma journal_mode = wal");
  db.run(`pragma synchronous = ${synchronous}`);
  db.run(`pragma busy_timeout = ${PATIENCE_MS}`);
  // What is deleted or moved is overwritten in its old place, too: a page that was split keeps its old half otherwise.
  db.run("pragma secure_delete = on");
  return db;
}

function migrate(db: Database): void {
  const { user_version } = db.query("pragma user_version").get() as { user_version: number };
  if (user_version > STEPS.length)
    throw new LogUnwritable(
      `it was written by a newer Breakglass (schema ${user_version}, this one knows ${STEPS.length}); start the newer one`,
    );
  for (let version = user_version; version < STEPS.length; version++) {
    db.transaction(() => {
      db.run(STEPS[version]!);
      db.run(`pragma user_version = ${version + 1}`);
    })();
  }
}

const isCorrupt = (error: unknown): boolean =>
  /SQLITE_(CORRUPT|NOTADB)|malformed|not a database/i.test(`${(error as { code?: string }).code} ${sentence(error)}`);

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));
