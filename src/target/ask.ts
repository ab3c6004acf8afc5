/** One reading of a target: what the PVE host's `status` says, and whether the VM's own ssh answers. Both at once. */
import { runChild } from "../child.ts";
import { exitCode } from "../outcome.ts";
import type { Pve } from "../power/host.ts";
import { keyRefused, REFUSED_WORDS } from "./host-key.ts";
import { type Ssh, sshArgv, sshEndingInWords } from "./ssh.ts";
import type { Reading } from "./state.ts";
import type { Target } from "./target.ts";

/** The script's own limit for status is 8 s on a frozen QEMU; the rest is the link. */
const STATUS_LIMIT_MS = 20_000;
const KNOCK_LIMIT_MS = 9_000;

export async function askTarget(
  target: Target,
  tools: { pve: Pve; ssh: Ssh; env: Readonly<Record<string, string>> },
): Promise<Reading> {
  const [said, knock] = await Promise.all([tools.pve.status(target, STATUS_LIMIT_MS), knockOn(target, tools)]);
  const code = exitCode(said.ending);
  const key_refused = keyRefused(code, said.stderr);
  const lastWords = key_refused ? REFUSED_WORDS : (said.stderr.trim().split("\n").at(-1) ?? "");
  // 255 is ssh's own: the host was not asked at all.
  const asked = code !== null && code !== 255;
  return {
    at: Date.now(),
    status: asked ? { exit_code: code, stdout: said.stdout } : null,
    why_not: asked ? "" : lastWords || sshEndingInWords(said.ending),
    key_refused,
    knock,
  };
}

/** Knocks on the VM's ssh with a command that does nothing. */
export async function knockOn(target: Target, { ssh, env }: { ssh: Ssh; env: Readonly<Record<string, string>> }) {
  const began = performance.now();
  const { ending, stderr } = await runChild({ argv: sshArgv(ssh, target.vm, "true"), env, limit_ms: KNOCK_LIMIT_MS });
  const answered = ending.is === "exited" && ending.code !== 255;
  const key_refused = keyRefused(exitCode(ending), stderr);
  const why = key_refused
    ? REFUSED_WORDS
    : answered
      ? ""
      : (stderr.trim().split("\n").at(-1) ?? "") || sshEndingInWords(ending);
  return { answered, took_ms: Math.round(performance.now() - began), why, key_refused };
}
