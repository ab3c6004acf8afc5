/** What a check found: one line in plain words with its evidence. Pure: outputs in, findings out. */
export interface Finding {
  /** `bad` wants an act now, `warn` a look, `fine` says that this is not it, `unknown` that it could not be read. */
  readonly level: "bad" | "warn" | "fine" | "unknown";
  /** One sentence in plain words, with the figures that prove it. */
  readonly says: string;
  /** What to do next, or empty. */
  readonly next: string;
}

/** The output of one read of a check. */
export interface Reading {
  readonly key: string;
  readonly command: string;
  readonly output: string;
  /** Null: it did not end (limit, link lost). */
  readonly exit_code: number | null;
  /** Why there is no exit code, in words; empty otherwise. */
  readonly why: string;
}
