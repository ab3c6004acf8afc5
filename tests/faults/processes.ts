/** Finds the processes that a fault strikes, in /proc, by what they carry: a console's data folder, a host's world, a request id. */
import { readdirSync, readFileSync } from "node:fs";

interface Seen {
  readonly pid: number;
  readonly argv: readonly string[];
}

/** The ssh clients of a console that carry a mutating run; those of one request id only, when it is given. */
export function sshClients(data_dir: string, id?: string): number[] {
  return everyProcess()
    .filter(({ argv }) => argv[0] === "ssh" && argv.includes(`UserKnownHostsFile=${data_dir}/known_hosts`))
    .filter(({ argv }) => {
      const words = argv.at(-1)!.split(" ");
      return id === undefined ? words.length > 1 && words[0]!.includes("@") : words[1] === id && words[0] !== "report";
    })
    .map(({ pid }) => pid);
}

/** sshd's own child for each connection to this host that follows a mutating run; of one request id only, when it is given. */
export function connections(world: string, id?: string): number[] {
  const found = new Set<number>();
  for (const { pid } of everyProcess()) {
    const env = textOf(`/proc/${pid}/environ`).split("\0");
    if (!env.includes(`QM_WORLD=${world}`)) continue;
    const asked = env.find((line) => line.startsWith("SSH_ORIGINAL_COMMAND="))?.split(/[= ]/) ?? [];
    if (asked[1] === "report" || asked.length < 3 || (id !== undefined && asked[2] !== id)) continue;
    const parent = parentOf(pid);
    // The run itself carries the same words, but sshd is not its parent: it was detached.
    if (parent !== null && /^sshd/.test(textOf(`/proc/${parent}/cmdline`))) found.add(parent);
  }
  return [...found];
}

export function killAll(pids: readonly number[]): number {
  let struck = 0;
  for (const pid of pids)
    try {
      process.kill(pid, "SIGKILL");
      struck++;
    } catch {
      // It ended between the look and the blow.
    }
  return struck;
}

function everyProcess(): Seen[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((name) => ({ pid: Number(name), argv: textOf(`/proc/${name}/cmdline`).split("\0").slice(0, -1) }))
    .filter(({ argv }) => argv.length > 0);
}

function parentOf(pid: number): number | null {
  const after = textOf(`/proc/${pid}/stat`).split(") ").at(-1);
  return after ? Number(after.split(" ")[1]) : null;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // gone already, or not ours to see
  }
}
