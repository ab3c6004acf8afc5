/**
 * The simulated PVE host's other programs, as sh bodies: what the host script's forensics ask beside `qm`. Fixed texts of a
 * healthy host, so that evidence from the lab never shows the machine that happens to run it.
 */
const print = (text: string) => `cat <<'END'\n${text}\nEND`;

export const HOST_PROGRAMS: Readonly<Record<string, string>> = {
  pvesm: print(
    "Name             Type     Status     Total (KiB)      Used (KiB) Available (KiB)        %\n" +
      "local             dir     active        98497780        31204412        62243820   31.68%\n" +
      "local-lvm     lvmthin     active       832888832       518389209       314499623   62.24%",
  ),
  lvs: print(
    "  data          pve twi-aotz-- <794.30g             62.24  3.11\n  vm-102-disk-0 pve Vwi-aotz--   64.00g data        57.80",
  ),
  vgs: print("  pve  <931.01g 16.00g"),
  zpool: "echo 'no pools available'",
  pvesh: "echo '[]'",
  pveversion: "echo 'pve-manager/9.0.10/deb1ca707ec72a89 (running kernel: 6.14.11-2-pve)'",
  dmesg: print(
    "[    2.118764] Loading iSCSI transport class v2.0-870.\n[    9.440112] vmbr0: port 2(tap102i0) entered forwarding state",
  ),
  journalctl: print(
    "pve kernel: vmbr0: port 2(tap102i0) entered forwarding state\npve pvedaemon[1598]: <root@pam> successful auth for user 'root@pam'",
  ),
  uptime: "echo ' 03:12:44 up 41 days,  2:20,  0 users,  load average: 0.88, 0.91, 0.85'",
  free: print(
    "               total        used        free      shared  buff/cache   available\nMem:           64158       41880        9120          71       13158       21540\nSwap:           8191           0        8191",
  ),
  df: print("Filesystem            Size  Used Avail Use% Mounted on\n/dev/mapper/pve-root   94G   30G   60G  34% /"),
  iostat: print(
    "Device            r/s     w/s     rkB/s     wkB/s  %util\nnvme0n1          4.10   31.90    102.4     611.2   1.10",
  ),
};
