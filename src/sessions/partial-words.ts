/** The words of an agent as they come, until they are whole. It shows them; it writes nothing. */

/** A thin link has better things to carry: at most ten times a second. */
const EVERY_MS = 100;

export class PartialWords {
  private text = "";
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly show: (text: string) => void) {}

  add(text: string): void {
    this.text += text;
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.show(this.text);
    }, EVERY_MS);
  }

  clear(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    if (this.text !== "") this.show("");
    this.text = "";
  }
}
