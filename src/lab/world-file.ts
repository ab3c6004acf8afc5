/**
 * `<lab>/world.json`: the world kept where several processes (qm, the far end, the console) read and change it. Writes are whole
 * and replace the file at once; a change holds a lock file that names its holder, and a dead holder's lock is taken over.
 * It decides nothing about the world.
 */
import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import type { World } from "./world.ts";

/** A change is a few milliseconds, or as long as QEMU takes to come up. Longer than this is a fault of ours. */
const LOCK_WAIT_MS = 10_000;

export function readWorld(dir: string): World {
  return JSON.parse(readFileSync(`${dir}/world.json`, "utf8")) as World;
}

export function writeWorld(dir: string, world: World): void {
  const draft = `${dir}/.world.${process.pid}.json`;
  writeFileSync(draft, `${JSON.stringify(world, null, 1)}\n`);
  renameSync(draft, `${dir}/world.json`);
}

/** Read, change, write, with nobody in between. Throws when the lock can't be had. */
export function changeWorld(dir: string, change: (world: World) => World): World {
  const release = lock(dir);
  try {
    const before = readWorld(dir);
    const after = change(before);
    if (after !== before) writeWorld(dir, after);
    return after;
  } finally {
    release();
  }
}

function lock(dir: string): () => void {
  const path = `${dir}/world.lock`;
  const mine = `${dir}/.lock.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  const began = performance.now();
  for (;;) {
    try {
      linkSync(mine, path); // fails if it is there: one holder, even between processes
      unlinkSync(mine);
      return () => unlinkSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (performance.now() - began > LOCK_WAIT_MS)
      throw new Error(`${path} is held; remove it if nothing of the lab runs`);
    takeFromTheDead(path);
    Bun.sleepSync(4);
  }
}

function takeFromTheDead(path: string): void {
  try {
    const holder = Number(readFileSync(path, "utf8"));
    if (!(holder > 0) || isAlive(holder)) return;
    // Moved first, then looked at again: between the look and the move a living one may have taken it.
    const aside = `${path}.${process.pid}`;
    renameSync(path, aside);
    if (Number(readFileSync(aside, "utf8")) !== holder) linkSync(aside, path);
    unlinkSync(aside);
  } catch {
    // somebody else was quicker
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
