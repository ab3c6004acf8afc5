/**
 * What access has to tell: who came in, who tried and did not, what was revoked. It keeps nothing; the audit listens. What
 * repeats is gathered: a neighbour who sends a header 50 times a second is one line a minute with a number in it.
 */
export interface AccessEvent {
  readonly is:
    | "signed_in"
    | "signed_out"
    /** A user header that does not count: from elsewhere, without the secret, twice, or not on the list. */
    | "header_refused"
    | "sign_in_failed"
    | "token_refused"
    /** An enrolment link that is none, is too old, or was used. */
    | "link_refused"
    | "link_made"
    | "enrolled"
    | "removed"
    | "revoked"
    | "proved"
    | "password_changed"
    | "codes_made"
    | "kiosk_opened";
  /** The operator's full name, or the one that was claimed; null when none was. */
  readonly name: string | null;
  /** The peer's address, or `terminal:<account>`. */
  readonly from: string;
  /** A sentence with what else there is to know; empty when nothing is. */
  readonly why: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** How often this happened since it was last told. */
  readonly times: number;
}

export type Tell = (event: Pick<AccessEvent, "is" | "name" | "from"> & { why?: string }) => void;

const GATHERED: ReadonlySet<AccessEvent["is"]> = new Set([
  "header_refused",
  "sign_in_failed",
  "token_refused",
  "link_refused",
]);
const GATHER_MS = 60_000;
/** Beyond this many strangers in a minute, the rest are told as one. */
const MOST_STRANGERS = 200;

export class Told {
  private readonly followers = new Set<(event: AccessEvent) => void>();
  private readonly held = new Map<string, AccessEvent & { times: number; why: string }>();

  constructor(private readonly now: () => number) {}

  readonly tell: Tell = ({ is, name, from, why = "" }) => {
    const event = { is, name: name?.slice(0, 128) ?? null, from, why: why.slice(0, 500), at: this.now(), times: 1 };
    if (!GATHERED.has(is)) return this.pass(event);
    const key = this.held.size < MOST_STRANGERS ? JSON.stringify([is, event.name, from]) : is;
    const again = this.held.get(key);
    if (again) {
      again.times++;
      again.why = event.why;
      return;
    }
    this.pass(event);
    this.held.set(key, { ...event, times: 0 });
    setTimeout(() => {
      const gathered = this.held.get(key);
      this.held.delete(key);
      if (gathered && gathered.times > 0) this.pass({ ...gathered, at: this.now() });
    }, GATHER_MS).unref?.();
  };

  /** @returns the way to stop. */
  follow(follower: (event: AccessEvent) => void): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }

  get followed(): boolean {
    return this.followers.size > 0;
  }

  pass(event: AccessEvent): void {
    for (const follower of this.followers)
      try {
        follower(event);
      } catch (error) {
        // Whoever listens must not keep an operator out.
        console.error("access:", error);
      }
  }
}
