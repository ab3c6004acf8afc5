/** The argv of ssh, and how a host key is treated. OpenSSH does the work; the lab puts a stand-in of its own in its place. */
import { type Ending, endingInWords } from "../outcome.ts";
import type { SshPlace } from "./target.ts";

export interface Ssh {
  /** The program: `ssh` from PATH, or the lab's stand-in by path (one or more argv words). */
  readonly program: readonly string[];
  readonly known_hosts: string;
  /** `yes` with pinned keys from settings; `accept-new` when the first contact is written into our own file. */
  readonly host_keys: "yes" | "accept-new";
  /** The file of the keys that stand in the settings of single targets; strict, whatever holds for the others. */
  readonly pinned?: string;
  /** A key file; "agent": only what our own ssh-agent holds; null: what ssh finds by itself. */
  readonly identity: string | null;
}

/** `command` is one string: sshd hands it to the far shell, or to a forced command as SSH_ORIGINAL_COMMAND. */
export function sshArgv(ssh: Ssh, place: SshPlace, command: string): string[] {
  const strict = place.host_key !== undefined && ssh.pinned !== undefined;
  return [
    ...ssh.program,
    "-F",
    "none",
    "-T",
    "-o",
    "BatchMode=yes",
    "-o",
    "ConnectTimeout=10",
    "-o",
    "ServerAliveInterval=5",
    "-o",
    "ServerAliveCountMax=3",
    "-o",
    "LogLevel=ERROR",
    "-o",
    `UserKnownHostsFile=${oneWord(strict ? ssh.pinned! : ssh.known_hosts)}`,
    "-o",
    // A machine's own list of everybody's keys would pin beside ours, and nobody would see which.
    "GlobalKnownHostsFile=/dev/null",
    "-o",
    `StrictHostKeyChecking=${strict ? "yes" : ssh.host_keys}`,
    ...identity(ssh.identity),
    "-p",
    String(place.port),
    "-l",
    place.user,
    "--",
    place.host,
    command,
  ];
}

/** How a run of ssh ended. Where the far end falls silent, ssh gives up after 15 s and says nothing of it itself, at our LogLevel. */
export const sshEndingInWords = (ending: Ending): string =>
  ending.is === "exited" && ending.code === 255
    ? "ssh gave up, exit code 255: nothing more came"
    : endingInWords(ending);

/** ssh takes several files here, apart by spaces. */
const oneWord = (path: string): string => (/\s/.test(path) ? `"${path}"` : path);

function identity(given: string | null): string[] {
  if (given === null) return [];
  // Without a key file, and not "only": then every key of our agent is offered, and none from a home folder.
  if (given === "agent") return ["-o", "IdentityFile=none", "-o", "IdentitiesOnly=no"];
  return ["-o", "IdentitiesOnly=yes", "-i", given];
}
