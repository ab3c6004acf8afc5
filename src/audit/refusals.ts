/**
 * Refusals on their way to the audit, in bounded number: at 50 bad sign-ins a second the disk must not fill. Of one kind the
 * first few stand as rows of their own, the rest of the window as one row that says how many. Strangers have a room of their
 * own, and so has each operator: nobody's flood swallows what another was refused. It knows no table and no HTTP.
 */
import type { AuditFact } from "./audit.ts";

export type RefusalFact = Pick<
  AuditFact,
  "who" | "how" | "peer" | "what" | "target" | "request_id" | "outcome" | "detail"
>;

/** Of one kind, these many are told one by one in each window. */
const FEW = 3;
/** More kinds than this in one window are told as "others". */
const KINDS = 16;
/** Operators beyond these share one room: an edge may name as many as it likes. */
const MOST_ROOMS = 32;
const STRANGERS = "nobody";
const FIRST_WINDOW_MS = 60_000;
/** While a flood goes on, windows grow up to this: it is also the most that a crash can leave uncounted. */
const LONGEST_WINDOW_MS = 600_000;

interface Counted {
  /** Rows of their own. */
  told: number;
  /** Beyond those. */
  seen: number;
  readonly first: RefusalFact;
  last: RefusalFact;
}

export class Refusals {
  private readonly rooms = new Map<string, Room>();

  constructor(
    private readonly write: (fact: AuditFact) => void,
    private readonly now: () => number = Date.now,
  ) {}

  /** @param times how often it happened, where somebody else has counted already. */
  seen(refusal: RefusalFact, times = 1): void {
    this.roomOf(refusal).seen(refusal, times);
  }

  /** Tells what was only counted so far. */
  close(): void {
    for (const room of this.rooms.values()) room.close();
  }

  private roomOf({ who, how }: RefusalFact): Room {
    const own = how === "" ? STRANGERS : who;
    const name = this.rooms.has(own) || this.rooms.size < MOST_ROOMS || own === STRANGERS ? own : "operators";
    const room = this.rooms.get(name) ?? new Room(name, this.write, this.now);
    this.rooms.set(name, room);
    return room;
  }
}

class Room {
  private readonly kinds = new Map<string, Counted>();
  private window_ms = FIRST_WINDOW_MS;
  private ends: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly whose: string,
    private readonly write: (fact: AuditFact) => void,
    private readonly now: () => number,
  ) {}

  seen(refusal: RefusalFact, times: number): void {
    this.begin();
    const own = [refusal.who, refusal.peer, refusal.outcome, refusal.what].join("\n");
    const key = this.kinds.has(own) || this.kinds.size < KINDS ? own : "others";
    const counted = this.kinds.get(key) ?? { told: 0, seen: 0, first: refusal, last: refusal };
    this.kinds.set(key, counted);
    counted.last = refusal;
    counted.seen += times;
    if (counted.told >= FEW) return;
    counted.told++;
    counted.seen -= times;
    this.write(
      this.factOf(times === 1 ? refusal : { ...refusal, detail: `${times} times; the last: ${refusal.detail}` }),
    );
  }

  private begin(): void {
    if (this.ends) return;
    this.ends = setTimeout(() => this.end(), this.window_ms);
    this.ends.unref();
  }

  private end(): void {
    const minutes = Math.round(this.window_ms / 60_000);
    let flooded = false;
    for (const [key, { seen: more, first, last }] of this.kinds) {
      if (more === 0) continue;
      flooded = true;
      const fact = key === "others" ? { ...last, who: this.whose, peer: "", what: "others" } : first;
      this.write(
        this.factOf({ ...fact, detail: `${more} more like these within ${minutes} min; the last: ${last.detail}` }),
      );
    }
    this.kinds.clear();
    this.ends = null;
    this.window_ms = flooded ? Math.min(LONGEST_WINDOW_MS, this.window_ms * 2) : FIRST_WINDOW_MS;
    if (flooded) this.begin();
  }

  close(): void {
    if (this.ends) clearTimeout(this.ends);
    this.end();
    if (this.ends) clearTimeout(this.ends);
  }

  private factOf(refusal: RefusalFact): AuditFact {
    return { ...refusal, at: this.now(), decision: "refused", entry: null };
  }
}
