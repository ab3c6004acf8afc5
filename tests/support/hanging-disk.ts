/**
 * A small disk that can be made to hang for real: a loop-mounted file system that is frozen. Whoever writes to it then stands still
 * in the kernel until it is thawed, and no signal ends them; so nothing here writes to it, and a process of its own thaws it
 * whatever becomes of the test.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface HangingDisk {
  /** Where it is mounted. */
  readonly dir: string;
  /** Until `heal`, or `at_most_s`. */
  hang(at_most_s: number): void;
  heal(): void;
  [Symbol.dispose](): void;
}

const env = { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/usr/bin:/sbin:/bin`, LANG: "C.UTF-8" };
const run = (program: string, ...words: string[]) =>
  execFileSync(program, words, { env, stdio: ["ignore", "ignore", "pipe"], timeout: 20_000 });

/** Throws where root, loop devices or freezing are not to be had. */
export function hangingDisk(): HangingDisk {
  const place = mkdtempSync(join(tmpdir(), "bg-hanging-"));
  const dir = join(place, "disk");
  const image = join(place, "image");
  let watchdog: Bun.Subprocess | null = null;
  const heal = () => {
    try {
      run("fsfreeze", "-u", dir);
    } catch {
      // thawed already
    }
    watchdog?.kill();
    watchdog = null;
  };
  const end = () => {
    heal();
    try {
      // Lazily: a child of a console that has just ended may still be about to.
      run("umount", "-l", dir);
    } catch {
      // never mounted
    }
    rmSync(place, { recursive: true, force: true });
  };
  try {
    mkdirSync(dir);
    run("truncate", "-s", "24M", image);
    run("mkfs.ext4", "-q", "-F", image);
    run("mount", "-o", "loop", image, dir);
    run("fsfreeze", "-f", dir);
    run("fsfreeze", "-u", dir);
  } catch (error) {
    end();
    throw error;
  }
  return {
    dir,
    hang(at_most_s) {
      // Armed first. In a session of its own: it outlives us.
      const thaw = ["setsid", "sh", "-c", `sleep ${at_most_s}; fsfreeze -u "$1"`, "sh", dir];
      watchdog = Bun.spawn(thaw, { env, stdio: ["ignore", "ignore", "ignore"] });
      watchdog.unref();
      run("fsfreeze", "-f", dir);
    },
    heal,
    [Symbol.dispose]: end,
  };
}

/** Why there is none here; null where there is. */
export function noHangingDisk(): string | null {
  if (process.getuid?.() !== 0) return "it needs root";
  try {
    hangingDisk()[Symbol.dispose]();
    return null;
  } catch (error) {
    return `no file system can be frozen here (${error instanceof Error ? error.message.split("\n")[0] : error})`;
  }
}
