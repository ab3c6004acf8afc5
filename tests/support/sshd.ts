/**
 * A real OpenSSH sshd on 127.0.0.1 with throwaway keys, in a folder of its own: the PVE host's side with a forced command,
 * or, without one, the VM's side with a plain shell. It knows nothing of verbs. As root it lets root in, else whoever runs it.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { runChild, startChild } from "../../src/child.ts";

export interface Sshd {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The client's private key. */
  readonly identity: string;
  /** A file with the host key pinned. */
  readonly known_hosts: string;
  /** sshd's own log. */
  log(): string;
  /** Ends the listener and its connections; what a forced command detached goes on. */
  stop(): Promise<void>;
}

export interface SshdWishes {
  /** A temporary folder, made if it is not there. */
  readonly dir: string;
  /** The forced command, with `restrict`; left out: a plain shell. */
  readonly forced?: string;
  /** More options of the authorized_keys line, as they stand there: `from="10.0.0.5"`. */
  readonly options?: string;
  /** Set for the sessions by sshd itself (SetEnv); nothing is accepted from the client. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where another one listened before: a machine that was rebuilt. Left out, any free one. */
  readonly port?: number;
  readonly keyType?: "ed25519" | "ecdsa";
}

export async function startSshd({ dir, forced, options, env = {}, port: wanted, keyType }: SshdWishes): Promise<Sshd> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  // As root sshd insists on this empty folder for its unprivileged child.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const path = process.env.PATH ?? "/usr/bin:/bin";
  for (const name of ["host_key", "client_key"]) {
    if (existsSync(join(dir, name))) continue;
    const made = await runChild({
      argv: ["ssh-keygen", "-q", "-t", keyType ?? "ed25519", "-N", "", "-C", name, "-f", join(dir, name)],
      env: { PATH: path },
    });
    if (made.ending.is !== "exited" || made.ending.code !== 0) throw new Error(`ssh-keygen: ${made.stderr}`);
  }
  const line = [
    ...(forced === undefined ? [] : [`command="${forced.replaceAll('"', '\\"')}"`, "restrict"]),
    ...(options ? [options] : []),
  ].join(",");
  writeFileSync(
    join(dir, "authorized_keys"),
    `${line} ${readFileSync(join(dir, "client_key.pub"), "utf8")}`.trimStart(),
  );
  chmodSync(join(dir, "authorized_keys"), 0o600);
  // Under sshd bash reads ~/.bashrc unless it is nested; what the person who runs the tests has there is no part of them.
  const set = Object.entries({ SHLVL: "1", ...env }).map(([name, value]) => {
    if (/["\\\n]/.test(value)) throw new Error(`sshd can't set ${name}: it holds a quote, a backslash or a line break`);
    return `"${name}=${value}"`;
  });

  for (let attempt = 1; ; attempt++) {
    const port = wanted ?? (await freePort());
    writeFileSync(
      join(dir, "sshd_config"),
      [
        `ListenAddress 127.0.0.1`,
        `Port ${port}`,
        `HostKey ${join(dir, "host_key")}`,
        "PidFile none",
        `AuthorizedKeysFile ${join(dir, "authorized_keys")}`,
        "StrictModes no",
        "UsePAM no",
        "PermitRootLogin yes",
        "PubkeyAuthentication yes",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "UseDNS no",
        "MaxStartups 500",
        "MaxSessions 200",
        "PrintMotd no",
        `SetEnv ${set.join(" ")}`,
        "",
      ].join("\n"),
    );
    const heard: string[] = [];
    const child = startChild(
      { argv: [sshdPath(path), "-D", "-e", "-f", join(dir, "sshd_config")], env: { PATH: path } },
      ({ text }) => {
        heard.push(text);
      },
    );
    let over = false;
    void child.ended.then(() => {
      over = true;
    });
    while (!over && !(await greets(port))) await Bun.sleep(20);
    // Somebody else may have taken the port between our look and sshd's.
    if (over) {
      if (attempt === 5) throw new Error(`sshd does not start: ${heard.join("\n")}`);
      continue;
    }
    // Bun's userInfo() reads $USER, which need not be there.
    const user = (await runChild({ argv: ["id", "-un"], env: { PATH: path } })).stdout.trim();
    const known_hosts = join(dir, "known_hosts");
    writeFileSync(known_hosts, `[127.0.0.1]:${port} ${readFileSync(join(dir, "host_key.pub"), "utf8")}`);
    return {
      host: "127.0.0.1",
      port,
      user,
      identity: join(dir, "client_key"),
      known_hosts,
      log: () => heard.join("\n"),
      stop: async () => {
        await child.stop(500);
      },
    };
  }
}

// sshd wants to be called by its full path, and it is seldom on the path of a plain user.
function sshdPath(path: string): string {
  for (const folder of [...path.split(":"), "/usr/sbin", "/usr/local/sbin", "/sbin"]) {
    if (folder.startsWith("/") && existsSync(join(folder, "sshd"))) return join(folder, "sshd");
  }
  throw new Error("no sshd on this machine: install openssh-server");
}

async function freePort(): Promise<number> {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const say = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.on("data", (bytes) => say(bytes.toString("latin1").startsWith("SSH-2.0")));
    socket.on("error", () => say(false));
    socket.on("close", () => resolve(false));
    socket.setTimeout(3000, () => say(false));
  });
}
