/** Many runs as one figure: the median, and within brackets the least, the most, and how many there were. */

export function median(runs: readonly number[]): number {
  const sorted = [...runs].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** "1.66 s (1.63–1.70, 5 runs)"; `digits` after the point. */
export function spread(runs: readonly number[], unit: string, digits: number): string {
  const words = (n: number) => count(n, digits);
  const around = `${words(Math.min(...runs))}–${words(Math.max(...runs))}, ${runs.length} runs`;
  return `${words(median(runs))} ${unit} (${around})`;
}

export const count = (n: number, digits = 0): string =>
  n.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** `times` runs, one after the other. */
export async function repeat<T>(times: number, once: (run: number) => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let i = 0; i < times; i++) all.push(await once(i));
  return all;
}
