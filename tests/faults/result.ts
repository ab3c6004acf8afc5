/** What a part of the fault proof found, and how it is printed: N, lost, duplicated, unresolved, then what it saw on the way. */
export interface Result {
  readonly part: string;
  readonly seed: number;
  readonly n: number;
  /** Acknowledged and not in the log, or taken in by the host and not gone to its end. */
  readonly lost: number;
  /** Run or written twice, or at the same time as another. */
  readonly duplicated: number;
  /** Without an outcome, or with one that the host's record denies. */
  readonly unresolved: number;
  /** Counts that tell whether the faults met anything. */
  readonly saw: Readonly<Record<string, number>>;
  /** One sentence for each thing that was wrong, with its request id. */
  readonly wrong: readonly string[];
  /** All that was done, in order; the file that a failure leaves. */
  readonly journal: readonly string[];
}

/** Gathers what is wrong while a part runs. */
export class Findings {
  readonly wrong: string[] = [];
  readonly journal: string[] = [];
  readonly saw: Record<string, number> = {};
  private readonly counts = { lost: 0, duplicated: 0, unresolved: 0 };
  private readonly began = performance.now();

  constructor(
    private readonly part: string,
    private readonly seed: number,
  ) {}

  note(line: string): void {
    this.journal.push(`${((performance.now() - this.began) / 1000).toFixed(2).padStart(8)} ${line}`);
  }

  count(what: string, by = 1): void {
    this.saw[what] = (this.saw[what] ?? 0) + by;
  }

  bad(kind: keyof Findings["counts"], sentence: string): void {
    this.counts[kind]++;
    this.wrong.push(`${kind}: ${sentence}`);
    this.note(`WRONG ${kind}: ${sentence}`);
  }

  result(n: number): Result {
    const { part, seed, saw, wrong, journal } = this;
    return { part, seed, n, ...this.counts, saw, wrong, journal };
  }
}

/** What led to what was wrong: the journal's lines about the request ids that are named there, and the kills around them. */
export function leadingThere({ wrong, journal }: Result): string[] {
  const ids = new Set(wrong.flatMap((sentence) => sentence.match(/\b(?:kill|mix|whole|cut)-\d+-[\w-]+/g) ?? []));
  const isAbout = (line: string) => line.split(/[\s:]+/).some((word) => ids.has(word));
  const moments = journal.filter(isAbout).map((line) => Number.parseFloat(line));
  const isNear = (line: string) => moments.some((at) => Math.abs(at - Number.parseFloat(line)) < 1);
  return journal.filter((line) => isAbout(line) || (/killed/.test(line) && !/ 0 .* killed/.test(line) && isNear(line)));
}

export function inOneLine(r: Result): string {
  const saw = Object.entries(r.saw)
    .map(([what, n]) => `${n} ${what}`)
    .join(", ");
  return `${r.part}: ${r.n}/${r.lost}/${r.duplicated}/${r.unresolved} (N/lost/duplicated/unresolved), seed ${r.seed}; ${saw}`;
}
