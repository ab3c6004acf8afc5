/** Which targets there are: one from the environment, several from a file of `[[target]]` tables, or none (the lab's). Pure. */
import { z } from "zod";
import { placeName } from "../target/host-key.ts";
import type { SshPlace, Target } from "../target/target.ts";
import {
  BadSetting,
  type Given,
  hostName,
  loginName,
  portNumber,
  publicKey,
  quoted,
  type SettingName,
  vmNumber,
} from "./setting.ts";

const DEFAULT = { vm_user: "breakglass", pve_user: "root", port: 22, vmid: 102 } as const;

/** The first system had one target; its name stays. */
const SINGLE = "devvm";

export const LAB_TARGET: Target = {
  id: SINGLE,
  name: "devvm",
  vmid: DEFAULT.vmid,
  vm: { host: "devvm.lab", user: DEFAULT.vm_user, port: DEFAULT.port },
  pve: { host: "pve.lab", user: DEFAULT.pve_user, port: DEFAULT.port },
  lab: true,
};

/** What describes the one target of the environment, and would be silently lost beside a file. */
const SINGLE_TARGET: readonly SettingName[] = [
  "BREAKGLASS_DEVVM_HOST",
  "BREAKGLASS_DEVVM_USER",
  "BREAKGLASS_DEVVM_PORT",
  "BREAKGLASS_PVE_HOST",
  "BREAKGLASS_PVE_USER",
  "BREAKGLASS_PVE_PORT",
  "BREAKGLASS_VMID",
];

export const REAL_TARGET_ONLY: readonly SettingName[] = [
  ...SINGLE_TARGET,
  "BREAKGLASS_KEY_PATH",
  "BREAKGLASS_KNOWN_HOSTS",
];

/** The target that the environment describes; null when it names no host. */
export function targetFrom(given: Given): Target | null {
  const vm = given.BREAKGLASS_DEVVM_HOST;
  const pve = given.BREAKGLASS_PVE_HOST;
  if (vm === null && pve === null) return null;
  if (vm === null)
    throw new BadSetting(
      "BREAKGLASS_DEVVM_HOST",
      "BREAKGLASS_PVE_HOST is set without BREAKGLASS_DEVVM_HOST: give the address of the VM, too.",
    );
  if (pve === null)
    throw new BadSetting(
      "BREAKGLASS_PVE_HOST",
      "BREAKGLASS_DEVVM_HOST is set without BREAKGLASS_PVE_HOST: give the address of the PVE host, too.",
    );
  return {
    id: SINGLE,
    name: SINGLE,
    vmid: given.BREAKGLASS_VMID ?? DEFAULT.vmid,
    vm: {
      host: vm,
      user: given.BREAKGLASS_DEVVM_USER ?? DEFAULT.vm_user,
      port: given.BREAKGLASS_DEVVM_PORT ?? DEFAULT.port,
    },
    pve: {
      host: pve,
      user: given.BREAKGLASS_PVE_USER ?? DEFAULT.pve_user,
      port: given.BREAKGLASS_PVE_PORT ?? DEFAULT.port,
    },
    lab: false,
  };
}

export function refuseBesideFile(given: Given): void {
  const beside = SINGLE_TARGET.find((name) => given[name] !== null);
  if (beside)
    throw new BadSetting(
      beside,
      `${beside} is set beside BREAKGLASS_CONFIG: describe every target in the file, and remove ${beside}.`,
    );
}

const number = (from: z.ZodType<number, string>) =>
  z.int({ error: "give a whole number" }).transform(String).pipe(from);

const Table = z.strictObject({
  id: z
    .string({ error: "give one" })
    .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, { error: "give 1 to 32 small letters, digits and dashes" }),
  name: z
    .string({ error: "give it as text" })
    .min(1, { error: "give a name" })
    .max(64, { error: "give at most 64 characters" })
    .regex(/^\P{C}*$/u, { error: "give printable characters" })
    .optional(),
  vmid: number(vmNumber),
  vm_host: z.string({ error: "give the address of the VM" }).pipe(hostName),
  vm_user: z.string({ error: "give it as text" }).pipe(loginName).default(DEFAULT.vm_user),
  vm_port: number(portNumber("the VM's ssh port")).default(DEFAULT.port),
  vm_host_key: z.string({ error: "give it as text" }).pipe(publicKey).optional(),
  pve_host: z.string({ error: "give the address of the PVE host" }).pipe(hostName),
  pve_user: z.string({ error: "give it as text" }).pipe(loginName).default(DEFAULT.pve_user),
  pve_port: number(portNumber("the PVE host's ssh port")).default(DEFAULT.port),
  pve_host_key: z.string({ error: "give it as text" }).pipe(publicKey).optional(),
  agent_power: z.enum(["ask", "autonomous", "never"], { error: "give ask, autonomous or never" }).optional(),
});

/** The targets of a parsed file, in its order; the first is the default one. */
export function targetsFrom(file: string, parsed: unknown): readonly [Target, ...Target[]] {
  const wrong = (sentence: string) => new BadSetting("BREAKGLASS_CONFIG", `BREAKGLASS_CONFIG (${file}): ${sentence}`);
  const { target, ...rest } = (parsed ?? {}) as Record<string, unknown>;
  const stray = Object.keys(rest)[0];
  if (stray !== undefined)
    throw wrong(
      `${quoted(stray)} is not known here; it holds [[target]] tables only, other settings stay in the environment.`,
    );
  if (!Array.isArray(target) || target.length === 0)
    throw wrong("no target in it; add a [[target]] table with id, vmid, vm_host and pve_host.");
  const targets = target.map((table, i) => {
    const read = Table.safeParse(table);
    if (!read.success) throw wrong(`target ${i + 1}${named(table)}: ${issueInWords(read.error.issues[0])}.`);
    const { id, name, vmid, vm_host, vm_user, vm_port, vm_host_key, agent_power, ...pve } = read.data;
    return {
      id,
      name: name ?? id,
      vmid,
      vm: { host: vm_host, user: vm_user, port: vm_port, ...keyed(vm_host_key) },
      pve: { host: pve.pve_host, user: pve.pve_user, port: pve.pve_port, ...keyed(pve.pve_host_key) },
      ...(agent_power === undefined ? {} : { agent_power }),
      lab: false,
    } satisfies Target;
  });
  for (const [i, one] of targets.entries()) {
    const earlier = targets.slice(0, i);
    if (earlier.some((other) => other.id === one.id))
      throw wrong(`two targets have the id ${quoted(one.id)}; give each its own.`);
    const same = earlier.find(
      (other) => other.vmid === one.vmid && other.pve.host === one.pve.host && other.pve.port === one.pve.port,
    );
    // Two names for one VM would be two locks for one power button.
    if (same)
      throw wrong(
        `${quoted(same.id)} and ${quoted(one.id)} are the same VM ${one.vmid} on ${one.pve.host}; keep one of them.`,
      );
  }
  return withKeysOfTheirHosts(targets, wrong) as unknown as readonly [Target, ...Target[]];
}

const keyed = (host_key: string | undefined) => (host_key === undefined ? {} : { host_key });

/** A machine has one key, in how many targets it stands: given once, it holds for all of them, and two would contradict. */
function withKeysOfTheirHosts(targets: readonly Target[], wrong: (sentence: string) => BadSetting): Target[] {
  const keys = new Map<string, string>();
  for (const place of targets.flatMap((t): SshPlace[] => [t.vm, t.pve])) {
    if (place.host_key === undefined) continue;
    const name = placeName(place);
    if ((keys.get(name) ?? place.host_key) !== place.host_key)
      throw wrong(`${name} has two different host keys in it; give the one that the machine has.`);
    keys.set(name, place.host_key);
  }
  const complete = (place: SshPlace) => ({ ...place, ...keyed(keys.get(placeName(place))) });
  return targets.map((target) => ({ ...target, vm: complete(target.vm), pve: complete(target.pve) }));
}

function named(table: unknown): string {
  const id = (table as { id?: unknown } | null)?.id;
  return typeof id === "string" ? ` (${quoted(id)})` : "";
}

function issueInWords(issue: z.core.$ZodIssue | undefined): string {
  if (!issue) return "can't be read";
  if (issue.code === "unrecognized_keys")
    return `${quoted(issue.keys[0] ?? "")} is not known; its keys are ${Object.keys(Table.shape).join(", ")}`;
  if (issue.path.length === 0) return "is no table";
  return `${String(issue.path[0])}: ${issue.message}`;
}
