/**
 * What programs do to a machine, by name and, where it matters, by their arguments. A program that is not here is unknown.
 * Long options count when they are abbreviated, as getopt allows. Pure; quoting, prefixes and pipes are dealt with before.
 */
import type { CommandClass } from "./command-class.ts";
import { scriptReads } from "./command-scripts.ts";

type Rule = CommandClass | ((args: readonly string[]) => CommandClass);

export function ruleFor(name: string): Rule | undefined {
  if (Object.hasOwn(TABLE, name)) return TABLE[name];
  if (/^(mkfs|mke2fs)(\.|$)/.test(name)) return "destructive";
  if (/^fsck(\.|$)/.test(name)) return TABLE.fsck;
  return undefined;
}

/** Whether an option is among the arguments: letters also in a cluster (-Tc), long ones also abbreviated. */
function has(args: readonly string[], letters: string, ...long: string[]): boolean {
  return args.some((arg) => {
    if (arg.startsWith("--") && arg.length > 2) {
      const name = arg.slice(2).split("=", 1)[0]!;
      return long.some((l) => l.startsWith(name));
    }
    return /^-[^-]/.test(arg) && [...letters].some((letter) => arg.includes(letter));
  });
}

const positional = (args: readonly string[]): string[] => args.filter((arg) => !arg.startsWith("-"));

/** Reads, unless one of these options is there. */
const unless =
  (then: CommandClass, letters: string, ...long: string[]): Rule =>
  (args) =>
    has(args, letters, ...long) ? then : "read";

/** Reads only with nothing but these options, and at most so many other words. */
const only =
  (allowed: RegExp, otherwise: CommandClass, most = Number.POSITIVE_INFINITY): Rule =>
  (args) =>
    args.filter((a) => a.startsWith("-")).every((a) => allowed.test(a)) && positional(args).length <= most
      ? "read"
      : otherwise;

interface Subs {
  readonly read: string;
  readonly change?: string;
  readonly destructive?: string;
  /** Options before the word that take the next one. */
  readonly valued?: RegExp;
  /** The only options a line may have; any where left out. */
  readonly allowed?: RegExp;
  /** With no word at all. */
  readonly bare?: CommandClass;
}

/** Programs whose first word says what they do, or whose first two do: "image ls". */
function subs({
  read,
  change = "",
  destructive = "",
  valued,
  allowed,
  bare = "unknown",
}: Subs): (args: readonly string[]) => CommandClass {
  const lists = [
    ["destructive", destructive],
    ["change", change],
    ["read", read],
  ] as const;
  return (args) => {
    const said: string[] = [];
    let sound = true;
    for (let i = 0; i < args.length; i++) {
      if (valued?.test(args[i]!)) i++;
      else if (!args[i]!.startsWith("-")) said.push(args[i]!);
      else if (allowed && !allowed.test(args[i]!)) sound = false;
    }
    if (said.length === 0) return sound ? bare : "unknown";
    for (const words of [said.slice(0, 2).join(" "), said[0]!])
      for (const [is, list] of lists)
        if (list.split(/\s*,\s*/).includes(words)) return is === "read" && !sound ? "unknown" : is;
    return "unknown";
  };
}

/** Programs that show contents: a device is no file, and some act when they are opened. */
const contents = (args: readonly string[]): CommandClass =>
  args.some((a) => /\/dev\/(?!null$|kmsg$)/.test(a)) ? "unknown" : "read";

const SIMPLE =
  "dir vdir stat du df id whoami who w last lastb uptime free vmstat iostat mpstat ps pstree pgrep pidof uname arch nproc " +
  "lscpu lsmem lspci lsusb lsblk findmnt mountpoint ls cd pwd basename dirname realpath readlink tty locale getconf echo true false " +
  ": sleep seq cal pmap prtstat lslocks lsipc lsns ipcs lsattr getfacl namei numastat lsmod modinfo dumpe2fs xfs_info " +
  "printenv type which whereis getenforce sestatus systemd-cgls systemd-detect-virt lsb_release apt-cache atq exit " +
  "zpool-status pvscan-list netstat lvs vgs pvs lvdisplay vgdisplay pvdisplay lvscan slabtop hostid groups logname users";

const CONTENTS =
  "cat tac head tail wc cut tr comm join paste fold fmt nl rev column expand unexpand od hexdump strings grep egrep fgrep " +
  "zgrep zcat xzcat bzcat zstdcat lz4cat base64 base32 md5sum sha1sum sha224sum sha256sum sha384sum sha512sum cksum sum diff cmp jq look";

const CHANGES =
  "cp mv ln mkdir touch chmod chown chgrp setfacl install killall pkill renice umount swapoff modprobe rmmod insmod depmod " +
  "useradd adduser usermod groupadd addgroup gpasswd chattr logger gzip gunzip bzip2 bunzip2 xz unxz zstd unzstd split csplit mkfifo mknod " +
  "sync fstrim udevadm systemd-tmpfiles logrotate setenforce ipcrm atrm lvcreate lvextend vgcreate vgextend pvcreate xfs_growfs " +
  "ifup ifdown setcap mktemp patch ldconfig lvchange vgchange";

const DESTROYS =
  "rm rmdir unlink dd mkswap wipefs shred blkdiscard cfdisk lvremove vgremove pvremove lvreduce lvresize " +
  "truncate reboot poweroff halt init telinit kexec userdel deluser groupdel delgroup iptables-restore ip6tables-restore " +
  "resize2fs xfs_repair e2fsck badblocks srm zerofree pvmove vgreduce swaplabel";

const each = (names: string, rule: Rule): Record<string, Rule> =>
  Object.fromEntries(names.split(" ").map((name) => [name, rule]));

const tables: Rule = (args) =>
  has(args, "FXP", "flush", "delete-chain", "policy")
    ? "destructive"
    : args.every(
          (a) =>
            !a.startsWith("-") || /^-([LSnvxw]+|t)$|^--(list|list-rules|line-numbers|numeric|verbose|table)$/.test(a),
        )
      ? "read"
      : "change";

const disks: Rule = (args) =>
  args.length > 0 && has(args, "l", "list") && !has(args, "cxdo") ? "read" : "destructive";

const packages: Rule = (args) => {
  if (has(args, "oc", "option", "config-file", "setopt", "config")) return "unknown";
  const [word = ""] = positional(args);
  if (/^(remove|purge|autoremove|erase|autopurge|dist-upgrade|full-upgrade|downgrade|swap)$/.test(word))
    return "destructive";
  if (
    /^(list|show|policy|search|showsrc|depends|rdepends|madison|info|repolist|history|check-update|provides)$/.test(
      word,
    )
  )
    return positional(args).some((w) => /^(undo|redo|rollback)$/.test(w)) ? "destructive" : "read";
  return /^(install|update|upgrade|clean|autoclean|reinstall|refresh|makecache)$/.test(word) ? "change" : "unknown";
};

const UNITS =
  "status, show, cat, list-units, list-unit-files, list-timers, list-sockets, list-jobs, list-dependencies, list-automounts, list-paths, list-machines, is-active, is-failed, is-enabled, is-system-running, get-default, show-environment, help";

/** Units whose start is what `reboot`, `poweroff` or `isolate` would do. */
const ENDS_ALL =
  /^((systemd-)?(reboot|poweroff|halt|kexec|soft-reboot|suspend|hibernate|hybrid-sleep|suspend-then-hibernate)|exit|rescue|emergency|shutdown|umount|final|ctrl-alt-del|runlevel[016])(\.(target|service))?$/;

const SYSTEMCTL: Rule = (args) =>
  // Whatever is done to these: a unit of that name is no service that one restarts.
  SUBS_OF_SYSTEMCTL(args) === "change" && args.some((arg) => ENDS_ALL.test(arg))
    ? "destructive"
    : SUBS_OF_SYSTEMCTL(args);

const SUBS_OF_SYSTEMCTL = subs({
  read: UNITS,
  change:
    "start, stop, restart, reload, try-restart, reload-or-restart, try-reload-or-restart, enable, disable, reenable, preset, mask, unmask, link, revert, daemon-reload, daemon-reexec, reset-failed, kill, set-property, set-default, freeze, thaw, cancel, clean, set-environment, unset-environment, log-level, log-target",
  destructive:
    "poweroff, reboot, halt, kexec, soft-reboot, suspend, hibernate, hybrid-sleep, suspend-then-hibernate, emergency, rescue, exit, switch-root, isolate, default",
  valued: /^(-[ptnsoP]|--(property|type|lines|signal|output|state|kill-who|kill-whom|job-mode|value))$/,
  allowed:
    /^(-[alqrf]+|-[ptnoP]\S+|--(no-pager|all|full|failed|plain|no-legend|quiet|user|system|reverse|no-block|now|runtime|force|recursive|value|after|before|with-dependencies|show-types|no-ask-password)|--(property|type|lines|output|state)=.*)$/,
  bare: "read",
});

const JOURNAL_CHANGES = [
  "rotate",
  "flush",
  "sync",
  "relinquish-var",
  "smart-relinquish-var",
  "update-catalog",
  "setup-keys",
];

const CONTAINERS: Rule = (args) => {
  const words = positional(args);
  if (words.slice(0, 3).some((w) => /^(rm|rmi|prune|remove|reset|down)$/.test(w))) return "destructive";
  return subs({
    read: "ps, images, logs, inspect, stats, top, info, version, events, port, history, image ls, image inspect, image list, container ls, container list, container inspect, container logs, container top, container stats, network ls, network inspect, volume ls, volume inspect, system df, system info, compose ps, compose logs, compose ls, compose top, compose images, pod ps",
    change:
      "start, stop, restart, kill, pause, unpause, rename, update, container start, container stop, container restart, compose start, compose stop, compose restart",
    // `docker -H ssh://…` goes to another machine.
    valued: /^(-n|--tail|--since|--until|--format|--filter|-f)$/,
    allowed:
      /^(-[afqtsn]+|--(all|no-trunc|no-stream|quiet|size|timestamps|details|follow|tail|since|until|format|filter)(=.*)?|-\d+)$/,
  })(args);
};

/** `ip`: an object, then a word; both may be abbreviated, and `a` may be `add`. */
const ip: Rule = (args) => {
  let i = 0;
  for (; i < args.length && args[i]!.startsWith("-"); i++) {
    if (/^-(f|family|l|loops|rc|rcvbuf)$/.test(args[i]!)) i++;
    else if (
      !/^-(4|6|0|s|ss|stats|statistics|d|details|o|oneline|j|json|p|pretty|br|brief|h|human|c|color|t|r|N|resolve|V)+(=\w+)?$/.test(
        args[i]!,
      )
    )
      return "unknown";
  }
  const [object = "", word = "show", ...rest] = args.slice(i);
  if (rest.includes("exec") || word.startsWith("e") || word === "identify" || object === "help") return "unknown";
  if (/^(s|sh|sho|show|l|li|lis|list|ls|lst|g|ge|get)$/.test(word)) return "read";
  if (/^f(l|lu|lus|lush)?$/.test(word)) return "destructive";
  return /^(mo|mon|moni|monit|monito|monitor)$/.test(object) ? "read" : "change";
};

const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:]*|localhost)$/i;
/** A name to look up is a message to whoever keeps the names; an address is not. */
const probe: Rule = (args) => {
  const left = args.filter(
    (a, i) => !/^-[cWwinq46In]+\d*$/.test(a) && !(/^-[cWwimI]$/.test(args[i - 1] ?? "") && /^[\w.]+$/.test(a)),
  );
  return left.length > 0 && left.every((a) => ADDRESS.test(a)) ? "read" : "unknown";
};

const kill: Rule = (args) => {
  if (/^-(l|L|0)$/.test(args[0] ?? "") || args.join(" ").startsWith("-s 0 ")) return "read";
  // Process 1, and every process there is.
  return args.slice(args[0]?.startsWith("-") ? 1 : 0).some((a) => /^(0*1|-0*1)$/.test(a)) || args.join(" ") === "-1"
    ? "destructive"
    : "change";
};

const TABLE: Readonly<Record<string, Rule>> = {
  ...each(SIMPLE, "read"),
  ...each(CONTENTS, contents),
  ...each(CHANGES, "change"),
  ...each(DESTROYS, "destructive"),
  ...each("iptables ip6tables ebtables arptables", tables),
  ...each("iptables-save ip6tables-save", unless("unknown", "fM", "file", "modprobe")),
  ...each("fdisk sfdisk sgdisk gdisk parted", disks),
  ...each("apt apt-get dnf yum aptitude", packages),
  ...each("docker podman", CONTAINERS),
  ...each("ping ping6 traceroute tracepath", probe),
  ...each("less more", (args) =>
    args.some((a) => a.startsWith("+") || (a.startsWith("-") && !/^-[FRXSN]+$/.test(a))) ? "unknown" : contents(args),
  ),
  ...each("awk gawk mawk nawk", (args) => scriptReads("awk", args)),
  ...each("test [", (args) => (args.some((a) => a === "-v" || a === "-R") ? "unknown" : "read")),
  ...each("shutdown", (args) => (has(args, "c", "cancel") ? "change" : "destructive")),
  systemctl: SYSTEMCTL,
  journalctl: (args) => {
    if (args.some((a) => a.startsWith("--va") || a === "--v")) return "change";
    if (args.some((a) => /^--(cu|cursor-file)/.test(a) && "--cursor-file".startsWith(a.split("=", 1)[0]!)))
      return "unknown";
    return has(args, "", ...JOURNAL_CHANGES)
      ? "change"
      : has(args, "M", "machine", "root", "image")
        ? "unknown"
        : "read";
  },
  ip,
  kill,
  sed: (args) => scriptReads("sed", args),
  dmesg: (args) =>
    args.some((a) => /^-[A-Za-z]*[CcDEn]/.test(a)) ||
    has(args, "", "clear", "read-clear", "console-on", "console-off", "console-level")
      ? "change"
      : "read",
  service: (args) =>
    args.at(-1) === "status" || args[0] === "--status-all"
      ? "read"
      : /^(start|stop|restart|reload)$/.test(args[1] ?? "")
        ? "change"
        : "unknown",
  date: (args) => (has(args, "s", "set") || positional(args).some((a) => /^\d{8}/.test(a)) ? "change" : "read"),
  printf: (args) => (args[0] === "-v" ? "unknown" : "read"),
  file: unless("unknown", "CS", "compile"),
  sort: unless("unknown", "oT", "output", "compress-program", "temporary-directory", "files0-from"),
  uniq: (args) => (positional(args).length > 1 ? "unknown" : "read"),
  xxd: (args) => (positional(args).length > 1 || has(args, "r") ? "unknown" : contents(args)),
  tree: unless("unknown", "oR"),
  top: only(/^-[bHcniop1eEdwus]+\d*$/, "unknown"),
  iotop: only(/^-[boPaktqnd]+\d*$/, "unknown"),
  sar: unless("unknown", "o"),
  pidstat: unless("unknown", "e"),
  lastlog: unless("change", "CS", "clear", "set"),
  chage: only(/^-(l|-list)$/, "change"),
  blkid: unless("change", "gw"),
  lsof: unless("unknown", "D"),
  ss: unless("change", "KDF", "kill", "diag", "filter"),
  hostname: (args) => (positional(args).length > 0 || has(args, "bF", "boot", "file") ? "change" : "read"),
  hostnamectl: subs({
    read: "status",
    bare: "read",
    change: "set-hostname, hostname, set-chassis, set-location",
    allowed: /^--no-pager$/,
  }),
  timedatectl: subs({
    read: "status, show, timesync-status, show-timesync, list-timezones",
    bare: "read",
    change: "set-time, set-timezone, set-ntp, set-local-rtc",
    allowed: /^--(no-pager|all)$/,
  }),
  loginctl: subs({
    read: "list-sessions, list-users, list-seats, session-status, user-status, show-session, show-user",
    bare: "read",
    change: "lock-session, enable-linger, disable-linger, kill-session, terminate-session, terminate-user, kill-user",
    allowed: /^(--no-pager|--no-legend|-p\w*|--property=.*)$/,
  }),
  networkctl: subs({
    read: "list, status, lldp",
    bare: "read",
    change: "up, down, renew, reconfigure, reload",
    allowed: /^(--no-pager|--all|-a|--no-legend)$/,
  }),
  resolvectl: subs({
    read: "status, statistics",
    bare: "read",
    change: "flush-caches, reset-statistics, dns, domain, revert",
    allowed: /^--no-pager$/,
  }),
  "systemd-analyze": subs({ read: "blame, critical-chain, time", bare: "read", allowed: /^--no-pager$/ }),
  "cloud-init": subs({ read: "status", destructive: "clean", allowed: /^--(long|wait)$/ }),
  coredumpctl: subs({ read: "list, info", bare: "read", allowed: /^(--no-pager|--no-legend|-r|-n\d+|-1)$/ }),
  "fail2ban-client": subs({ read: "status, ping, version" }),
  chronyc: subs({ read: "tracking, sources, sourcestats, activity", allowed: /^-[nv]+$/ }),
  mount: (args) => {
    if (positional(args).length === 0 && args.every((a) => a === "-l" || a === "-v")) return "read";
    return args.length === 2 && args[0] === "-t" ? "read" : "change";
  },
  swapon: (args) =>
    args.every((a) => /^(-s|--show(=.*)?|--summary|--noheadings|--bytes)$/.test(a)) ? "read" : "change",
  sysctl: (args) =>
    has(args, "wpf", "write", "load", "system") || args.some((a) => a.includes("=") && !a.startsWith("--pattern"))
      ? "change"
      : "read",
  route: only(/^-[ne46]+$/, "change", 0),
  arp: only(/^-[anev]+$/, "change", 1),
  ifconfig: only(/^-[as]$/, "change", 1),
  ethtool: only(/^-[Sikgcalmn]$/, "change", 1),
  nft: (args) =>
    args.some((a) => /^(flush|delete|destroy|reset)$/.test(a))
      ? "destructive"
      : positional(args)[0] === "list" && args.every((a) => !a.startsWith("-") || /^-[anjst]+$/.test(a))
        ? "read"
        : has(args, "fiI", "file", "interactive", "includepath")
          ? "unknown"
          : "change",
  ipset: subs({ read: "list, save, test", destructive: "destroy, flush, x, -X, -F", change: "add, del, create" }),
  ufw: subs({
    read: "status, version",
    destructive: "reset, disable",
    change: "allow, deny, delete, enable, reload, limit, reject",
  }),
  zpool: subs({
    read: "status, list, get, iostat, history, events",
    destructive: "destroy, labelclear, remove, detach, export",
    change: "scrub, clear, online, offline, import, set, trim, replace, attach, add",
  }),
  zfs: subs({
    read: "list, get, holds, diff",
    destructive: "destroy, rollback, receive, recv",
    change: "create, snapshot, set, mount, unmount, rename, clone, promote, inherit",
  }),
  btrfs: subs({
    read: "filesystem show, filesystem df, filesystem usage, subvolume list, subvolume show, scrub status, balance status, fi show, fi df, fi usage",
    destructive: "subvolume delete, device remove, device delete, check, rescue, filesystem resize",
    change: "scrub start, balance start, filesystem sync, subvolume create, subvolume snapshot",
  }),
  pvscan: unless("change", "", "cache"),
  vgscan: unless("change", "", "mknodes", "cache"),
  mdadm: (args) =>
    has(args, "SRrf", "zero-superblock", "stop", "remove", "fail", "create")
      ? "destructive"
      : args.length > 0 && args.every((a) => !a.startsWith("-") || /^(-[DEQ]|--(detail|examine|query|scan))$/.test(a))
        ? "read"
        : "unknown",
  smartctl: (args) =>
    has(args, "tsXoS", "test", "set", "abort", "smart", "offlineauto", "saveauto")
      ? "change"
      : args.every(
            (a) => !a.startsWith("-") || /^-[aiHAxclj]+$|^--(all|info|health|attributes|xall|scan|json)$/.test(a),
          )
        ? "read"
        : "unknown",
  nvme: subs({
    read: "list, smart-log, id-ctrl, id-ns, error-log, list-subsys",
    destructive: "format, sanitize, delete-ns, write, write-zeroes, reset, fw-commit, subsystem-reset",
  }),
  hdparm: only(/^-[Iigv]$/, "destructive"),
  tune2fs: only(/^-l$/, "change"),
  fsck: (args) => (args.some((a) => a === "-n" || a === "-N") ? "read" : "destructive"),
  cryptsetup: subs({
    read: "status, luksDump, isLuks, luksUUID",
    change: "open, close, luksOpen, luksClose",
    destructive: "luksFormat, luksErase, erase, luksKillSlot, luksRemoveKey, reencrypt, luksHeaderRestore",
  }),
  dmsetup: subs({
    read: "ls, info, status, table, deps, version, targets",
    destructive: "remove, remove_all, clear, wipe_table, load, suspend",
    bare: "unknown",
  }),
  fallocate: (args) =>
    has(args, "pczi", "punch-hole", "collapse-range", "zero-range", "insert-range", "dig-holes")
      ? "destructive"
      : "change",
  fuser: (args) => (has(args, "k", "kill") ? (has(args, "mMc", "mount") ? "destructive" : "change") : "read"),
  crontab: (args) =>
    has(args, "r")
      ? "destructive"
      : args.every((a) => /^(-[lu]|[\w.-]+)$/.test(a)) && args.includes("-l")
        ? "read"
        : "change",
  tee: (args) => (positional(args).every((a) => a === "/dev/null") ? "read" : "change"),
  tar: (args) =>
    args.every((a, i) => (i === 0 ? /^-?[tvzjJf]*t[tvzjJf]*$/.test(a) : !a.startsWith("-"))) && args.length > 0
      ? "read"
      : "unknown",
  rsync: (args) =>
    has(args, "", "delete", "remove-source-files", "delete-after", "delete-before", "delete-excluded")
      ? "destructive"
      : "unknown",
  dpkg: (args) =>
    has(args, "rP", "remove", "purge")
      ? "destructive"
      : args.length > 0 &&
          args.every(
            (a) =>
              !a.startsWith("-") ||
              /^(-[lLsSpC]|--(list|listfiles|status|search|audit|verify|get-selections|print-architecture))$/.test(a),
          )
        ? "read"
        : "change",
  rpm: (args) =>
    has(args, "e", "erase")
      ? "destructive"
      : args.length > 0 && args.every((a) => !a.startsWith("-") || /^-(q[ailcdRf]*|V|Va|qV)$/.test(a))
        ? "read"
        : /^-[iUF][vh]*$/.test(args[0] ?? "")
          ? "change"
          : "unknown",
  snap: subs({
    read: "list, info, services, changes, version",
    change: "install, refresh, start, stop, restart, enable, disable",
    destructive: "remove, revert",
  }),
  dmidecode: unless("unknown", "", "dump-bin"),
  sensors: unless("change", "s", "set"),
  ntpq: only(/^-[pn]+$/, "unknown", 0),
  getent: (args) => (/^(passwd|group|services|protocols|shadow|gshadow)$/.test(args[0] ?? "") ? "read" : "unknown"),
  auditctl: only(/^-[ls]$/, "change", 0),
  // Its -exec and the like are looked at where the words are.
  find: () => "read",
};
