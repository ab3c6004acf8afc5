/** What is said, run and answered in the incident of the measurements. `#` stands for a number, `##` for one of four digits. */

export interface Look {
  readonly command: string;
  readonly reason: string;
  readonly output: string;
}

export const LOOKS: readonly Look[] = [
  {
    command: "uptime",
    reason: "load first",
    output: " 14:#:# up # days, 3:#,  1 user,  load average: #.1#, #.40, 9.#",
  },
  { command: "free -m", reason: "is memory short?", output: "Mem:  7963  ##  #  12  ##  #\nSwap: 2047  ##  #" },
  { command: "df -h /", reason: "is the disk full?", output: "/dev/sda1   40G   #G  2.#G  #% /" },
  { command: "df -i /", reason: "inodes can run out, too", output: "/dev/sda1 2621440 2##31 ##9 #% /" },
  {
    command: "systemctl --failed --no-legend",
    reason: "failed units",
    output: "● app-worker@#.service loaded failed failed Worker #",
  },
  {
    command: "journalctl -u app-worker@# -n 3 --no-pager",
    reason: "its last words",
    output: "Nov 22 14:#:# devvm app-worker[##]: write /var/lib/app/spool/##.tmp: no space left on device",
  },
  {
    command: "dmesg -T | tail -n 3",
    reason: "what the kernel says",
    output: "[Sun Nov 22 14:#:# 2026] EXT4-fs warning (device sda1): ext4_dx_add_entry:##: inode ##1: comm rsync",
  },
  {
    command: "ps -eo pid,rss,comm --sort=-rss | head -n 4",
    reason: "who holds it",
    output: "## 412#60 java\n ## 98#24 postgres\n ##  6#12 nginx",
  },
  {
    command: "du -xsh /var/* | sort -h | tail -n 3",
    reason: "where it went",
    output: "1.#G /var/cache\n#G /var/log\n2#G /var/lib",
  },
  {
    command: "du -xsh /var/lib/app/* | sort -h | tail -n 2",
    reason: "one level down",
    output: "#M /var/lib/app/spool\n2#G /var/lib/app/export",
  },
  {
    command: "ls -l /var/lib/app/export | tail -n 2",
    reason: "which file",
    output: "-rw-r--r-- 1 app app 1##3871232 Nov 22 13:# orders-##.dump",
  },
  {
    command: "lsof +L1 | head -n 3",
    reason: "deleted but still open",
    output: "java ## app #w REG 8,1 ##88128 0 /var/log/app/gc-##.log (deleted)",
  },
  {
    command: "cat /proc/pressure/io",
    reason: "is it waiting for the disk?",
    output: "some avg10=#.31 avg60=#.07 avg300=#.88 total=##4190",
  },
  {
    command: "iostat -x 1 2 | tail -n 2",
    reason: "how busy is it",
    output: "sda  #.00  ##.40  0.00  #.2  #.71  9#.80",
  },
  { command: "ss -s", reason: "connections", output: "TCP:   ## (estab #, closed ##, orphaned #, timewait ##)" },
  {
    command: "ss -ltnp | grep :443",
    reason: "does it listen?",
    output: 'LISTEN 0 511 0.0.0.0:443 0.0.0.0:* users:(("nginx",pid=##,fd=#))',
  },
  {
    command: "curl -sS -o /dev/null -w '%{http_code} %{time_total}' http://127.0.0.1:8#/health",
    reason: "does the app answer?",
    output: "503 2.#8114",
  },
  { command: "systemctl show postgresql -p NRestarts", reason: "does it flap?", output: "NRestarts=#" },
  { command: "psql -c 'select count(*) from pg_stat_activity' -At", reason: "are its slots used up?", output: "9#" },
  {
    command: "timedatectl show -p NTPSynchronized",
    reason: "a wrong clock breaks sign-in",
    output: "NTPSynchronized=yes",
  },
  {
    command: "cat /etc/cron.d/export",
    reason: "what writes that dump",
    output: "# 2 * * * app /usr/local/bin/export-orders --keep #",
  },
  {
    command: "sudo journalctl --vacuum-size=200M",
    reason: "gives some space back",
    output: "Vacuuming done, freed #8#.0M of archived journals from /var/log/journal.",
  },
  { command: "sudo systemctl restart app-worker@#", reason: "there is room again", output: "" },
  {
    command: "last -x reboot | head -n 2",
    reason: "did it restart by itself?",
    output: "reboot   system boot  6.1.0-#-amd64   Sun Nov 22 0#:#   still running",
  },
];

export const SAYINGS: readonly string[] = [
  "The load is #, which is far over the two cores; I look at what waits.",
  "Memory looks fine: ## MB are free, and swap is hardly used.",
  "The root file system is at # %. That alone explains the failed writes.",
  "Inodes are not the cause: # % are used.",
  "Worker # has failed; its journal should say why.",
  "It could not write its spool file. So the disk is the first thing to mend.",
  "The kernel warns about the directory, not about the device itself.",
  "`java` holds most of the memory, as it did an hour ago; nothing new there.",
  "Most of it is below `/var/lib`, about # GB. One level down, then.",
  "An export of # GB lies there. It is rewritten every night, so an old one may go, but I ask first.",
  "The file is orders-##.dump, from this afternoon; the job that writes it has not ended.",
  "A log of ## kB was deleted and is still held open. A restart of the service would free it.",
  "Pressure on I/O is at # %: tasks do wait for the disk.",
  "The disk is busy # % of the time, with a queue of #. It moves, so this is no stalled QEMU.",
  "There are ## connections, most of them in timewait; that is usual here.",
  "nginx listens and answers; the fault is behind it.",
  "The app says 503 after # seconds, which is its own time limit.",
  "The database was restarted # times. I look at its slots next.",
  "# of 100 slots are taken. Near the limit, but not over it.",
  "The clock is right, so sign-in is not the cause.",
  "The export runs every # minutes and keeps # copies. That is what filled the disk.",
  "I freed some space from the journal; the disk is at # % now.",
  "Worker # is up again and has written its first file.",
  "The VM has not restarted by itself: it has been up for # days.",
  "What is left: keep fewer copies of the export, and put an alert at # %. A cycle is not needed.",
];
