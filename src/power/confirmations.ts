/**
 * Who is being asked "Cycle devvm?" right now. Meanwhile the agent starts nothing that changes the VM: the operator decides by
 * what the page showed them. In memory only, and each lapses by itself: a phone that was put away must not tie the agent's hands.
 */
import type { Target } from "../target/target.ts";
import type { VerbName } from "./verb.ts";

export interface Confirmation {
  readonly target: string;
  readonly verb: VerbName;
  readonly by: string;
  /** ms since the epoch. */
  readonly since: number;
}

/** A dialog says every 20 s that it is still open; a confirmation page can't, and is given longer. */
const DIALOG_LAPSES_MS = 60_000;
const PAGE_LAPSES_MS = 180_000;

export class Confirmations {
  private readonly open = new Map<string, Confirmation & { readonly lapses: number }>();

  /** `wall` is what people are told; what lapses does so by a clock that nobody sets. */
  constructor(
    private readonly wall: () => number = Date.now,
    private readonly steady: () => number = () => performance.now(),
  ) {}

  /** `dialog`: the request id of the form that asked; left out, it is the operator's page. */
  opened(target: Target, verb: VerbName, by: string, dialog?: string): void {
    this.prune();
    const key = keyOf(target, by, dialog);
    const since = this.open.get(key)?.since ?? this.wall();
    const lapses = this.steady() + (dialog === undefined ? PAGE_LAPSES_MS : DIALOG_LAPSES_MS);
    this.open.set(key, { target: target.id, verb, by, since, lapses });
  }

  closed(target: Target, by: string, dialog?: string): void {
    this.open.delete(keyOf(target, by, dialog));
  }

  /** One that is open on this target, or null. */
  on(target: Target): Confirmation | null {
    this.prune();
    return [...this.open.values()].find((confirmation) => confirmation.target === target.id) ?? null;
  }

  get size(): number {
    return this.open.size;
  }

  private prune(): void {
    for (const [key, { lapses }] of this.open) if (lapses <= this.steady()) this.open.delete(key);
  }
}

const keyOf = (target: Target, by: string, dialog?: string): string => `${target.id} ${by} ${dialog ?? "page"}`;
