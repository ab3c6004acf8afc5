/** The host's own disk is full or hangs: a rescue goes on, its verdict is told, and nobody is kept out longer than for it. */
import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Machine, startMachine } from "../support/machine.ts";
import { asRoot, onlyWhere } from "../support/only-where.ts";
import { lastLine, SCRIPT, startPveHost } from "../support/pve-host.ts";

const LONG = 120_000;

test.concurrent(
  "a log that hangs costs a moment of each request",
  async () => {
    // Nobody reads from this pipe, so whoever opens it to write waits for good.
    await using host = await startPveHost({ percent: 15, off: true });
    execFileSync("mkfifo", [join(host.world, "log")]);
    expect(await host.ask("version")).toEqual({ code: 0, stdout: "breakglass-pve 2\n", stderr: "" });
    expect((await host.ask("start@102 hung-log-1")).code).toBe(0);
  },
  LONG,
);

test.concurrent(
  "a sync that is stuck in the kernel does not keep the next request out",
  async () => {
    await using host = await startPveHost({ percent: 15 });
    const sync = join(host.world, "bin", "sync");
    // What can't be killed keeps what it inherited; a child that got away from its group stands for it.
    writeFileSync(sync, '#!/bin/bash\nsetsid sleep 60 &\necho $! >>"$QM_WORLD/stuck"\nsleep 60\n');
    chmodSync(sync, 0o755);
    expect((await host.ask("start@102 stuck-sync-1")).code).toBe(1); // it runs already
    for (const pid of readFileSync(join(host.world, "stuck"), "utf8").split("\n").filter(Boolean))
      process.kill(Number(pid), 0); // else this proves nothing
    const { code, stderr } = await host.ask("start@102 stuck-sync-2");
    expect([code, stderr]).toEqual([1, ""]);
  },
  LONG,
);

test.concurrent(
  "a killed run gets one verdict, however many ask for it at once",
  async () => {
    await using host = await startPveHost({ percent: 15 });
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const record = host.record("asked-by-many");
    mkdirSync(join(record, "claim"), { recursive: true });
    writeFileSync(
      join(record, "request"),
      `verb: cycle\nvm: 102\noverride: \ncaller: x\nasked: y\nboot: ${boot}\nuptime: 1\n`,
    );
    writeFileSync(join(record, "output"), "");
    writeFileSync(join(record, "runner"), `${process.pid} 1 ${boot}\n`); // we live, but did not start at tick 1
    const answers = await Promise.all(Array.from({ length: 8 }, () => host.ask("report asked-by-many")));
    expect(readFileSync(join(record, "output"), "utf8").match(/^verdict: /gm)?.length).toBe(1);
    for (const { stdout } of answers) expect(lastLine(stdout)).toStartWith("verdict: unknown the run was killed");
  },
  LONG,
);

test.concurrent(
  "a record whose request can't be read is no run, and nobody waits for it",
  async () => {
    await using host = await startPveHost({ percent: 15, off: true });
    const record = host.record("garbled-record");
    mkdirSync(record, { recursive: true });
    writeFileSync(join(record, "request"), "\0\0\0\0");
    writeFileSync(join(record, "output"), "");
    writeFileSync(join(host.world, "state", "vm-102.holder"), "garbled-record\n");
    expect((await host.ask("report garbled-record")).code).toBe(3);
    expect((await host.ask("start@102 after-garbled")).code).toBe(0);
  },
  LONG,
);

// A disk of a few pages is root's to mount, on a machine of its own.
const whereRoot = onlyWhere(asRoot, "root", test.concurrent);
const onSmallDisk = (name: string, work: (on: Machine) => Promise<void>) =>
  whereRoot(
    name,
    async () => {
      const files = { "breakglass-pve": SCRIPT, "qm-stand-in": resolve(import.meta.dir, "../support/qm") };
      const world = "QM_WORLD=/mnt/world QM_PIDS=/var/run/qemu-server QM_LOCKS=/var/lock/qemu-server";
      const ask = 'SSH_ORIGINAL_COMMAND="$*" BREAKGLASS_PVE_PERCENT=10 exec /bin/bash -p /mnt/breakglass-pve 102';
      const programs = {
        qm: `#!/bin/sh\n${world} exec /mnt/qm-stand-in "$@"\n`,
        ask: `#!/bin/sh\n${ask}\n`,
      };
      await using on = await startMachine({ files, programs });
      await on.sh("mkdir world /var/lib/breakglass && echo 'name: devvm' >world/config && qm start 102");
      await work(on);
    },
    LONG,
  );

for (const pages of [1, 2, 3, 5, 8, 30])
  onSmallDisk(`${pages} pages of room for the records: the verdict is told and kept`, async (on) => {
    await on.sh(`mount -t tmpfs -o size=${pages * 4}k tmpfs /var/lib/breakglass`);
    const first = await on.sh(`timeout 40 ask start@102 small-disk-${pages}`);
    expect([first.code, lastLine(first.said)]).toEqual([1, expect.stringContaining("VM 102 is already running")]);
    const report = await on.sh(`timeout 20 ask report small-disk-${pages}`);
    expect(report.said).toStartWith("state: ended\nexit: 1\n");
    expect(lastLine(report.said)).toBe(lastLine(first.said));
  });

onSmallDisk("a disk that fills up during a run still takes its verdict", async (on) => {
  await on.sh("mount -t tmpfs -o size=4m tmpfs /var/lib/breakglass && echo 1 >world/slow.stop");
  const fill = `until grep -q 'stop 102' world/ledger; do sleep 0.05; done
    cat /dev/zero >/var/lib/breakglass/rubbish`;
  const [run, filled] = await Promise.all([on.sh("timeout 40 ask cycle@102 fills-up-1"), on.sh(fill)]);
  expect(filled.said).toContain("No space left"); // else this proves nothing
  expect(run.code).toBe(0);
  expect(lastLine(run.said)).toStartWith("verdict: done VM 102 runs in a new QEMU");
  const report = await on.sh("timeout 20 ask report fills-up-1");
  expect(report.said).toStartWith("state: ended\nexit: 0\n");
  expect((await on.sh("timeout 40 ask start@102 after-full-1")).code).toBe(1);
});
