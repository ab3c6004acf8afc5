/** What the simulated QEMU's human monitor answers (HMP, as `qm monitor` shows it). Pure. */
import { counters, type World } from "./world.ts";

export const hmpWelcome = (world: World): string =>
  `Entering QEMU Monitor for VM ${world.vmid} - type 'help' for help\n`;

/** One typed line and what comes back; nothing for an empty line. */
export function hmpTurn(world: World, now: number, typed: string): string {
  const command = typed.trim();
  if (command === "") return "";
  const said = hmp(world, now, command);
  return `qm> ${command}\n${said === "" ? "" : `${said}\n`}`;
}

export function hmp(world: World, now: number, command: string): string {
  switch (command.replace(/\s+/g, " ")) {
    case "info status":
      return "VM status: running";
    case "info block":
      return [
        `drive-scsi0 (#block112): /dev/pve/vm-${world.vmid}-disk-0 (raw)`,
        "    Attached to:      scsi0",
        "    Cache mode:       writeback, direct",
        "    Detect zeroes:    unmap",
      ].join("\n");
    case "info blockstats": {
      const n = counters(world, now);
      return (
        `drive-scsi0: rd_bytes=${n.read_bytes} wr_bytes=${n.written_bytes} rd_operations=${n.reads} ` +
        `wr_operations=${n.writes} flush_operations=${Math.floor(n.writes / 9)} ` +
        `wr_total_time_ns=${n.writes * 410_000} rd_total_time_ns=${n.reads * 190_000} ` +
        `flush_total_time_ns=${n.writes * 38_000} rd_merged=0 wr_merged=0 ` +
        `idle_time_ns=${world.fault === "qemu_wedged" ? (now - (world.fault_since ?? now)) * 1_000_000 : 12_400_000}`
      );
    }
    case "info block-jobs":
      return "No active jobs";
    case "info cpus":
      return Array.from(
        { length: 4 },
        (_, i) => `${i === 0 ? "*" : " "} CPU #${i}: thread_id=${(world.qemu_pid ?? 0) + i + 9}`,
      ).join("\n");
    case "info balloon":
      return `balloon: actual=${world.config.memory} max_mem=${world.config.memory}`;
    case "info version":
      return "10.0.2 (pve-qemu-kvm_10.0.2-4)";
    case "info name":
      return world.name;
    case "info kvm":
      return "kvm support: enabled";
    case "info uuid":
      return "5f4dcc3b-5aa7-65d6-1d83-27deb882cf99";
    case "quit":
    case "q":
      return "";
    default:
      return `unknown command: '${command.split(" ")[0]}'`;
  }
}
