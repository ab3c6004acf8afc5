/**
 * What the simulated guest's shell does by itself, without a program: its own words (`exit`, `export`), and those that run others
 * (`sudo`, `timeout`, `bash -c`). It knows commands and no syntax.
 */
import type { Machine, Programs } from "./machine.ts";
import { Leave, type Place, type Vars } from "./place.ts";

/** The shell that a builtin is part of. */
export interface Caller {
  readonly machine: Machine;
  readonly programs: Programs;
  /** The exit code of what ran last. */
  readonly last: number;
  /** `vars` is what the command sees, `own` what it may set for those after it. */
  call(words: string[], place: Place, vars: Vars, own: Vars): Promise<number>;
  script(script: string, place: Place, vars: Vars): Promise<number>;
}

export interface Called {
  readonly name: string;
  readonly args: string[];
  readonly place: Place;
  readonly vars: Vars;
  readonly own: Vars;
  readonly shell: Caller;
}

type Builtin = (called: Called) => number | Promise<number>;

const nothing: Builtin = () => 0;

function leave({ name, args, shell }: Called): never {
  throw new Leave(name as Leave["how"], args[0] === undefined ? shell.last : Number(args[0]) & 255);
}

function assign({ args, own }: Called): number {
  for (const arg of args) {
    const [key = "", value] = arg.split(/=(.*)/s);
    if (value !== undefined) own.set(key, value);
  }
  return 0;
}

function instead(called: Called): number | Promise<number> {
  const { args, place, vars, own, shell } = called;
  if (args[0] === "-v" || args[0] === "-V") return which({ ...called, args: args.slice(1) });
  if (args.length === 0) return 0;
  const rest = args.filter((arg, i) => i > 0 || !arg.startsWith("-"));
  return shell.call(rest, place, vars, own);
}

function which({ args, place, shell }: Called): number {
  let code = 0;
  for (const name of args) {
    if (shell.programs[name] || ["sh", "bash", "sudo", "timeout", "env", "sleep"].includes(name))
      place.out(`/usr/bin/${name}\n`);
    else code = 1;
  }
  return code;
}

function sudo({ args, place, vars, shell }: Called): number | Promise<number> {
  let i = 0;
  while (i < args.length && args[i]!.startsWith("-")) i += ["-u", "-g", "-p"].includes(args[i]!) ? 2 : 1;
  const rest = args.slice(i);
  if (rest.length === 0) return 0;
  return shell.call(rest, { ...place, root: true }, new Map(vars), new Map(vars));
}

function subshell({ name, args, place, vars, shell }: Called): number | Promise<number> {
  const c = args.findIndex((arg) => /^-[a-z]*c$/.test(arg));
  if (c >= 0) {
    const [script = "", zero, ...rest] = args.slice(c + 1).filter((arg, i) => i > 0 || arg !== "--");
    const inner = new Map(vars);
    for (const [i, arg] of rest.entries()) inner.set(String(i + 1), arg);
    inner.set("@", rest.join(" ")).set("0", zero ?? name);
    return shell.script(script, place, inner);
  }
  if (args.every((arg) => arg.startsWith("-")))
    return shell.script(place.stdin, { ...place, stdin: "" }, new Map(vars));
  place.err(`${name}: ${args.at(-1)}: No such file or directory\n`);
  return 127;
}

function prefixed({ args, place, vars, shell }: Called): number | Promise<number> {
  let i = 0;
  const inner = new Map(vars);
  for (; i < args.length; i++) {
    const assign = /^([A-Za-z_]\w*)=(.*)$/s.exec(args[i]!);
    if (assign) inner.set(assign[1]!, assign[2]!);
    else if (/^-[ncu]$/.test(args[i]!)) i++;
    else if (!args[i]!.startsWith("-")) break;
  }
  return i >= args.length ? 0 : shell.call(args.slice(i), place, inner, inner);
}

async function timeout({ args, place, vars, shell }: Called): Promise<number> {
  let i = 0;
  while (i < args.length && args[i]!.startsWith("-")) i += /^-[ks]$/.test(args[i]!) ? 2 : 1;
  const limit = shell.machine.now() + seconds(args[i] ?? "0") * 1000;
  const inner = { ...place, deadline: Math.min(place.deadline, limit) };
  try {
    return await shell.call(args.slice(i + 1), inner, new Map(vars), new Map(vars));
  } catch (error) {
    if (error instanceof Leave && error.how === "timeout" && limit <= place.deadline) return 124;
    throw error;
  }
}

async function sleep({ args, place, shell }: Called): Promise<number> {
  await sleepWithin(shell.machine, place, seconds(args[0] ?? "0") * 1000);
  return 0;
}

function xargs({ args, place, vars, own, shell }: Called): number | Promise<number> {
  const given = args.filter((arg) => !/^-(r|0|n\d*)$/.test(arg));
  const more = place.stdin.split(/\s+/).filter(Boolean);
  if (more.length === 0) return 0;
  return shell.call([...(given.length ? given : ["echo"]), ...more], { ...place, stdin: "" }, vars, own);
}

function tee({ args, place }: Called): number {
  place.out(place.stdin);
  if (!args.some((arg) => !arg.startsWith("-") && arg !== "/dev/null")) return 0;
  place.err(`tee: ${args.at(-1)}: Permission denied\n`);
  return 1;
}

const named = (names: string, builtin: Builtin): [string, Builtin][] => names.split(" ").map((name) => [name, builtin]);

export const BUILTINS: ReadonlyMap<string, Builtin> = new Map([
  ...named(": true set trap wait cd umask ulimit disown shift", nothing),
  ...named("false", () => 1),
  ...named("exit return break continue", leave),
  ...named("export local declare readonly", assign),
  ...named("eval", ({ args, place, own, shell }) => shell.script(args.join(" "), place, own)),
  ...named("exec command builtin nohup setsid", instead),
  ...named("type which", which),
  ...named("sudo", sudo),
  ...named("sh bash dash zsh", subshell),
  ...named("env nice ionice stdbuf time chrt", prefixed),
  ...named("timeout", timeout),
  ...named("sleep", sleep),
  ...named("xargs", xargs),
  ...named("tee", tee),
]);

/** A sleep that `timeout` may cut short. */
export async function sleepWithin(machine: Machine, place: Place, ms: number): Promise<void> {
  const left = place.deadline - machine.now();
  await machine.sleep(Math.max(0, Math.min(ms, left)));
  if (ms > left) throw new Leave("timeout", 124);
}

function seconds(text: string): number {
  const [, n = "0", unit = "s"] = /^([\d.]+)([smhd]?)/.exec(text) ?? [];
  return Number(n) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[unit || "s"] ?? 1);
}
