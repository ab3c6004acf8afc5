/** What the console prints, without secrets: stdout and stderr end in a journal that many may read. It changes `console` for good. */
import { format } from "node:util";

export function cleanPrinted(clean: (text: string) => string): void {
  for (const name of ["error", "warn", "log", "info", "debug"] as const) {
    const print = console[name].bind(console);
    console[name] = (...said: unknown[]) => print(clean(format(...said)));
  }
}
