/** The key as a mounted secret gives it, and a uid that nobody has named: both must not keep an operator out. */
import { afterEach, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
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
import { runChild } from "../../src/child.ts";
import { KeyTrouble, nameForUid, openKeychain } from "../../src/target/keychain.ts";
import { onlyAsRoot } from "../support/only-where.ts";
import { until } from "../support/pve-host.ts";

const PATH = process.env.PATH ?? "/usr/bin:/bin";
const folders: string[] = [];
const folder = () => {
  const made = mkdtempSync(join(tmpdir(), "bg-keys-"));
  folders.push(made);
  return made;
};
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

async function makeKey(dir: string): Promise<string> {
  const path = join(dir, "key");
  await runChild({ argv: ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], env: { PATH } });
  return path;
}

test("a key that its group may read goes into an agent of ours; no copy of it stays, and the agent ends with us", async () => {
  const path = await makeKey(folder());
  const text = readFileSync(path, "utf8");
  // As some secret stores hand it over: without the last line break, which OpenSSH insists on.
  writeFileSync(path, text.trimEnd());
  chmodSync(path, 0o440);
  const keys = await openKeychain(path, PATH, tmpdir());
  const listed = await runChild({ argv: ["ssh-add", "-l"], env: { ...keys.env } });
  expect(listed.stdout).toContain("ED25519");
  const memory = join(keys.env.SSH_AUTH_SOCK!, "..");
  expect(readdirSync(memory)).toEqual(["agent"]);
  await keys.close();
  expect(existsSync(memory)).toBe(false);
  const gone = await runChild({ argv: ["ssh-add", "-l"], env: { ...keys.env } });
  expect(gone.ending).not.toEqual({ is: "exited", code: 0 });
});

test("the agent and its folder are gone, too, after a console that was killed", async () => {
  const path = await makeKey(folder());
  const module = join(import.meta.dir, "../../src/target/keychain.ts");
  const code = `const { openKeychain } = await import(${JSON.stringify(module)});
    const keys = await openKeychain(${JSON.stringify(path)}, process.env.PATH, "/");
    // A child that goes on, as a run's ssh does, must not keep it alive.
    const run = Bun.spawn(["sleep", "20"], { detached: true, stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    console.log(keys.env.SSH_AUTH_SOCK, run.pid);
    setInterval(() => keys, 1000);`;
  const console_ = Bun.spawn([process.execPath, "-e", code], { env: { PATH }, stdout: "pipe", stderr: "inherit" });
  const { value } = await console_.stdout.getReader().read();
  const [socket = "", run] = new TextDecoder().decode(value).trim().split(" ");
  const listed = () => runChild({ argv: ["ssh-add", "-l"], env: { PATH, SSH_AUTH_SOCK: socket } });
  expect((await listed()).stdout).toContain("ED25519"); // else this proves nothing
  console_.kill("SIGKILL");
  await until("the agent is gone", async () => !(await listed()).stdout.includes("ED25519"));
  await until("its folder is gone", () => !existsSync(join(socket, "..")));
  process.kill(Number(run), "SIGKILL");
});

test("no key, or a file that is none, is a sentence that names the setting", async () => {
  const dir = folder();
  const wrong = join(dir, "wrong");
  writeFileSync(wrong, "not a key\n");
  for (const path of [join(dir, "nothing"), wrong]) {
    const trouble = await openKeychain(path, PATH, tmpdir()).catch((error) => error);
    expect(trouble).toBeInstanceOf(KeyTrouble);
    expect(trouble.message).toContain("BREAKGLASS_KEY_PATH");
  }
});

onlyAsRoot("OpenSSH runs under a uid without a passwd entry", async () => {
  // Where that uid may walk in: the folder of a whole run of tests is closed to everybody else.
  const dir = mkdtempSync("/dev/shm/bg-keys-");
  folders.push(dir);
  const uid = 54_321;
  const home = join(dir, "memory");
  mkdirSync(home);
  const asNobody = (env: Record<string, string>) =>
    runChild({
      argv: [
        "setpriv",
        `--reuid=${uid}`,
        `--regid=${uid}`,
        "--clear-groups",
        "ssh",
        "-T",
        "-F",
        "none",
        "-G",
        "192.0.2.1",
      ],
      env: { PATH, HOME: home, ...env },
    });
  expect((await asNobody({})).stderr).toContain("No user exists for uid"); // else this proves nothing
  const env = nameForUid(home, uid, uid);
  for (const path of [dir, home, ...readdirSync(home).map((name) => join(home, name))]) chownSync(path, uid, uid);
  const named = await asNobody(env);
  expect(named.stderr).toBe("");
  expect(named.stdout).toContain("user breakglass");
});
