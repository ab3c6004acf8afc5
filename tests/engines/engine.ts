/**
 * What the engine proof asks of a browser, whatever drives it: a page of a phone's size, taps that are the engine's own, and
 * words read from the page. It knows no engine.
 */
export interface Engine {
  readonly name: string;
  /** As the engine calls itself; known once a page was opened. */
  version(): string;
  open(url: string): Promise<Glass>;
  close(): Promise<void>;
}

export interface Glass {
  /** The value of a JavaScript expression in the page, as JSON would carry it. */
  read<T>(expression: string): Promise<T>;
  tap(selector: string): Promise<void>;
  type(selector: string, words: string): Promise<void>;
  reload(): Promise<void>;
  picture(file: string): Promise<void>;
}

export const SIZE = { width: 390, height: 844 };

/** Waits until the expression is true of the page, through reloads and lost links; throws with `what` after the limit. */
export async function until(glass: Glass, what: string, expression: string, limit_ms = 60_000): Promise<void> {
  const end = performance.now() + limit_ms;
  while (performance.now() < end) {
    if (await glass.read<boolean>(`Boolean(${expression})`).catch(() => false)) return;
    await Bun.sleep(100);
  }
  const link = await glass
    .read<string>("document.getElementById('link')?.textContent ?? ''")
    .catch(() => "not readable");
  throw new Error(`waited ${limit_ms / 1000} s in vain for: ${what} (the lamp says "${link}")`);
}

export const LIVE = "document.getElementById('link')?.textContent === 'live'";

/** An expression: whether the text of what the selector finds holds the words. */
export const holds = (selector: string, words: string): string =>
  `[...document.querySelectorAll(${JSON.stringify(selector)})].some((at) => at.innerText.includes(${JSON.stringify(words)}))`;
