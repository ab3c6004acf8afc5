/**
 * `qm` of the simulated PVE host: the sub-commands that the host script and an operator use, on the lab's one VM. Started once
 * per call, so it imports little. argv: the lab's folder, then what `qm` was given.
 */
import { hmpTurn, hmpWelcome } from "./hmp.ts";
import { qemuArgs, qemuPid, startQemu, stopQemu } from "./qemu.ts";
import * as qm from "./qm-answers.ts";
import { afterReset, afterStart, afterStop, asFound, type World } from "./world.ts";
import { changeWorld, readWorld } from "./world-file.ts";

const [dir = "", verb = "", ...words] = process.argv.slice(2);
const said = await answer();
if (said.stdout) process.stdout.write(said.stdout);
if (said.stderr) process.stderr.write(said.stderr);
process.exitCode = said.code;

async function answer(): Promise<qm.Said> {
  const now = Date.now();
  const world = found();
  if (verb === "list") return qm.list(world);
  const named = words.find((word) => /^\d+$/.test(word)) ?? "";
  if (named === "") return { code: 255, stderr: "400 not enough arguments\n" };
  if (Number(named) !== world.vmid) return qm.missing(named);
  switch (verb) {
    case "status":
      return qm.status(world, now, has("--verbose"));
    case "config":
      return qm.config(world, has("--current"));
    case "pending":
      return qm.pending(world);
    case "listsnapshot":
      return qm.listSnapshots();
    case "showcmd":
      return { code: 0, stdout: `/usr/bin/kvm ${qemuArgs(dir, world).join(" ")}\n` };
    case "monitor":
      return world.power === "running" ? monitor(world) : qm.notRunning(world);
    case "agent":
    case "guest":
      return words.includes("ping")
        ? agentPing(world)
        : { code: 255, stderr: "QEMU guest agent: only ping is simulated in the lab\n" };
    case "start":
      return start();
    case "stop":
    case "shutdown":
      return stop();
    case "reset":
      return change((w) => (w.power === "running" ? afterReset(w, now) : w)).power === "running"
        ? { code: 0 }
        : qm.notRunning(world);
    case "resume":
      return world.power === "running" ? { code: 0 } : qm.notRunning(world);
    case "unlock":
      change((w) => ({ ...w, lock: null }));
      return { code: 0 };
    default:
      return { code: 255, stderr: `ERROR: unknown command 'qm ${verb}'\n` };
  }
}

/** Each line is answered when it comes: whoever asks twice, two seconds apart, wants two moments. */
async function monitor(world: World): Promise<qm.Said> {
  process.stdout.write(hmpWelcome(world));
  for await (const typed of console) process.stdout.write(hmpTurn(readWorld(dir), Date.now(), typed));
  return { code: 0 };
}

/** A silent agent costs the asker a moment, as on a real host. */
function agentPing(world: World): qm.Said {
  const ping = qm.agentPing(world, Date.now());
  if (ping.code !== 0 && world.power === "running") Bun.sleepSync(200);
  return ping;
}

function start(): qm.Said {
  let said: qm.Said = { code: 0 };
  change((world) => {
    if (world.power === "running") said = { code: 255, stderr: `VM ${world.vmid} already running\n` };
    else if (world.lock && !has("--skiplock")) said = qm.isLocked(world);
    else return afterStart(world, startQemu(dir, world), Date.now());
    return world;
  });
  return said;
}

function stop(): qm.Said {
  let said: qm.Said = { code: 0 };
  change((world) => {
    if (world.lock && !has("--skiplock")) said = qm.isLocked(world);
    else if (world.power === "running") {
      // A wedged QEMU does not follow `quit`; qm then sends TERM. Real limits are 5 s and more.
      if (world.fault === "qemu_wedged") Bun.sleepSync(1000);
      stopQemu(dir, world.vmid);
      return afterStop(world);
    }
    return world;
  });
  return said;
}

/** The world, put right by what is really running. */
function found(): World {
  const world = readWorld(dir);
  const right = asFound(world, qemuPid(dir, world.vmid));
  return right === world ? world : change((w) => w);
}

function change(how: (world: World) => World): World {
  return changeWorld(dir, (world) => how(asFound(world, qemuPid(dir, world.vmid))));
}

function has(option: string): boolean {
  return words.some((word) => word === option || word.startsWith(`${option}=`));
}
