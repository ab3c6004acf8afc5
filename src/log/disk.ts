/**
 * Says whether the disk of the data directory answers. A disk that hangs gives no error: whoever writes stands still until it
 * answers, and here everything is one thread. So a child writes and syncs a byte beforehand, only when somebody is about to write.
 * A child, since a thread that hangs in the kernel keeps its process from ending, even by SIGKILL. It knows nothing of what is written.
 */
import type { Database } from "bun:sqlite";
import { join } from "node:path";
import { type Child, startChild } from "../child.ts";

export interface Disk {
  /** A sentence while it is known not to answer; else null. */
  readonly trouble: string | null;
  /** Resolves with null when it has just answered, else with the sentence, after PATIENCE_MS at most. */
  asked(): Promise<string | null>;
  /** Does `work` as soon as the disk answers: for what nobody waits for. At a stop it may be left undone. */
  later(work: () => void): void;
  /** While the disk does not answer, this connection refuses to write, where it would stand still. */
  guard(db: Database): void;
  /** Called when it does not answer any more, and when it does again. */
  follow(told: () => void): void;
  close(): void;
}

/** For a log in memory, and for the terminal, which may stand still. */
export const ALWAYS_ANSWERS: Disk = {
  trouble: null,
  asked: async () => null,
  later: (work) => work(),
  guard: () => {},
  follow: () => {},
  close: () => {},
};

/**
 * For so long an answer counts, ms. A write that begins in this time on a disk that has just begun to hang stands still; and
 * while something is written all the time, that is the likely moment. No longer than saves a flood a process for each entry.
 */
const FRESH_MS = 40;
/** Well beyond what an overloaded machine takes for it (0.15 s measured at a load of 30 on two cores). */
const PATIENCE_MS = 3000;
const STEPS = 10;
/** After a child that ended by itself, ms. */
const ANEW_MS = 1000;
/** Where no child can be started, the disk is taken to answer, and this long nobody tries again, ms. */
const BLIND_MS = 60_000;

// Without truncating: the byte has its place already, so that the sync has one block to write and no file system to change.
const PROBE = `while read -r n; do printf . 1<>"$1"; sync -d "$1"; echo "$n"; done 2>/dev/null`;

interface Question {
  readonly n: number;
  /** Null: it answered. */
  readonly answered: Promise<string | null>;
  readonly settle: (trouble: string | null) => void;
}

export class ProbedDisk implements Disk {
  trouble: string | null = null;
  private child: Child | null = null;
  private question: Question | null = null;
  private count = 0;
  private fresh_until = 0;
  private closed = false;
  private waiting: (() => void)[] = [];
  private readonly guarded: Database[] = [];
  private readonly followers: (() => void)[] = [];

  constructor(
    private readonly dir: string,
    private readonly path = process.env.PATH ?? "/usr/bin:/bin",
    private readonly patience_ms = PATIENCE_MS,
  ) {}

  asked(): Promise<string | null> {
    if (this.trouble !== null || this.closed || performance.now() < this.fresh_until)
      return Promise.resolve(this.trouble);
    this.question ??= this.ask();
    return this.question.answered;
  }

  later(work: () => void): void {
    this.waiting.push(work);
    if (this.waiting.length === 1) void this.asked().then(() => this.catchUp());
  }

  guard(db: Database): void {
    this.guarded.push(db);
    if (this.trouble !== null) refuseWrites(db, true);
  }

  follow(told: () => void): void {
    this.followers.push(told);
  }

  /** Its child ends with its stdin, or when the disk answers. */
  close(): void {
    this.closed = true;
    this.waiting = [];
    this.child?.closeStdin();
  }

  private ask(): Question {
    const { promise: answered, resolve: settle } = Promise.withResolvers<string | null>();
    const question = { n: ++this.count, answered, settle };
    this.send(question.n);
    let steps = 0;
    // In steps: while we stand still ourselves the answer lies there unread, and no time may pass for the disk.
    const limit = setInterval(() => ++steps === STEPS && this.toTrouble(), this.patience_ms / STEPS);
    limit.unref();
    void answered.then(() => clearInterval(limit));
    return question;
  }

  private send(n: number): void {
    if (!this.child) {
      const argv = ["/bin/sh", "-c", PROBE, "sh", join(this.dir, "answers")];
      const child = startChild({ argv, env: { PATH: this.path }, stdin: { open: true } }, ({ text }) => {
        if (Number(text) === this.question?.n) this.answers(FRESH_MS);
      });
      this.child = child;
      void child.ended.then(() => this.ended(child));
    }
    this.child.write(`${n}\n`);
  }

  /** Whatever came of the byte: a disk that refuses answers, and says to whoever writes why it does. */
  private answers(fresh_ms: number): void {
    const { question } = this;
    this.question = null;
    this.fresh_until = performance.now() + fresh_ms;
    const well_again = this.trouble !== null;
    this.trouble = null;
    question?.settle(null);
    if (well_again) this.tell(false);
    this.catchUp();
  }

  private toTrouble(): void {
    this.trouble = `the disk of ${this.dir} does not answer`;
    console.error(`breakglass: ${this.trouble}; nothing is written until it does`);
    // The question stays open: its answer is how we learn that the disk is back.
    this.question?.settle(this.trouble);
    this.tell(true);
  }

  private tell(hangs: boolean): void {
    if (!hangs) console.error(`breakglass: the disk of ${this.dir} answers again`);
    for (const db of this.guarded) refuseWrites(db, hangs);
    for (const told of this.followers)
      try {
        told();
      } catch (error) {
        console.error("telling of the disk failed:", error);
      }
  }

  private catchUp(): void {
    if (this.trouble !== null || this.closed) return;
    for (const work of this.waiting.splice(0))
      try {
        work();
      } catch (error) {
        console.error("what waited for the disk:", error);
      }
  }

  /** Somebody ended it, or it never began: that says nothing of the disk. */
  private ended(child: Child): void {
    this.child = null;
    if (this.closed || this.question === null) return;
    if (this.trouble === null || child.pid === null) {
      if (child.pid === null) console.error("breakglass: whether the disk answers can't be asked: no /bin/sh starts");
      this.answers(child.pid === null ? BLIND_MS : ANEW_MS);
      return;
    }
    setTimeout(() => this.question && !this.closed && this.send(this.question.n), ANEW_MS).unref();
  }
}

/** A reader moves its mark in the shared index after a commit, and that is a write: done now, no later reader has to. */
export function moveMark(db: Database): void {
  try {
    db.query("select 1 from sqlite_schema limit 1").get();
  } catch {
    // What was written is written; the next reader moves it.
  }
}

function refuseWrites(db: Database, refuse: boolean): void {
  try {
    db.run(`pragma query_only = ${refuse ? "on" : "off"}`);
  } catch {
    // closed already
  }
}
