/**
 * The lab's stand-in for `ssh`: it takes the argv of `target/ssh.ts` and answers as the two machines would. On the PVE host
 * it runs the real host script over the simulated `qm`; the VM is the simulated guest. It opens no connection to anywhere.
 * argv: the lab's folder, then what ssh was given.
 */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { askGuest, type Stdin } from "./guest.ts";
import { PVE_ADDRESS, VM_ADDRESS } from "./places.ts";
import { qemuPid } from "./qemu.ts";
import { afterRepair, asFound, guestIsUp, isBooting, type World } from "./world.ts";
import { changeWorld, readWorld } from "./world-file.ts";

const HOST_SCRIPT = `${dirname(import.meta.dir)}/power/host/breakglass-pve`;
const [dir = "", ...argv] = process.argv.slice(2);
const code = await answer();
// A command that was ended may still sleep; everything it printed goes out first.
await Promise.all([process.stdout, process.stderr].map((to) => new Promise((go) => to.write("", go))));
process.exit(code);

async function answer(): Promise<number> {
  const asked = parseSsh(argv);
  if (asked === null) return refuse("usage: ssh [options] -- destination command");
  const world = found();
  if (asked.host === PVE_ADDRESS) {
    if (world.fault === "host_unreachable") {
      await Bun.sleep(800);
      return refuse(`ssh: connect to host ${asked.host} port ${asked.port}: No route to host`);
    }
    return hostScript(world, asked.command);
  }
  if (asked.host !== VM_ADDRESS)
    return refuse(`ssh: Could not resolve hostname ${asked.host}: Name or service not known`);
  return guest(world, asked);
}

async function guest(world: World, { user, host, port, command }: SshCall): Promise<number> {
  if (world.fault === "host_unreachable" || world.power === "stopped") {
    await Bun.sleep(800);
    return refuse(`ssh: connect to host ${host} port ${port}: No route to host`);
  }
  if (world.fault === "qemu_wedged") {
    // The guest's kernel still takes the connection; sshd can't read its disk, so no banner comes.
    await Bun.sleep(3000);
    process.stderr.write("Connection timed out during banner exchange\n");
    return refuse(`Connection to ${host} port ${port} timed out`);
  }
  if (isBooting(world, Date.now())) return refuse(`ssh: connect to host ${host} port ${port}: Connection refused`);
  if (world.fault === "out_of_memory") await Bun.sleep(1200);
  if (!guestIsUp(world, Date.now())) return refuse(`Connection to ${host} closed by remote host.`);
  return askGuest({
    user,
    command,
    machine: {
      now: Date.now,
      world: () => readWorld(dir),
      repair: (repair) => void changeWorld(dir, (w) => afterRepair(w, repair, Date.now())),
      sleep: (ms) => Bun.sleep(ms),
    },
    heard: (from, text) => void process[from].write(text),
    stdin: sshStdin(),
  });
}

/** Read only when the console's wrapper asks for it: other commands come with nothing there. */
function sshStdin(): Stdin {
  let held = "";
  let first = (_line: string) => {};
  let over = () => {};
  const line = new Promise<string>((resolve) => {
    first = resolve;
  });
  const closed = new Promise<void>((resolve) => {
    over = resolve;
  });
  return {
    line: () => {
      process.stdin.on("data", (bytes) => {
        held += String(bytes);
        if (held.includes("\n")) first(held.split("\n", 1)[0]!);
      });
      process.stdin.on("end", () => {
        first("");
        over();
      });
      process.stdin.on("error", over);
      return line;
    },
    closed,
    pid: process.pid,
    lives: (pid) => {
      try {
        if (pid > 0) process.kill(pid, 0);
        return pid > 0;
      } catch {
        return false;
      }
    },
  };
}

/** As sshd runs a forced command: its own session, its output through a pipe that breaks when the client goes. */
async function hostScript(world: World, command: string): Promise<number> {
  mkdirSync(`${dir}/state`, { recursive: true });
  const child = Bun.spawn(["bash", "-p", HOST_SCRIPT, String(world.vmid)], {
    env: {
      PATH: `${dir}/bin:${process.env.PATH ?? ""}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
      HOME: process.env.HOME ?? "/",
      LC_ALL: "C",
      SSH_ORIGINAL_COMMAND: command,
      SSH_CLIENT: "127.0.0.1 50022 22",
      SSH_CONNECTION: "127.0.0.1 50022 127.0.0.1 22",
      BREAKGLASS_PVE_STATE: `${dir}/state`,
      BREAKGLASS_PVE_RUN: `${dir}/run`,
      BREAKGLASS_PVE_LOG: `${dir}/host.log`,
      BREAKGLASS_PVE_SPARE: `${dir}/spare`,
      BREAKGLASS_PVE_LOCKS: `${dir}/locks`,
      BREAKGLASS_PVE_TASKS: `${dir}/tasks`,
      // Not there: a rehearsal must not put units into the systemd of the machine that runs it.
      BREAKGLASS_PVE_SYSTEMD: `${dir}/no-systemd`,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
  });
  const pass = async (pipe: ReadableStream<Uint8Array>, to: NodeJS.WriteStream) => {
    for await (const bytes of pipe) to.write(bytes);
  };
  const piped = Promise.all([pass(child.stdout, process.stdout), pass(child.stderr, process.stderr)]);
  const code = await child.exited;
  // What the script left behind may hold the pipes; sshd waits for that no longer than this.
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([piped, new Promise((late) => (timer = setTimeout(late, 500)))]);
  clearTimeout(timer);
  // ssh reports a far command that died by a signal as 255.
  return child.signalCode ? 255 : code;
}

interface SshCall {
  readonly user: string;
  readonly host: string;
  readonly port: string;
  readonly command: string;
}

function parseSsh(words: readonly string[]): SshCall | null {
  let user = "";
  let port = "22";
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at]!;
    if (word === "--") {
      at++;
      break;
    }
    if (!word.startsWith("-")) break;
    if (/^-[bcDEeFIiJLlmOopQRSWw]$/.test(word)) {
      const value = words[++at] ?? "";
      if (word === "-l") user = value;
      if (word === "-p") port = value;
    }
  }
  const host = words[at];
  if (host === undefined) return null;
  const [name, where] = host.includes("@") ? host.split("@") : [user, host];
  return { user: name!, host: where!, port, command: words.slice(at + 1).join(" ") };
}

function found(): World {
  const world = readWorld(dir);
  const right = asFound(world, qemuPid(dir, world.vmid));
  return right === world ? world : changeWorld(dir, (w) => asFound(w, qemuPid(dir, w.vmid)));
}

function refuse(sentence: string): number {
  process.stderr.write(`${sentence}\r\n`);
  return 255;
}
