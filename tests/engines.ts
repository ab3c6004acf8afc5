/**
 * `bun run engines`: the main path and the proof of drops in Chromium, Firefox and WebKitGTK, as Debian has them; what is missing
 * is installed. `--only firefox` takes one. Prints a line for each, and fails when one failed. Pictures go to out/engines/.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromiumEngine } from "./engines/chromium.ts";
import { BLOWS, drops } from "./engines/drops.ts";
import { firefoxEngine } from "./engines/firefox.ts";
import { mainPath } from "./engines/main-path.ts";
import { webkitEngine } from "./engines/webkit.ts";
import { debianPackages, ENGINES } from "./support/debian.ts";

const ALL = { chromium: chromiumEngine, firefox: firefoxEngine, webkit: webkitEngine };
const wanted = process.argv.flatMap((word, i, all) => (word === "--only" ? [all[i + 1] ?? ""] : []));
const unknown = wanted.filter((name) => !(name in ALL));
if (unknown.length > 0) {
  console.error(`Engines are ${Object.keys(ALL).join(", ")}.`);
  process.exit(2);
}
const pictures = join(import.meta.dir, "../out/engines");
mkdirSync(pictures, { recursive: true });
await debianPackages({ PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/" }, ENGINES);

let failed = 0;
for (const [name, open] of Object.entries(ALL)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const engine = open();
  const tell = async (what: string, run: () => Promise<string>) => {
    const began = performance.now();
    const says = await run().catch((error: Error) => {
      failed++;
      return `FAILED: ${error.message}`;
    });
    console.log(`${engine.version() || name}: ${what}: ${says}; ${((performance.now() - began) / 1000).toFixed(0)} s`);
  };
  try {
    await tell("main path", () => mainPath(engine, pictures));
    await tell("drops", async () => {
      const { said, missing, twice } = await drops(engine);
      const blows = `${BLOWS.resets} resets, ${BLOWS.holes} black holes, ${BLOWS.refusals} refusals, ${BLOWS.kills} kills`;
      if (said < 400 || missing + twice > 0)
        throw new Error(`${said} lines, missing ${missing}, twice ${twice}; ${blows}`);
      return `${said} lines, missing ${missing}, twice ${twice}; ${blows}`;
    });
  } finally {
    await engine.close();
  }
}
process.exit(failed === 0 ? 0 : 1);
