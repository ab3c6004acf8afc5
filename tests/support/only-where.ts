/** A test for machines that have what it needs. Elsewhere it is skipped under a name that says what was missing. */
import { test } from "bun:test";
import { NOT_RUN } from "./junit.ts";

export const onlyWhere =
  (has: boolean, needs: string, run: typeof test | typeof test.concurrent = test) =>
  (name: string, work: () => Promise<unknown>, limit_ms?: number): void =>
    has ? run(name, work, limit_ms) : test.skip(`${NOT_RUN}it needs ${needs}: ${name}`, () => {});

/** Mounts, accounts and the ids of others are root's. */
export const asRoot = process.getuid?.() === 0;
export const onlyAsRoot = onlyWhere(asRoot, "root");
