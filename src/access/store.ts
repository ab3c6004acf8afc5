/**
 * The file that access keeps: who is enrolled, links, recovery codes and sign-ins. A database of its own beside the log, since
 * it has two writers, the console and the server's terminal, and must not be lost with the log. Secrets are in it as hashes
 * alone. It decides nothing.
 */
import { Database } from "bun:sqlite";
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ALWAYS_ANSWERS, type Disk, moveMark } from "../log/disk.ts";
import { ownedLike } from "../target/known-hosts.ts";

export interface Store {
  readonly db: Database;
  /** A sentence when a file that could not be read was moved aside, or when nothing can be kept; else null. */
  readonly trouble: string | null;
  /** The one that it is on: asked before what nobody waits for is written. */
  readonly disk: Disk;
  /** True when another process has written since this was last asked. */
  changed(): boolean;
  /** Does `work`, which writes, so that no reader after it has to touch the disk. Throws what it throws. */
  write<T>(work: (db: Database) => T): T;
  close(): void;
}

export const storePath = (data_dir: string): string => join(data_dir, "access", "operators.db");

const VERSION = 1;
/** Came later, and is no version of its own: an older console passes it by, and must be able to open this file. */
const LATER = `
  create table if not exists codes_request (id text primary key, at integer not null) strict;
  create table if not exists answered (id text primary key, what text not null, answer text not null, at integer not null) strict;`;
const SCHEMA = `
  create table operator (name text primary key, password text not null, enrolled_at integer not null) strict;
  create table link (hash text primary key, name text not null, expires_at integer not null) strict;
  create table code (hash text primary key, name text not null) strict;
  create table sign_in (
    hash text primary key, id text not null, name text not null, kind text not null, how text not null, mark text not null,
    begun_at integer not null, seen_at integer not null, proved_at integer not null, came_from text not null, device text not null
  ) strict;
  create table told (id integer primary key, body text not null) strict;`;

/** Never throws: with a full or unreadable disk the console still runs, and keeps sign-ins in memory. */
export function openStore(data_dir: string, disk: Disk = ALWAYS_ANSWERS): Store {
  const path = storePath(data_dir);
  try {
    return kept(open(path), null, disk);
  } catch (error) {
    if (/NOTADB|CORRUPT|malformed|not a database/i.test(words(error)) && existsSync(path)) {
      const aside = `${path}.bad-${new Date().toISOString().replace(/[:.]/g, "")}`;
      try {
        for (const end of ["", "-wal", "-shm"]) if (existsSync(path + end)) renameSync(path + end, aside + end);
        const trouble = `The file of the enrolled operators could not be read; it was moved to ${aside}. Enrol again: bun run access enrol <name>.`;
        return kept(open(path), trouble, disk);
      } catch {
        // falls through to memory
      }
    }
    const memory = new Database(":memory:", { strict: true });
    prepare(memory);
    const trouble = `Sign-ins will not outlive a restart: ${path} can't be opened (${words(error)}).`;
    return kept(memory, trouble, ALWAYS_ANSWERS);
  }
}

function open(path: string): Database {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (!existsSync(path)) {
    // Made before SQLite opens it: its companions take the owner and mode of this one.
    writeFileSync(path, "", { mode: 0o600, flag: "a" });
    ownedLike(dirname(dirname(path)), dirname(path));
    ownedLike(dirname(path), path);
  }
  const db = new Database(path, { create: true, strict: true });
  try {
    // Short: it is waited for with everything else standing still, and the other writer is done in milliseconds.
    db.run("pragma busy_timeout = 250");
    // Nothing is in it yet that a power cut could take, and the start should not wait for a disk.
    db.run("pragma synchronous = off");
    db.run("pragma journal_mode = wal");
    prepare(db);
    db.run("pragma synchronous = full");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepare(db: Database): void {
  const version = () => (db.query("pragma user_version").get() as { user_version: number }).user_version;
  if (version() > VERSION)
    throw new Error(`it was written by a newer Breakglass (${version()}; this one knows ${VERSION})`);
  // The console and the terminal may both be the first.
  if (version() !== VERSION)
    db.transaction(() => {
      if (version() === 0) db.run(`${SCHEMA} pragma user_version = ${VERSION};`);
    }).immediate();
  db.run(LATER);
}

function kept(db: Database, trouble: string | null, disk: Disk): Store {
  disk.guard(db);
  const ask = db.query("pragma data_version");
  const version = () => (ask.get() as { data_version: number }).data_version;
  let seen = version();
  return {
    db,
    trouble,
    disk,
    changed() {
      try {
        const now = version();
        if (now === seen) return false;
        seen = now;
        return true;
      } catch {
        return false; // what is in memory holds
      }
    },
    write(work) {
      const came = work(db);
      moveMark(db);
      return came;
    },
    // Closing brings the write-ahead file home, which is a write like any other.
    close: () => disk.trouble ?? db.close(),
  };
}

const words = (error: unknown): string =>
  error instanceof Error ? `${(error as { code?: string }).code ?? ""} ${error.message}`.trim() : String(error);
