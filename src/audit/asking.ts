/**
 * Who asks and from where, for the time of a request and of all that it sets going: what an entry's `by` leaves out. Only the
 * audit reads it; nothing is ever allowed or refused by it.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Operator } from "../access/operator.ts";

interface Asking {
  /** The peer's address, and whom a trusted edge forwards for. */
  readonly from: string;
  /** Null as long as nobody knows, and for strangers. */
  operator: Operator | null;
}

const asking = new AsyncLocalStorage<Asking>();

export const whileAsking = <T>(from: string, work: () => T): T => asking.run({ from, operator: null }, work);

/** From here on the request is known to be this operator's. */
export function isAsking(operator: Operator): void {
  const here = asking.getStore();
  if (here) here.operator = operator;
}

/** Null outside any request (what the console does by itself) and for strangers. */
export function whoAsks(): Operator | null {
  const here = asking.getStore();
  return here?.operator ? { ...here.operator, from: here.from } : null;
}

/** From where the request comes that is at work; null outside any. */
export const fromWhere = (): string | null => asking.getStore()?.from ?? null;
