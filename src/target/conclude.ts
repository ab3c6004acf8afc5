/**
 * From the newest reading, and the history behind it, to one state with the advice that fits. Pure. The order of the questions is the
 * order of certainty: can the host be asked, is there a QEMU, does QEMU hold the VM itself, does the guest answer, and only
 * then why it does not.
 */
import { diskStill, guestLastAnswered, type Heard, inSeconds } from "./evidence.ts";
import type { Said } from "./said.ts";
import type { State, StateName } from "./state.ts";

export type Told = Pick<State, "is" | "says" | "because" | "advice" | "leads" | "command" | "cold">;

export const NOT_ASKED: Told = {
  is: "unknown",
  says: "Not known: nobody has asked yet.",
  because: [],
  advice: "Ask with status.",
  leads: null,
};
/** A guest takes this long to come up before its silence means anything, s. */
const BOOT_S = 60;
/** A guest that answered this lately gets another look before it is called silent, ms. */
const LATELY_MS = 20_000;

export function conclude(heard: readonly Heard[]): Told {
  const { said, knock, why_not, status, key_refused } = heard.at(-1)!;
  if (!said) return unreachable(why_not, knock, key_refused ?? false);
  if (said.absent) {
    return tell("unknown", "This PVE host has no such VM.", ["qm: its configuration does not exist"], {
      advice: "It may have moved to another node. On the PVE host: pvesh get /cluster/resources --type vm",
      command: "pvesh get /cluster/resources --type vm",
    });
  }
  if (said.power === null) return qmSilent(said, status?.exit_code ?? null);
  if (said.power === "stopped") return stopped(said, (knock?.answered || knock?.key_refused) ?? false);
  return pausedByQemu(said) ?? alive(heard) ?? silentQemu(said) ?? strangeKey(heard) ?? silentGuest(heard);
}

function unreachable(why_not: string, knock: Heard["knock"], key_refused: boolean): Told {
  const because = [`PVE host: ${why_not || "no answer"}`];
  if (key_refused) {
    return tell("unreachable", "The PVE host shows a key that is not the pinned one. Nothing is sent to it.", because, {
      advice: "The host was installed anew, or somebody is in the middle. Accepted only at the server's own terminal.",
    });
  }
  if (/permission denied/i.test(why_not)) {
    return tell("unreachable", "The PVE host refuses our key.", because, {
      advice: "Look at its authorized_keys: the key, and the address in from=, which is the one after NAT.",
    });
  }
  if (knock?.answered) {
    return tell("unreachable", "The PVE host can't be asked, but the VM answers ssh.", because, {
      advice: "The VM is up; checks and the repair agent work. Power does not, until the PVE host answers.",
    });
  }
  return tell("unreachable", "The PVE host does not answer.", because, {
    advice: "This may be the cold case: the network, the host or the site is down, and power can't reach it from here.",
    cold: true,
  });
}

function qmSilent(said: Said, exit_code: number | null): Told {
  if (exit_code === 2 && !said.probed) {
    return tell("unknown", "The PVE host refused the question.", ["exit code 2"], {
      advice: "Look at the VM's number in authorized_keys and in /var/log/breakglass-pve.log on the PVE host.",
    });
  }
  return tell("unknown", "The PVE host answers, but its qm does not say what the VM does.", ["qm status: no answer"], {
    advice: "A qm that hangs is often the cluster file system. On the PVE host: systemctl status pve-cluster",
    command: "systemctl status pve-cluster",
  });
}

function stopped(said: Said, ssh: boolean): Told {
  const because = ["qm status: stopped", ...(ssh ? ["yet something answers ssh at the VM's address"] : [])];
  const lost = /^lost (\d+)$/.exec(said.pid ?? "")?.[1];
  if (lost) {
    const command = `echo ${lost} > /var/run/qemu-server/${said.vmid ?? "VMID"}.pid`;
    return tell(
      "unknown",
      "Proxmox says stopped, but its QEMU lives: the pid file is lost.",
      [...because, `QEMU: pid ${lost}`],
      {
        advice: `Do not start a second one on the same disks. On the PVE host: ${command}   Then cycle.`,
        command,
      },
    );
  }
  if (said.lock) return locked(said, "Stopped", because);
  if (said.oom) {
    return tell(
      "stopped",
      "Stopped: the PVE host's kernel killed its QEMU for want of memory.",
      [...because, said.oom],
      {
        advice: "Start it, and find out what else eats the host's memory, or it happens again.",
        leads: "start",
      },
    );
  }
  return tell("stopped", "Stopped. There is no QEMU process.", because, { advice: "Start it.", leads: "start" });
}

function pausedByQemu(said: Said): Told | null {
  const vmid = said.vmid ?? "VMID";
  const because = [`qmpstatus: ${said.qemu}`, ...(said.pool ? [`storage: ${said.pool}`] : [])];
  switch (said.qemu) {
    case "io-error":
      return tell(
        "io-error",
        "Paused by QEMU: its disk gave an input/output error. Mostly the pool is full.",
        because,
        {
          advice: `Make room first (lvs; zpool list; pvesm status), then on the PVE host: qm resume ${vmid}   A reset or cycle loses what is not written.`,
          command: `qm resume ${vmid}`,
        },
      );
    case "paused":
    case "suspended":
      if (said.lock) return locked(said, "Paused", because);
      return tell("paused", "Paused: somebody or something stopped it, and it waits.", because, {
        advice: `Find out who paused it, then on the PVE host: qm resume ${vmid}`,
        command: `qm resume ${vmid}`,
      });
    case "internal-error":
      return tell("paused", "Stopped by KVM: an internal error. It can't go on.", because, {
        advice: "Only a new QEMU helps: cycle. Its forensics are saved first.",
        leads: "cycle",
      });
    case "guest-panicked":
      return tell("agent-dead", "The guest's kernel panicked. QEMU is well.", because, {
        advice: "A reset will do.",
        leads: "reset",
      });
    case "shutdown":
      return tell("paused", "The guest has shut down; its QEMU is still there.", because, {
        advice: "Cycle it to bring it back.",
        leads: "cycle",
      });
    case "prelaunch":
    case "inmigrate":
    case "postmigrate":
    case "finish-migrate":
    case "save-vm":
    case "restore-vm":
    case "colo":
      if (said.lock) return locked(said, "Held by QEMU", because);
      return tell("paused", `Held by QEMU: ${said.qemu}.`, because, {
        advice:
          "A migration, a restore or a start is under way, or was cut. Find its task: cat /var/log/pve/tasks/active",
        command: "cat /var/log/pve/tasks/active",
      });
    default:
      return null;
  }
}

function alive(heard: readonly Heard[]): Told | null {
  const { said, knock } = heard.at(-1)!;
  const lock = said!.lock ? ` Locked by ${said!.lock}: stop, reset and cycle need that lock named.` : "";
  if (knock?.answered) return tell("running", `Running. The guest answers ssh.${lock}`, [], {});
  if (knock === null && said!.agent === "answered" && diskStill(heard).is === "moves")
    return tell("running", `Running. The guest's agent answers and its disk moves.${lock}`, ["ssh was not tried"], {});
  return null;
}

function silentQemu(said: Said): Told | null {
  if (said.qmp !== "silent") return null;
  const because = ["QEMU's monitor: no answer", "Proxmox says running: it says so of a frozen QEMU, too"];
  if (said.lock) return locked(said, "QEMU does not answer", because);
  if (said.letter === "D" || said.stuck > 0) {
    return tell("qmp-silent", "QEMU does not answer: it waits inside the host's kernel, mostly for storage.", because, {
      advice:
        "Look at the host's storage first: pvesm status   Cycle may not be able to end it; a reset can't reach it.",
      leads: "cycle",
      command: "pvesm status",
    });
  }
  return tell("qmp-silent", "QEMU itself does not answer.", because, {
    advice: "Cycle it. A reset goes through the same QEMU and can't reach the guest.",
    leads: "cycle",
  });
}

/** Whoever shows a key has a living sshd: no case for power, and no proof that it is this VM's. */
function strangeKey(heard: readonly Heard[]): Told | null {
  if (!heard.at(-1)!.knock?.key_refused) return null;
  return tell("key-changed", "The VM shows another host key. Nothing is sent to it.", [], {
    advice: "A rebuilt VM does this, and somebody in the middle, too.",
  });
}

function silentGuest(heard: readonly Heard[]): Told {
  const { said, knock, at } = heard.at(-1)!;
  const disk = diskStill(heard);
  if (knock === null) {
    return tell("unknown", "Proxmox says running; nobody has asked the guest.", [], { advice: "Ask with status." });
  }
  const answered = guestLastAnswered(heard);
  if (said!.uptime_s !== null && said!.uptime_s < BOOT_S && answered === null) {
    return tell("unknown", `Started ${said!.uptime_s} s ago. The guest does not answer yet.`, [], {
      advice: "Give it a minute, then look again.",
    });
  }
  if (said!.lock) return locked(said!, "The guest does not answer", []);
  if (said!.agent === "answered") {
    return tell("ssh-silent", "The guest lives: its agent answers. Its ssh does not.", [], {
      advice: `Network or sshd, and no case for power. On the PVE host: qm guest exec ${said!.vmid ?? "VMID"} -- systemctl status ssh`,
      command: `qm guest exec ${said!.vmid ?? "VMID"} -- systemctl status ssh`,
    });
  }
  const lately = answered !== null && at - answered < LATELY_MS;
  // An idle disk and a short gap of ssh are no stall; with an agent that should answer and does not, they are.
  if (disk.is === "still" && (said!.agent === "silent" || !lately)) {
    return tell("frozen", "Frozen. QEMU answers, its disk does not move, the guest is silent.", [], {
      advice: "Cycle it. A reset keeps this QEMU, and its stalled disk.",
      leads: "cycle",
    });
  }
  if (answered !== null && lately) {
    return tell("unknown", `The guest does not answer; ${inSeconds(at - answered)} ago it did.`, [], {
      advice: "Looking again in a moment.",
    });
  }
  if (disk.is === "moves") {
    return tell("agent-dead", "The guest is silent, but its disk moves: it hangs, or drowns in work.", [], {
      advice:
        "Out of memory looks like this: wait, or run the checks. If it does not come back, a reset will do; QEMU is well.",
      leads: "reset",
    });
  }
  const blind = said!.probed ? "its disk can't be watched" : "this host's script says no more";
  return tell(
    "unknown",
    `Proxmox says running, but the guest is silent, and ${blind}.`,
    ["running is said of a frozen QEMU, too"],
    {
      advice: "Run forensics, then cycle: it cures a frozen QEMU and a hung guest alike.",
      leads: "cycle",
    },
  );
}

function locked(said: Said, how: string, because: readonly string[]): Told {
  const vmid = said.vmid ?? "VMID";
  const at_work = said.task !== null;
  return tell("locked", `${how}, and locked by ${said.lock}.`, because, {
    advice: at_work
      ? "Its task is at work: let it end, or stop it in Proxmox (cat /var/log/pve/tasks/active). Cycling now breaks it."
      : `No task of it is seen at work. Make sure of that, then on the PVE host: qm unlock ${vmid}   Or name the lock when you cycle.`,
    command: at_work ? "cat /var/log/pve/tasks/active" : `qm unlock ${vmid}`,
  });
}

function tell(
  is: StateName,
  says: string,
  because: readonly string[],
  more: { advice?: string; leads?: State["leads"]; command?: string; cold?: boolean },
): Told {
  const { advice = "", leads = null, command = null, cold = false } = more;
  return { is, says, because, advice, leads, command, cold };
}
