/** Which rows somebody wants to see: as SQL for those on disk, and as a question for those in memory. Pure. */
import type { AuditRow } from "./audit.ts";

export interface Filter {
  readonly target?: string;
  /** Part of a name: `edge:viktor` also finds what an agent did that they allowed. */
  readonly who?: string;
  /** Milliseconds since the epoch, both included. */
  readonly since?: number;
  readonly until?: number;
}

/** A condition, and its values in order. */
export function asSql({ target, who, since, until }: Filter): [string, (string | number)[]] {
  const parts: [string, string | number | undefined][] = [
    ["target = ?", target],
    ["instr(who, ?) > 0", who],
    ["at >= ?", since],
    ["at <= ?", until],
  ];
  const given = parts.filter((part): part is [string, string | number] => part[1] !== undefined);
  return [given.map(([sql]) => sql).join(" and ") || "true", given.map(([, value]) => value)];
}

export const fits = (row: AuditRow, { target, who, since, until }: Filter): boolean =>
  (target === undefined || row.target === target) &&
  (who === undefined || row.who.includes(who)) &&
  row.at >= (since ?? Number.NEGATIVE_INFINITY) &&
  row.at <= (until ?? Number.POSITIVE_INFINITY);
