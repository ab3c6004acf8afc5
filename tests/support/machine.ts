/**
 * A Debian machine of its own for a test, made from this one: private mounts, processes, network and host name. Its /etc is a
 * copy; its homes, logs, state and /usr/local are empty and in memory. Root in it writes whatever it likes, and all of it is
 * gone with its first process. It listens on its own port 22, and has the addresses that the install guide speaks of.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runChild, startChild } from "../../src/child.ts";
import { exitCode } from "../../src/outcome.ts";

/** Where the machine sees the folder that the test gave it. */
const BAGGAGE = "/mnt";

/** After NAT, the console comes from 192.0.2.10; `pve` and `vm` are this machine. */
const ADDRESSES = { console: "192.0.2.10", pve: "192.0.2.20", vm: "192.0.2.30" };

// The order counts: the baggage must be in sight before /tmp and the homes are covered.
const MAKE = `
set -eu
mount --make-rprivate /
mount -t proc proc /proc
mount --bind "$1" ${BAGGAGE}
mkdir ${BAGGAGE}/.etc
mount -t tmpfs -o mode=755 tmpfs ${BAGGAGE}/.etc
cp -a /etc/. ${BAGGAGE}/.etc/
mount --bind ${BAGGAGE}/.etc /etc
for place in /home /root /run /tmp /usr/local/bin /usr/local/sbin /var/lib /var/log /var/mail /var/tmp; do
  [ ! -d "$place" ] || mount -t tmpfs -o mode=755 tmpfs "$place"
done
chmod 1777 /tmp /var/tmp
chmod 700 /root
mkdir -p /run/sshd /run/lock /run/qemu-server /run/lock/qemu-server /var/lib/logrotate /root/.ssh
hostname throwaway
printf '%s\\n' '127.0.0.1 localhost throwaway' '${ADDRESSES.pve} pve' '${ADDRESSES.vm} vm' >/etc/hosts
ip link set lo up
for address in ${Object.values(ADDRESSES).join(" ")}; do ip address add "$address/32" dev lo; done
! id breakglass >/dev/null 2>&1 || userdel breakglass
rm -rf /etc/sudoers.d/breakglass /etc/logrotate.d/breakglass-pve /etc/ssh/ssh_host_* /etc/ssh/sshd_config.d/*
cp /usr/share/openssh/sshd_config /etc/ssh/sshd_config
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
printf '%s\\n' 'BindAddress ${ADDRESSES.console}' 'StrictHostKeyChecking accept-new' 'ConnectTimeout 20' 'ConnectionAttempts 10' 'LogLevel ERROR' >/root/.ssh/config
cp -a ${BAGGAGE}/usr-local/. /usr/local/
/usr/sbin/sshd
echo ready
# Waits for the orphans of everybody.
exec {quiet}<> <(:)
while :; do read -ru "$quiet" _; done
`;

export interface Machine {
  /** Runs it in a bash as root, in a folder that begins with what the test brought. Both pipes are one: as a terminal shows it. */
  sh(script: string): Promise<{ readonly code: number | null; readonly said: string }>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Brought {
  /** Files and folders to copy into the folder that commands begin in, by their name there. */
  readonly files?: Readonly<Record<string, string>>;
  /** Programs to put into the machine's /usr/local/sbin: name → text. */
  readonly programs?: Readonly<Record<string, string>>;
}

/** Throws one plain sentence where such a machine can't be made. */
export async function startMachine({ files = {}, programs = {} }: Brought = {}): Promise<Machine> {
  const baggage = mkdtempSync(join(tmpdir(), "breakglass-machine-"));
  mkdirSync(join(baggage, "usr-local", "sbin"), { recursive: true });
  for (const [name, from] of Object.entries(files)) cpSync(from, join(baggage, name), { recursive: true });
  for (const [name, text] of Object.entries(programs))
    writeFileSync(join(baggage, "usr-local", "sbin", name), text, { mode: 0o755 });
  const env = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", LANG: "C.UTF-8" };
  let heard = "";
  let ready = () => {};
  const is_ready = new Promise<void>((resolve) => {
    ready = resolve;
  });
  const own = ["unshare", "--mount", "--pid", "--net", "--uts", "--fork", "--kill-child"];
  const first = startChild({ argv: [...own, "/bin/bash", "-c", MAKE, "bash", baggage], env }, ({ text }) => {
    heard += `${text}\n`;
    if (text === "ready") ready();
  });
  const end = async () => {
    await first.stop(0);
    rmSync(baggage, { recursive: true, force: true });
  };
  const failed = first.ended.then(() => "over" as const);
  if ((await Promise.race([is_ready, failed])) === "over") {
    await end();
    throw new Error(
      `This test was not carried out, since no machine of its own could be made here (private mounts, processes and network; root's to make): ${heard.trim()}`,
    );
  }
  const [inner] = readFileSync(`/proc/${first.pid}/task/${first.pid}/children`, "utf8").trim().split(" ");
  const enter = ["nsenter", "--target", inner!, "--mount", "--pid", "--net", "--uts"];
  return {
    async sh(script) {
      const argv = [...enter, "/bin/bash", "-c", `exec 2>&1; cd ${BAGGAGE}\n${script}`];
      const { ending, stdout, stderr } = await runChild({ argv, env, limit_ms: 60_000 });
      return { code: exitCode(ending), said: stdout + stderr };
    },
    [Symbol.asyncDispose]: end,
  };
}
