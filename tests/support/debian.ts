/** The programs of the system that tests need, and the Debian packages they come in; installed only when missing. */
import { runChild } from "../../src/child.ts";
import { endingInWords } from "../../src/outcome.ts";

const NEEDED: Readonly<Record<string, readonly string[]>> = {
  chromium: ["chromium"],
  "openssh-server": ["sshd"],
  "openssh-client": ["ssh", "ssh-agent", "ssh-keygen"],
  w3m: ["w3m"],
  lynx: ["lynx"],
  shellcheck: ["shellcheck"],
  jq: ["jq"],
  sudo: ["sudo", "visudo"],
  logrotate: ["logrotate"],
  iproute2: ["ip"],
  mount: ["mount", "losetup"],
  "util-linux": ["fsfreeze", "unshare", "nsenter"],
  e2fsprogs: ["mkfs.ext4"],
  // A library: what it is for is in target/keychain.ts.
  "libnss-wrapper": ["usr/lib/*/libnss_wrapper.so"],
};

/** What `bun run engines` needs besides. */
export const ENGINES: Readonly<Record<string, readonly string[]>> = {
  "firefox-esr": ["firefox-esr"],
  "webkit2gtk-driver": ["WebKitWebDriver", "usr/lib/*/webkit2gtk-4.*/MiniBrowser"],
  xvfb: ["Xvfb"],
};

/** Ends when all are there; throws a sentence otherwise. Returns what was installed. */
export async function debianPackages(env: Record<string, string>, needed = NEEDED): Promise<string[]> {
  const missing = () => missingOf(needed, env.PATH ?? "");
  const wanted = missing();
  if (wanted.length === 0) return [];
  const command = `apt-get install -y --no-install-recommends ${wanted.join(" ")}`;
  if (process.getuid?.() !== 0 || !Bun.which("apt-get"))
    throw new Error(`Tests need ${wanted.join(", ")}: as root, run '${command}', then this again.`);
  const apt = { ...env, DEBIAN_FRONTEND: "noninteractive" };
  for (const argv of [["apt-get", "update", "-q"], command.split(" ")]) {
    const { ending, stderr } = await runChild({ argv, env: apt, limit_ms: 15 * 60_000 });
    // An update that reaches only some of its lists may still know the packages.
    if (argv[1] === "install" && !(ending.is === "exited" && ending.code === 0))
      throw new Error(
        `'${command}' failed (${endingInWords(ending)}): ${stderr.trim().split("\n").slice(-5).join("\n")}`,
      );
  }
  const still = missing();
  if (still.length > 0) throw new Error(`'${command}' went through, but ${still.join(", ")} can't be found.`);
  return wanted;
}

function missingOf(needed: Readonly<Record<string, readonly string[]>>, path: string): string[] {
  // sshd is not on everybody's PATH.
  const PATH = `${path}:/usr/sbin:/sbin`;
  const there = (thing: string) =>
    thing.includes("/") ? !new Bun.Glob(thing).scanSync("/").next().done : Bun.which(thing, { PATH }) !== null;
  return Object.keys(needed).filter((name) => !needed[name]!.every(there));
}
