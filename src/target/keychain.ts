/**
 * The private key, as OpenSSH will take it. A mounted secret is often readable by its group (0440), which OpenSSH refuses;
 * so the key goes through a 0600 copy on memory-backed storage into an ssh-agent of ours, and the copy is removed. The
 * agent's socket is handed to `ssh` only, never to the repair agent. Also here: a uid without a passwd entry, which
 * OpenSSH refuses too ("No user exists for uid"), is given a name by libnss-wrapper where that is installed.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, runChild, startChild } from "../child.ts";
import { endingInWords } from "../outcome.ts";

export interface Keychain {
  /** What `ssh` runs with: PATH, HOME, and the agent's socket when there is a key. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/**
 * The agent must not outlive us with the key in it, not even after kill -9, when nobody is left to end it. The kernel then closes
 * our end of the shell's stdin; `kill 0` ends its group, which is the agent and the shell.
 */
const AGENT_WHILE_WE_LIVE = `command -v ssh-agent >/dev/null || exit 127
ssh-agent -D -a "$1/agent" & cat >/dev/null; rm -rf "$1"; kill 0`;

export class KeyTrouble extends Error {
  override readonly name = "KeyTrouble";
}

/** @param key_path the private key, or null: ssh then finds its own. Throws KeyTrouble with one sentence. */
export async function openKeychain(key_path: string | null, path: string, home: string): Promise<Keychain> {
  const memory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "breakglass-"));
  chmodSync(memory, 0o700);
  const env: Record<string, string> = { PATH: path, HOME: home, LANG: "C.UTF-8", ...(await namedUid(memory, path)) };
  if (key_path === null) {
    if (process.env.SSH_AUTH_SOCK) env.SSH_AUTH_SOCK = process.env.SSH_AUTH_SOCK;
    return { env, close: async () => rmSync(memory, { recursive: true, force: true }) };
  }
  const socket = join(memory, "agent");
  const argv = ["/bin/sh", "-c", AGENT_WHILE_WE_LIVE, "sh", memory];
  const agent = startChild({ argv, env, stdin: { open: true } }, () => {});
  try {
    await socketOf(agent, socket);
    env.SSH_AUTH_SOCK = socket;
    await addKey(key_path, memory, env);
  } catch (error) {
    await agent.stop();
    rmSync(memory, { recursive: true, force: true });
    throw error;
  }
  return {
    env,
    close: async () => {
      await agent.stop();
      rmSync(memory, { recursive: true, force: true });
    },
  };
}

async function addKey(key_path: string, memory: string, env: Record<string, string>): Promise<void> {
  let key: string;
  try {
    key = readFileSync(key_path, "utf8");
  } catch (error) {
    throw new KeyTrouble(`BREAKGLASS_KEY_PATH can't be read: ${error instanceof Error ? error.message : error}.`);
  }
  const copy = join(memory, "key");
  try {
    // A key without its last newline is refused by OpenSSH with "error in libcrypto".
    writeFileSync(copy, key.endsWith("\n") ? key : `${key}\n`, { mode: 0o600 });
    const { ending, stderr } = await runChild({ argv: ["ssh-add", "-q", copy], env, limit_ms: 10_000 });
    if (ending.is !== "exited" || ending.code !== 0)
      throw new KeyTrouble(
        `BREAKGLASS_KEY_PATH holds no key that ssh-add takes (${stderr.trim().split("\n").at(-1) || endingInWords(ending)}); give it an OpenSSH private key without a passphrase.`,
      );
  } finally {
    rmSync(copy, { force: true });
  }
}

async function socketOf(agent: Child, socket: string): Promise<void> {
  const over = agent.ended.then((ending) => {
    throw new KeyTrouble(
      `ssh-agent ${endingInWords(ending)}; install OpenSSH's client programs on the console's machine.`,
    );
  });
  const there = (async () => {
    for (let n = 0; n < 250 && !existsSync(socket); n++) await Bun.sleep(20);
    if (!existsSync(socket)) throw new KeyTrouble("ssh-agent made no socket within 5 s.");
  })();
  await Promise.race([there, over]);
  over.catch(() => {});
}

async function namedUid(memory: string, path: string): Promise<Record<string, string>> {
  // Bun's userInfo() reads $USER and never fails; `id` asks the same name service that OpenSSH will ask.
  const { ending } = await runChild({ argv: ["id", "-un"], env: { PATH: path }, limit_ms: 5000 });
  if (ending.is !== "exited" || ending.code === 0) return {};
  return nameForUid(memory, process.getuid?.() ?? 0, process.getgid?.() ?? 0);
}

/** What makes OpenSSH see a passwd entry for `uid`; empty where libnss-wrapper is not installed. */
export function nameForUid(memory: string, uid: number, gid: number): Record<string, string> {
  const library = readdirSafe("/usr/lib")
    .map((arch) => `/usr/lib/${arch}/libnss_wrapper.so`)
    .find(existsSync);
  if (!library) return {};
  const home = join(memory, "home");
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(join(memory, "passwd"), `breakglass:x:${uid}:${gid}:Breakglass:${home}:/bin/sh\n`, { mode: 0o600 });
  writeFileSync(join(memory, "group"), `breakglass:x:${gid}:\n`, { mode: 0o600 });
  return {
    LD_PRELOAD: library,
    NSS_WRAPPER_PASSWD: join(memory, "passwd"),
    NSS_WRAPPER_GROUP: join(memory, "group"),
  };
}

const readdirSafe = (path: string): string[] => {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
};
