/**
 * Who is signed in on which device: begun by a proof, ended by 30 idle minutes, by 12 hours, by signing out, or by being revoked.
 * A wall board's has neither limit. The cookie's value is known to the browser alone; here it is a hash. What is in memory
 * holds, so that a disk that fails or hangs signs nobody out; the file, written behind, is how it outlives a restart and how
 * the terminal revokes.
 */
import { randomBytes } from "node:crypto";
import { digest } from "./digest.ts";
import { BEARER_OPERATOR, isOf, SIGNED_IN_OPERATOR } from "./operator.ts";
import type { Store } from "./store.ts";

export const IDLE_MS = 30 * 60_000;
export const LONGEST_MS = 12 * 60 * 60_000;
/** Being seen is written down this often at most. */
const SEEN_EVERY_MS = 60_000;

/** At the terminal: whether the token is still the same is the console's to say. */
export const TOKEN_UNKNOWN = null;

export interface SignIn {
  /** Its name in lists; opens nothing. */
  readonly id: string;
  /** The operator's full name: `local:viktor`. */
  readonly name: string;
  readonly kind: "operator" | "kiosk";
  readonly how: "password" | "recovery code" | "enrolment" | "token" | "wall board";
  readonly begun_at: number;
  readonly seen_at: number;
  /** When password, code or token was last shown. */
  readonly proved_at: number;
  readonly came_from: string;
  readonly device: string;
}

interface Row extends SignIn {
  readonly hash: string;
  /** What must still be so for it to hold: the token it was got with. */
  readonly mark: string;
  seen_at: number;
  proved_at: number;
}

export type Beginning = Pick<SignIn, "name" | "kind" | "how" | "came_from" | "device">;

export class SignIns {
  private rows = new Map<string, Row>();
  /** Not on disk: the disk refused, or another process has not read them yet. */
  private readonly unsaved = new Set<string>();
  /** Ended here, whatever an unwritable file says. */
  private readonly ended = new Set<string>();
  private readonly written = new Map<string, number>();
  private readonly waiting = new Set<Row>();
  private readonly watchers = new Map<string, Set<() => void>>();
  private trouble = false;

  constructor(
    private readonly store: Store,
    private readonly now: () => number,
    /** Of the token that signs in now; another token ends what was begun with the earlier one. */
    private readonly token_mark: string | null,
  ) {
    this.load();
  }

  /** @returns the cookie's value, which is not kept; `value` where the same request must get the same one again. */
  begin(b: Beginning, value = randomBytes(32).toString("base64url")): { value: string; sign_in: SignIn } {
    const at = this.now();
    const row: Row = {
      id: randomBytes(6).toString("hex"),
      hash: hashOf(value),
      name: b.name,
      kind: b.kind,
      how: b.how,
      mark: isByToken(b) ? (this.token_mark ?? "") : "",
      begun_at: at,
      seen_at: at,
      proved_at: b.kind === "kiosk" ? 0 : at,
      came_from: b.came_from.slice(0, 64),
      device: b.device.slice(0, 64),
    };
    this.rows.set(row.hash, row);
    this.unsaved.add(row.hash);
    this.saveSoon(row);
    return { value, sign_in: row };
  }

  /** Null when it is none of ours, has expired, or was revoked. */
  find(value: string): SignIn | null {
    this.refresh();
    const row = this.rows.get(hashOf(value));
    return row && this.holds(row) ? row : null;
  }

  /** Somebody did something with it; an open stream is nobody doing anything. */
  seen(sign_in: SignIn): void {
    const row = this.rowOf(sign_in.id);
    if (!row) return;
    row.seen_at = this.now();
    if (row.seen_at - (this.written.get(row.hash) ?? row.begun_at) >= SEEN_EVERY_MS) this.saveSoon(row);
  }

  /** Password, code or token was shown again. */
  proved(id: string): void {
    const row = this.rowOf(id);
    if (!row) return;
    row.proved_at = this.now();
    this.saveSoon(row);
  }

  /** Those that hold, the newest first. */
  list(): SignIn[] {
    this.refresh();
    return [...this.rows.values()].filter((row) => this.holds(row)).sort((a, b) => b.begun_at - a.begun_at);
  }

  /** Ends those that are meant, and what is open under them. @returns how many, and whether the disk knows. */
  end(meant: (sign_in: SignIn) => boolean): { ended: SignIn[]; for_good: boolean } {
    this.refresh();
    const ended = [...this.rows.values()].filter(meant);
    let for_good = true;
    for (const row of ended) for_good = this.drop(row) && for_good;
    return { ended, for_good };
  }

  /** Calls `over` when this sign-in ends. @returns the way to stop listening. */
  whenOver(id: string, over: () => void): () => void {
    // It may have ended while the answer was made.
    if (!this.rowOf(id)) {
      over();
      return () => {};
    }
    const watchers = this.watchers.get(id) ?? new Set();
    this.watchers.set(id, watchers.add(over));
    return () => {
      watchers.delete(over);
      if (watchers.size === 0 && this.watchers.get(id) === watchers) this.watchers.delete(id);
    };
  }

  /** Ends what has expired, or was revoked at the terminal. Called now and then: an open stream asks nothing by itself. */
  sweep(): void {
    this.refresh();
    const over = [...this.rows.values()].filter((row) => !this.holds(row));
    // Nobody waits for these.
    for (const row of over) this.forget(row);
    for (const row of over) this.store.disk.later(() => this.erase(row));
  }

  private holds(row: Row): boolean {
    const by_token = isByToken(row) && this.token_mark !== TOKEN_UNKNOWN;
    if (by_token && (this.token_mark === "" || row.mark !== this.token_mark)) return false;
    if (row.kind === "kiosk") return true;
    const at = this.now();
    return at < row.begun_at + LONGEST_MS && at < row.seen_at + IDLE_MS;
  }

  private rowOf(id: string): Row | null {
    for (const row of this.rows.values()) if (row.id === id) return row;
    return null;
  }

  private drop(row: Row): boolean {
    this.forget(row);
    return this.erase(row);
  }

  private forget(row: Row): void {
    this.rows.delete(row.hash);
    this.unsaved.delete(row.hash);
    this.written.delete(row.hash);
    this.ended.add(row.hash);
    this.tellOver(row.id);
  }

  private erase(row: Row): boolean {
    try {
      this.store.write((db) => db.query("delete from sign_in where hash = ?").run(row.hash));
      this.ended.delete(row.hash);
      return true;
    } catch (error) {
      this.say(error);
      // A disk that hung and is back takes it then, and until then it is ended all the same.
      if (this.store.disk.trouble !== null) this.store.disk.later(() => this.erase(row));
      return false;
    }
  }

  private tellOver(id: string): void {
    const watchers = this.watchers.get(id);
    this.watchers.delete(id);
    for (const over of watchers ?? []) over();
  }

  private refresh(): void {
    if (this.store.changed()) this.load();
  }

  private load(): void {
    let read: Row[];
    try {
      read = this.store.db.query("select * from sign_in").all() as Row[];
    } catch (error) {
      this.say(error);
      return;
    }
    const before = this.rows;
    this.rows = new Map();
    for (const row of read) {
      if (this.ended.has(row.hash)) continue;
      const known = before.get(row.hash);
      this.rows.set(row.hash, known ?? notAhead(row, this.now()));
      this.unsaved.delete(row.hash);
    }
    for (const hash of this.unsaved) this.rows.set(hash, before.get(hash)!);
    for (const [hash, row] of before) if (!this.rows.has(hash)) this.tellOver(row.id);
  }

  /** Once for all that happens until the disk has answered. */
  private saveSoon(row: Row): void {
    if (this.waiting.has(row)) return;
    this.waiting.add(row);
    this.store.disk.later(() => {
      this.waiting.delete(row);
      if (this.rows.get(row.hash) === row) this.save(row);
    });
  }

  /** What was on the disk once is only ever updated there: a row that is gone was revoked at the terminal, and stays gone. */
  private save(row: Row): void {
    try {
      const { hash, seen_at, proved_at } = row;
      this.store.write((db) =>
        this.unsaved.has(hash)
          ? db.query(INSERT).run({ ...row })
          : db
              .query("update sign_in set seen_at = $seen_at, proved_at = $proved_at where hash = $hash")
              .run({ hash, seen_at, proved_at }),
      );
      this.written.set(hash, seen_at);
      this.unsaved.delete(hash);
    } catch (error) {
      this.say(error);
    }
  }

  private say(error: unknown): void {
    if (this.trouble) return;
    this.trouble = true;
    console.error("breakglass: sign-ins are kept in memory alone, the disk refuses:", error);
  }
}

/**
 * The clock went back while the console was stopped: its limits count from now on, and are no longer than anybody's. (A clock that went
 * ahead ends it: signing in again is a small thing, a sign-in that does not end is none.)
 */
function notAhead(row: Row, now: number): Row {
  const atMost = (at: number) => Math.min(at, now);
  return { ...row, begun_at: atMost(row.begun_at), seen_at: atMost(row.seen_at), proved_at: atMost(row.proved_at) };
}

const INSERT = `insert into sign_in (hash, id, name, kind, how, mark, begun_at, seen_at, proved_at, came_from, device)
  values ($hash, $id, $name, $kind, $how, $mark, $begun_at, $seen_at, $proved_at, $came_from, $device)`;

/** A wall board that the token opened stands and falls with that token, as its operator's own sign-in does. */
const isByToken = (one: Beginning): boolean =>
  one.how === "token" || (one.kind === "kiosk" && (isOf(one, SIGNED_IN_OPERATOR) || isOf(one, BEARER_OPERATOR)));

const hashOf = (value: string): string => digest(value).toString("hex");
