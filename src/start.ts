/**
 * `bun start`: installs the production packages when they are missing or are not those of bun.lock, then becomes the
 * server. It imports no package itself, since there may be none yet, and knows nothing of the server but its file.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runChild } from "./child.ts";
import { endingInWords } from "./outcome.ts";

const root = join(import.meta.dir, "..");
const INSTALL_LIMIT_MS = 5 * 60_000;

const before = missing();
if (before.length > 0) await install(before);
await import("./main.ts");

async function install(wanted: readonly string[]): Promise<void> {
  console.error(`breakglass: installing packages (${wanted.join(", ")}); once, some seconds`);
  const { ending, stderr } = await runChild({
    argv: [process.execPath, "install", "--production", "--frozen-lockfile"],
    env: Object.fromEntries(
      Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined),
    ),
    cwd: root,
    limit_ms: INSTALL_LIMIT_MS,
  });
  if (ending.is === "exited" && ending.code === 0) return;
  console.error(stderr.trim());
  const absent = missing().filter((name) => !existsSync(join(folderOf(name), "package.json")));
  // Without a network a console with somewhat older packages is better than none.
  if (absent.length === 0)
    return console.error(
      "breakglass: the packages could not be brought up to date; starting with those that are there",
    );
  console.error(
    `breakglass: the packages are missing and could not be installed (${endingInWords(ending)}); run 'bun install --production' in ${root} where there is a network, then start again.`,
  );
  process.exit(1);
}

/** The production packages that are not there in the version of bun.lock. */
function missing(): string[] {
  const { dependencies } = readJson(join(root, "package.json")) as { dependencies: Record<string, string> };
  const lock = readFileSync(join(root, "bun.lock"), "utf8");
  return Object.keys(dependencies).filter((name) => {
    const path = join(folderOf(name), "package.json");
    if (!existsSync(path)) return true;
    const { version } = readJson(path) as { version: string };
    // One entry a line: `"hono": ["hono@4.13.19", …`.
    return !lock.includes(`"${name}": ["${name}@${version}"`);
  });
}

function folderOf(name: string): string {
  return join(root, "node_modules", name);
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}
