/**
 * A PVE host for tests: a real sshd whose forced command is the real host script, over the stand-in qm with one VM (102) whose
 * QEMU is a real process. It knows nothing of the console.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Child, runChild, startChild } from "../../src/child.ts";
import { sshArgv } from "../../src/target/ssh.ts";
import { type Sshd, startSshd } from "./sshd.ts";

export const SCRIPT = resolve(import.meta.dir, "../../src/power/host/breakglass-pve");
const QM = resolve(import.meta.dir, "qm");

export interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface PveHost {
  readonly world: string;
  readonly sshd: Sshd;
  /** Sends one command string, as the console's ssh does; without options over one connection that all of them share. */
  ask(command: string, options?: readonly string[]): Promise<Answer>;
  /** The same over a connection of its own, without waiting. */
  begin(command: string): { child: Child; answer: Promise<Answer>; heard: () => string };
  /** Turns a knob of the stand-in: a file in its world; null takes it away. */
  knob(name: string, value?: string | null): void;
  /** The calls that qm heard, oldest first, without the stand-in's pids. */
  ledger(): string[];
  /** The pid of the VM's QEMU, when pid file and process agree. */
  qemu(): number | null;
  log(): string[];
  record(id: string): string;
  end(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

// A host costs a few dozen processes a run: more than this many at once only wait for each other.
let room = 6;

export interface PveWishes {
  /** Every wait of the script, in percent. */
  readonly percent?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly options?: string;
  readonly vmids?: string;
  /** Starts with the VM off. */
  readonly off?: boolean;
}

export async function startPveHost({ percent = 30, env = {}, options, vmids = "102", off = false }: PveWishes = {}) {
  await until("there is room for one more host", () => room > 0, 110_000);
  room--;
  const world = mkdtempSync(join(tmpdir(), "breakglass-pve-"));
  for (const folder of ["run", "lock", "bin", "state"]) mkdirSync(join(world, folder));
  symlinkSync(QM, join(world, "bin", "qm"));
  writeFileSync(join(world, "config"), "name: devvm\nmemory: 4096\nscsi0: local-lvm:vm-102-disk-0,size=32G\n");
  writeFileSync(join(world, "ledger"), "");
  const hostEnv = {
    PATH: `${join(world, "bin")}:/usr/local/bin:/usr/bin:/bin`,
    QM_WORLD: world,
    BREAKGLASS_PVE_STATE: join(world, "state"),
    BREAKGLASS_PVE_SPARE: join(world, "spare"),
    BREAKGLASS_PVE_RUN: join(world, "run"),
    BREAKGLASS_PVE_LOG: join(world, "log"),
    BREAKGLASS_PVE_LOCKS: join(world, "lock"),
    BREAKGLASS_PVE_TASKS: join(world, "tasks"),
    BREAKGLASS_PVE_SYSTEMD: join(world, "no-systemd"),
    BREAKGLASS_PVE_PERCENT: String(percent),
    ...env,
  };
  if (!off) {
    await runChild({ argv: [join(world, "bin", "qm"), "start", "102"], env: hostEnv });
    writeFileSync(join(world, "ledger"), "");
  }
  const sshd = await startSshd({
    dir: join(world, "sshd"),
    forced: `/bin/bash -p ${SCRIPT} ${vmids}`,
    options,
    env: hostEnv,
  });
  const sshEnv = { PATH: process.env.PATH ?? "/usr/bin:/bin", HOME: world };
  const argv = (command: string, more: readonly string[] = []) => {
    const whole = sshArgv(
      { program: ["ssh"], known_hosts: sshd.known_hosts, host_keys: "yes", identity: sshd.identity },
      { host: sshd.host, port: sshd.port, user: sshd.user },
      command,
    );
    return [whole[0]!, ...more, ...whole.slice(1)];
  };

  const mux = `ControlPath=${join(world, "mux")}`;
  const shared = startChild(
    { argv: [...argv("", ["-o", "ControlMaster=yes", "-o", mux, "-N"]).slice(0, -1)], env: sshEnv },
    () => {},
  );
  await until("the shared connection stands", () => existsSync(join(world, "mux")));

  const host: PveHost = {
    world,
    sshd,
    async ask(command, more = ["-o", mux]) {
      const { ending, stdout, stderr } = await runChild(
        { argv: argv(command, more), env: sshEnv, limit_ms: 120_000 },
        4e6,
      );
      return { code: ending.is === "exited" ? ending.code : null, stdout, stderr };
    },
    begin(command) {
      const heard = { stdout: "", stderr: "" };
      const child = startChild({ argv: argv(command), env: sshEnv, limit_ms: 120_000 }, ({ from, text }) => {
        heard[from] += `${text}\n`;
      });
      const answer = child.ended.then((ending) => ({ code: ending.is === "exited" ? ending.code : null, ...heard }));
      return { child, answer, heard: () => heard.stdout };
    },
    knob(name, value = "") {
      if (value === null) rmSync(join(world, name), { force: true });
      else writeFileSync(join(world, name), value);
    },
    ledger: () =>
      readFileSync(join(world, "ledger"), "utf8")
        .split("\n")
        .filter(Boolean)
        .map((line) => line.replace(/^\d+ /, "")),
    qemu() {
      try {
        const pid = Number(readFileSync(join(world, "run", "102.pid"), "utf8"));
        const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        return argv.includes(join(world, "run", "102.pid")) ? pid : null;
      } catch {
        return null;
      }
    },
    log: () => (existsSync(join(world, "log")) ? readFileSync(join(world, "log"), "utf8").trimEnd().split("\n") : []),
    record: (id) => join(world, "state", "runs", id),
    [Symbol.asyncDispose]: () => host.end(),
    async end() {
      await Promise.all([shared.stop(200), sshd.stop()]);
      endEveryProcessOf(world);
      rmSync(world, { recursive: true, force: true });
      room++;
    },
  };
  return host;
}

export const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1) ?? "";

export async function until(what: string, holds: () => boolean | Promise<boolean>, limit_ms = 30_000): Promise<void> {
  const began = performance.now();
  while (!(await holds())) {
    if (performance.now() - began > limit_ms) throw new Error(`still not: ${what}`);
    await Bun.sleep(20);
  }
}

export function lockConfig(host: PveHost, lock: string): void {
  appendFileSync(join(host.world, "config"), `lock: ${lock}\n`);
}

// What belongs to this world names it in its command line or its environment: the QEMU, a run, a qm that hangs.
function endEveryProcessOf(world: string): void {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    try {
      const told = readFileSync(`/proc/${pid}/cmdline`, "latin1") + readFileSync(`/proc/${pid}/environ`, "latin1");
      if (told.includes(`${world}/`) || told.includes(`QM_WORLD=${world}`)) process.kill(Number(pid), "SIGKILL");
    } catch {
      // gone already, or not ours to look at
    }
  }
}
