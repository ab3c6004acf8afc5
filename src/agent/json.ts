/** Reading JSON that somebody else wrote: what is not of the kind asked for is empty, never an exception. Pure. */
export type Json = Record<string, unknown>;

export const isObject = (x: unknown): x is Json => typeof x === "object" && x !== null && !Array.isArray(x);
export const string = (x: unknown): string => (typeof x === "string" ? x : "");
export const number = (x: unknown): number | null => (typeof x === "number" && Number.isFinite(x) ? x : null);
