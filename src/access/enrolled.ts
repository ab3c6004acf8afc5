/**
 * The enrolled operators: a name, a password's hash, ten recovery codes, and the one-time links that enrol. It knows no request
 * and no cookie, and never the password itself.
 *
 * Passkeys will be a third proof beside password and code: a table of public keys by name, and a `how` of their own.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { digest } from "./digest.ts";
import { openStore, type Store, storePath } from "./store.ts";

export const LINK_HOLDS_MS = 15 * 60_000;
export const CODES = 10;
/** A page that is reloaded later than this makes codes anew. */
const REQUEST_HOLDS_MS = 30 * 24 * 60 * 60_000;
/** 31 letters and digits that can't be taken for one another. */
const ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz";

export interface Enrolled {
  readonly name: string;
  readonly enrolled_at: number;
  readonly codes_left: number;
}

/** Small letters, digits, dot, dash, underscore; `token` is who signs in with API_BEARER_TOKEN. */
export const isOperatorName = (name: string): boolean => /^[a-z0-9][a-z0-9._-]{0,31}$/.test(name) && name !== "token";

export class Operators {
  /** Codes that were used while the disk refused to say so: once is once. */
  private readonly spent = new Set<string>();

  constructor(
    private readonly store: Store,
    private readonly now: () => number,
  ) {}

  list(): Enrolled[] {
    return this.store.db
      .query(
        "select name, enrolled_at, (select count(*) from code where code.name = operator.name) as codes_left from operator order by name",
      )
      .all() as Enrolled[];
  }

  /** Somebody has a password, or holds a link that will give them one. */
  get any(): boolean {
    return (
      this.store.db
        .query("select 1 from operator union all select 1 from link where expires_at > ? limit 1")
        .get(this.now()) !== null
    );
  }

  /** Null for a name that is not enrolled. */
  passwordOf(name: string): string | null {
    const row = this.store.db.query("select password from operator where name = ?").get(name);
    return (row as { password: string } | null)?.password ?? null;
  }

  /** @returns the secret part of a link; what is kept is its hash. An earlier link of the same name ends. */
  makeLink(name: string): string {
    const token = randomBytes(24).toString("base64url");
    this.write(() => {
      this.store.db.query("delete from link where name = ? or expires_at <= ?").run(name, this.now());
      this.store.db
        .query("insert into link (hash, name, expires_at) values (?, ?, ?)")
        .run(hashOf(token), name, this.now() + LINK_HOLDS_MS);
    });
    return token;
  }

  /** Whom a link enrols; null when it was used, is too old, or never was. */
  linkFor(token: string): string | null {
    const row = this.store.db
      // One that holds for longer than any does was made before the clock went back: it would be good for as long.
      .query("select name from link where hash = ?1 and expires_at > ?2 and expires_at <= ?2 + ?3")
      .get(hashOf(token), this.now(), LINK_HOLDS_MS + 60_000);
    return (row as { name: string } | null)?.name ?? null;
  }

  /** Uses the link up, and only then is the operator there: password and fresh codes in one step. Null: somebody was first. */
  enrol(token: string, password_hash: string): { name: string; codes: string[] } | null {
    return this.write(() => {
      const name = this.linkFor(token);
      if (name === null) return null;
      this.store.db.query("delete from link where hash = ?").run(hashOf(token));
      this.store.db
        .query("insert or replace into operator (name, password, enrolled_at) values (?, ?, ?)")
        .run(name, password_hash, this.now());
      return { name, codes: this.freshCodes(name) };
    });
  }

  setPassword(name: string, password_hash: string): void {
    this.store.write((db) => db.query("update operator set password = ? where name = ?").run(password_hash, name));
  }

  /**
   * The earlier codes end. Shown once: what is kept are hashes. Null when this request made some before: a page that is loaded
   * again must not end those that were just written down.
   */
  makeCodes(name: string, request_id: string): string[] | null {
    const id = hashOf(`${name} ${request_id}`);
    return this.write(() => {
      this.store.db.query("delete from codes_request where at <= ?").run(this.now() - REQUEST_HOLDS_MS);
      const { changes } = this.store.db
        .query("insert or ignore into codes_request (id, at) values (?, ?)")
        .run(id, this.now());
      return changes === 0 ? null : this.freshCodes(name);
    });
  }

  /** True once for each code. With 74 random bits a code needs no slow hash, and so no place in the queue. */
  useCode(name: string, code: string): boolean {
    const hash = hashOf(`${name} ${code.toLowerCase().replace(/[^a-z0-9]/g, "")}`);
    if (this.spent.has(hash)) return false;
    if (this.store.db.query("select 1 from code where hash = ? and name = ?").get(hash, name) === null) return false;
    this.spent.add(hash);
    try {
      return this.store.write((db) => db.query("delete from code where hash = ?").run(hash)).changes === 1;
    } catch {
      return true; // a full disk must not keep its owner out
    }
  }

  remove(name: string): boolean {
    return this.write(() => {
      this.store.db.query("delete from code where name = ?").run(name);
      this.store.db.query("delete from link where name = ?").run(name);
      return this.store.db.query("delete from operator where name = ?").run(name).changes === 1;
    });
  }

  private freshCodes(name: string): string[] {
    this.store.db.query("delete from code where name = ?").run(name);
    const codes = Array.from({ length: CODES }, freshCode);
    const keep = this.store.db.query("insert into code (hash, name) values (?, ?)");
    for (const code of codes) keep.run(hashOf(`${name} ${code.replaceAll("-", "")}`), name);
    return codes;
  }

  private write<T>(work: () => T): T {
    return this.store.write((db) => db.transaction(work).immediate());
  }
}

/** Asked at the start, before anything is open: is there anybody who could sign in? */
export function anybodyEnrolled(data_dir: string): boolean {
  if (!existsSync(storePath(data_dir))) return false;
  const store = openStore(data_dir);
  // Said here: whoever opens it next finds a file that is whole.
  if (store.trouble) console.error(`breakglass: ${store.trouble}`);
  try {
    return new Operators(store, Date.now).any;
  } finally {
    store.close();
  }
}

const hashOf = (secret: string): string => digest(secret).toString("hex");

/** 15 characters in three groups: 74 bits, and still typed off a card at night. */
function freshCode(): string {
  let code = "";
  while (code.length < 15)
    for (const byte of randomBytes(16)) {
      // 248 is the largest multiple of 31 in a byte: above it, one letter would be likelier than another.
      if (byte < 248 && code.length < 15) code += ALPHABET[byte % 31];
    }
  return code.replace(/(.{5})(?=.)/g, "$1-");
}
