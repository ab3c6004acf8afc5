/** What w3m and lynx make of the console's page: they know neither `hidden` nor `<dialog>`, so what is there for a script must not be text. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runChild } from "../../src/child.ts";
import { knownBefore } from "../../src/power/preflight.ts";
import { Page } from "../../views/page.tsx";
import { assets, page, states, target } from "./samples.tsx";

const dir = mkdtempSync(join(tmpdir(), "bg-text-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const BROWSERS = { w3m: ["w3m", "-dump", "-cols", "80", "-T", "text/html"], lynx: ["lynx", "-dump", "-width=80"] };
const known = knownBefore(target, states.frozen, null, "v2");

async function shown(argv: readonly string[], html: string): Promise<string> {
  const file = join(dir, "page.html");
  writeFileSync(file, html);
  const env = { PATH: process.env.PATH ?? "", HOME: dir, LANG: "C.UTF-8", TERM: "dumb" };
  const { stdout, ending } = await runChild({ argv: [...argv, file], env, limit_ms: 20_000 });
  expect(ending).toEqual({ is: "exited", code: 0 });
  return stdout;
}

test("a text browser shows the state, power and the composer, and nothing that only a script would show", async () => {
  const html = `<!doctype html>${<Page assets={assets} {...page({ known })} />}`;
  for (const text of ["No evidence is kept yet", "Sure?", "stop it first"]) expect(html).toContain(text); // else it is not hidden, but gone
  for (const [name, argv] of Object.entries(BROWSERS)) {
    const text = await shown(argv, html);
    for (const word of ["Frozen.", "heard", "cycle", "Send", "Reload"]) expect(text, name).toContain(word);
    // Said before one verb or another: as one list they contradict each other.
    for (const word of ["No evidence is kept", "Sure?", "Not now", "stop it first", "standing by", "data-known"])
      expect(text, name).not.toContain(word);
    for (const { says } of known.lines) expect(text.replace(/\s+/g, " "), name).not.toContain(says);
    const empty = await shown(argv, `<!doctype html>${<Page assets={assets} {...page({ items: [] })} />}`);
    expect(empty, name).toContain("The agent is standing by");
  }
});
