/** One row of the budgets table, with what was measured. Figures of the first system: the same job on a machine of the same size. */
export interface Row {
  readonly what: string;
  readonly budget: string;
  readonly first: string;
  readonly measured: string;
  /** Null where there is no budget. */
  readonly met: boolean | null;
}

export const row = (
  what: string,
  budget: string,
  first: string,
  measured: string,
  met: boolean | null = null,
): Row => ({ what, budget, first, measured, met });

/** A figure beside the budget's own: the same thing under other conditions. */
export const aside = (what: string, measured: string): Row => row(`… ${what}`, "–", "–", measured);
