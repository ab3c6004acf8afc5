/**
 * The install guide, followed word for word on throwaway machines: the commands and files are docs/host.md's own, with the line
 * of the public key in the place of its placeholder. `qm` and `systemctl` are stand-ins; sshd, sudo, useradd, visudo, logrotate
 * and the addresses are real.
 */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { type RunStep, readGuide, type Step } from "../support/guide.ts";
import { type Machine, startMachine } from "../support/machine.ts";
import { asRoot, onlyWhere } from "../support/only-where.ts";
import { SCRIPT } from "../support/pve-host.ts";

const GUIDE = readGuide(readFileSync(resolve(import.meta.dir, "../../docs/host.md"), "utf8"));
const HOST = "The PVE host (8 or 9)";
const PLACEHOLDER = "ssh-ed25519 AAAA… breakglass";
const LONG = 60_000;

const whereRoot = onlyWhere(asRoot, "root", test.concurrent);
const guided = (name: string, follow: () => Promise<void>) => whereRoot(name, follow, LONG);

const stepsOf = (section: string, ...items: readonly (number | null)[]): Step[] => {
  const found = GUIDE.filter((step) => step.section === section && items.includes(step.item));
  if (found.length === 0) throw new Error(`the guide has no steps ${items} under "${section}"`);
  return found;
};

const PROGRAMS = {
  qm: `#!/bin/sh\nQM_WORLD=/mnt/world QM_PIDS=/var/run/qemu-server QM_LOCKS=/var/lock/qemu-server exec /mnt/qm-stand-in "$@"\n`,
  // sshd reads its settings again on a hangup, as the unit does it.
  systemctl: `#!/bin/sh\n[ "$*" = "reload ssh" ] || exit 1\nkill -HUP "$(cat /run/sshd.pid)"\n`,
};

/** A machine with one VM that runs, the script in the folder where the guide begins, and the key pair made as the guide makes it. */
async function machine(): Promise<Machine> {
  const files = { "breakglass-pve": SCRIPT, "qm-stand-in": resolve(import.meta.dir, "../support/qm") };
  const made = await startMachine({ files, programs: PROGRAMS });
  await well(made, "mkdir world && : >world/ledger && echo 'name: devvm' >world/config && qm start 102");
  await follow(made, stepsOf("Installing the far ends", null));
  return made;
}

async function well(on: Machine, script: string): Promise<string> {
  const { code, said } = await on.sh(script);
  if (code !== 0) throw new Error(`exit ${code} of: ${script}\n${said}`);
  return said;
}

/** Carries the steps out as they stand. Where the guide says in full what is answered, that must be answered. */
async function follow(on: Machine, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (step.is === "run") {
      for (const { command, answer } of step.lines) {
        const said = await well(on, await withKey(on, command));
        if (answer !== "") expect([command, said.trimEnd()]).toEqual([command, answer]);
      }
      continue;
    }
    // The shell expands ~breakglass, and nothing else of what the guide names.
    expect(step.file).toMatch(/^[~/][a-z/_.-]+$/);
    await well(on, `cat >${step.file} <<'END OF FILE'\n${await withKey(on, step.text)}END OF FILE`);
    if (step.mode) await well(on, `chmod ${step.mode} ${step.file}`);
    if (step.run) await well(on, step.run);
  }
}

async function withKey(on: Machine, text: string): Promise<string> {
  return text.includes(PLACEHOLDER)
    ? text.replace(PLACEHOLDER, (await well(on, "cat breakglass_key.pub")).trim())
    : text;
}

/** The three commands of "Try it", each with what it said; `as` is the account that the far end lets in. */
async function tryIt(on: Machine, as: string): Promise<readonly [string, string, string]> {
  const [step] = stepsOf(HOST, 4) as RunStep[];
  const commands = step!.lines.map(({ command }) => command.replace("root@pve", `${as}@pve`));
  expect(commands.length).toBe(3);
  expect(step!.lines[0]!.answer).toBe("breakglass-pve 2");
  const said = [];
  for (const command of commands) said.push(await well(on, command));
  return said as unknown as readonly [string, string, string];
}

test("the guide has every step that is followed here, and no other", () => {
  expect(GUIDE.map(({ section, item, is }) => `${section} ${item ?? "-"} ${is}`)).toEqual([
    "Installing the far ends - run",
    `${HOST} 1 run`,
    `${HOST} 2 write`,
    `${HOST} 2 write`,
    `${HOST} 3 run`,
    `${HOST} 3 write`,
    `${HOST} 3 write`,
    `${HOST} 4 run`,
    `${HOST} 5 write`,
    "The VM - run",
    "Host keys - run",
  ]);
});

guided("as root on the PVE host: version, status, a refusal, and the key works from its address only", async () => {
  await using on = await machine();
  await follow(on, stepsOf(HOST, 1, 2));
  const [version, status, refused] = await tryIt(on, "root");
  expect(version).toBe("breakglass-pve 2\n");
  expect(status).toContain("\nqmpstatus: running\nstatus: running\n");
  expect(status).toMatch(/^probe\.pid: agreed \d+$/m);
  expect(status).toMatch(/^probe\.qmp: answered$/m);
  expect(refused).toMatch(/^breakglass-pve: rejected: .*\n2\n$/);
  const elsewhere = await on.sh("ssh -b 192.0.2.20 -o BatchMode=yes -i breakglass_key root@pve version");
  expect(elsewhere.code).toBe(255);
  expect(elsewhere.said).toContain("Permission denied");
  expect(
    await well(on, "stat -c '%a %U' /usr/local/sbin/breakglass-pve /var/lib/breakglass /etc/ssh/breakglass_keys"),
  ).toBe("755 root\n700 root\n600 root\n");
});

guided("as a user with sudo: version, status, a whole cycle; no other VM, and nothing else as root", async () => {
  await using on = await machine();
  await follow(on, stepsOf(HOST, 1, 3));
  const [version, status, refused] = await tryIt(on, "breakglass");
  expect(version).toBe("breakglass-pve 2\n");
  expect(status).toContain("\nqmpstatus: running\nstatus: running\n");
  expect(refused).toMatch(/^breakglass-pve: rejected: .*\n2\n$/);
  const ask = (command: string) => on.sh(`ssh -i breakglass_key breakglass@pve '${command}'`);
  const other = await ask("status@105");
  expect([other.code, other.said]).toEqual([
    2,
    "breakglass-pve: rejected: VM 105 is not one of those that this key may touch\n",
  ]);
  // Without the forced command in front of it, too: the rule of sudo names the number.
  const past = async (command: string) => (await on.sh(`runuser -u breakglass -- sudo -n ${command}`)).said;
  expect(await past("/usr/local/sbin/breakglass-pve 105")).toContain("sudo: a password is required");
  expect(await past("/usr/local/sbin/breakglass-pve 102 105")).toContain("sudo: a password is required");
  expect(await past("id -u")).toContain("sudo: a password is required");
  const cycle = await ask("cycle@102 guide-cycle-1");
  expect(cycle.said).toMatch(/\nverdict: done VM 102 runs in a new QEMU /);
  expect(cycle.code).toBe(0);
  expect(await well(on, "cat /var/lib/breakglass/runs/guide-cycle-1/exit")).toBe("0\n");
  // The address got through sudo: env_keep did its work.
  expect(await well(on, "cat /var/log/breakglass-pve.log")).toMatch(
    /^\S+Z 192\.0\.2\.10 accepted cycle@102 guide-cycle-1 override=none$/m,
  );
});

guided("the log is rotated, and goes on in a new file", async () => {
  await using on = await machine();
  await follow(on, stepsOf(HOST, 1, 2, 5));
  const [step] = stepsOf(HOST, 5);
  const file = step!.is === "write" ? step!.file : "";
  const plan = await well(on, `logrotate -d ${file}`);
  expect(plan).not.toMatch(/error|unknown option|bad /i);
  expect(plan).toMatch(/\/var\/log\/breakglass-pve\.log .*weekly \(26 rotations\)/);
  await well(on, `touch -d '2 weeks ago' /var/log/breakglass-pve.log && logrotate -f ${file}`);
  await well(on, "ssh -i breakglass_key root@pve version");
  expect(await well(on, "ls /var/log")).toContain("breakglass-pve.log\nbreakglass-pve.log.1.gz\n");
  expect((await well(on, "cat /var/log/breakglass-pve.log")).trimEnd()).toMatch(
    /^\S+Z 192\.0\.2\.10 answered version$/,
  );
});

guided("on the VM: the key opens a shell with sudo, from its address only, and forwards nothing", async () => {
  await using on = await machine();
  await follow(on, stepsOf("The VM", null));
  const guide = readFileSync(resolve(import.meta.dir, "../../docs/host.md"), "utf8");
  const [, command, answer] = /^Try it: `(ssh [^`]+)` prints `(\d+)`/m.exec(guide)!;
  expect(await well(on, command!)).toBe(`${answer}\n`);
  expect((await on.sh(command!.replace("ssh ", "ssh -b 192.0.2.30 -o BatchMode=yes "))).said).toContain(
    "Permission denied",
  );
  const forward = "ssh -o ExitOnForwardFailure=yes -R 2222:127.0.0.1:22 -i breakglass_key breakglass@vm true";
  expect((await on.sh(forward)).code).toBe(255);
});

guided("nothing of it touches the machine that the tests run on", async () => {
  const seen = () => ({
    accounts: ["passwd", "shadow", "group", "subuid"].map((name) => readFileSync(join("/etc", name), "utf8")),
    folders: ["/home", "/usr/local/sbin", "/var/log", "/etc/sudoers.d", "/etc/ssh", "/etc/ssh/sshd_config.d"].map(
      (folder) => (existsSync(folder) ? readdirSync(folder).filter((name) => name.includes("breakglass")) : []),
    ),
    hosts: statSync("/etc/hosts").mtimeMs,
    name: readFileSync("/proc/sys/kernel/hostname", "utf8"),
    state: existsSync("/var/lib/breakglass"),
  });
  const before = seen();
  {
    await using on = await machine();
    await follow(on, [...stepsOf(HOST, 1, 2, 3), ...stepsOf(HOST, 5)]);
    // Else this proves nothing.
    expect(await well(on, "id -un breakglass; hostname")).toBe("breakglass\nthrowaway\n");
  }
  expect(seen()).toEqual(before);
});
