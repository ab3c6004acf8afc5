/**
 * Runs a shell command line inside the simulated guest: the tree of `syntax.ts` over the programs it is given. Nothing here
 * starts a process or opens a file of the machine that runs the lab, whatever is typed; an agent may type anything.
 */
import { expand } from "./expansion.ts";
import type { Machine, Programs, Run } from "./machine.ts";
import { type Node, parse, type Redirect } from "./syntax.ts";
import { Unreadable, type Word } from "./tokens.ts";

export interface Shell {
  readonly machine: Machine;
  readonly programs: Programs;
  readonly user: string;
  out(text: string): void;
  err(text: string): void;
}

/** Enough for honest use; an endless loop ends here. */
const MOST_STEPS = 20_000;
const MOST_OUTPUT = 4 * 1024 * 1024;

interface Place {
  out(text: string): void;
  err(text: string): void;
  stdin: string;
  root: boolean;
  /** When `timeout` ends this, by the machine's clock. */
  deadline: number;
}

class Leave extends Error {
  constructor(
    readonly how: "exit" | "return" | "break" | "continue" | "timeout",
    readonly code: number,
  ) {
    super(how);
  }
}

/** Returns the exit code as the shell would: 127 for a command that is not there, 2 for what it can't read. */
export async function runShell(shell: Shell, script: string): Promise<number> {
  let written = 0;
  const bounded = (to: (text: string) => void) => (text: string) => {
    written += text.length;
    if (written <= MOST_OUTPUT) to(text);
  };
  const place: Place = {
    out: bounded(shell.out),
    err: bounded(shell.err),
    stdin: "",
    root: shell.user === "root",
    deadline: Number.POSITIVE_INFINITY,
  };
  return new Interpreter(shell).script(script, place, new Map());
}

class Interpreter {
  private steps = 0;
  private readonly functions = new Map<string, Node>();
  private last = 0;

  constructor(private readonly shell: Shell) {}

  async script(script: string, place: Place, vars: Map<string, string>): Promise<number> {
    try {
      return await this.node(parse(script), place, vars);
    } catch (error) {
      if (error instanceof Unreadable) {
        place.err(`bash: -c: ${error.message}\n`);
        return 2;
      }
      if (error instanceof Leave && error.how !== "timeout") return error.code;
      throw error;
    }
  }

  private async node(node: Node, place: Place, vars: Map<string, string>): Promise<number> {
    if (++this.steps > MOST_STEPS) {
      place.err("bash: the lab's simulated guest gave up on this command: too many steps\n");
      throw new Leave("exit", 137);
    }
    if (this.shell.machine.now() >= place.deadline) throw new Leave("timeout", 124);
    this.last = await this.step(node, place, vars);
    return this.last;
  }

  private async step(node: Node, outer: Place, vars: Map<string, string>): Promise<number> {
    switch (node.is) {
      case "list": {
        let code = 0;
        for (const { node: item, after } of node.items) {
          if ((after === "and" && code !== 0) || (after === "or" && code === 0)) continue;
          code = await this.node(item, outer, vars);
        }
        return code;
      }
      case "pipe": {
        let stdin = outer.stdin;
        let code = 0;
        for (const [i, part] of node.parts.entries()) {
          let piped = "";
          const isLast = i === node.parts.length - 1;
          const out = isLast
            ? outer.out
            : (text: string) => {
                piped += text;
              };
          code = await this.apart(() => this.node(part, { ...outer, stdin, out }, new Map(vars)));
          stdin = piped;
        }
        return node.not ? (code === 0 ? 1 : 0) : code;
      }
      case "group":
        return this.within(node.redirects, outer, vars, (place) =>
          node.apart ? this.apart(() => this.node(node.body, place, new Map(vars))) : this.node(node.body, place, vars),
        );
      case "if":
        return this.within(node.redirects, outer, vars, async (place) => {
          for (const arm of node.arms)
            if ((await this.node(arm.test, place, vars)) === 0) return this.node(arm.body, place, vars);
          return node.otherwise ? this.node(node.otherwise, place, vars) : 0;
        });
      case "loop":
        return this.within(node.redirects, outer, vars, async (place) => {
          let code = 0;
          while (((await this.node(node.test, place, vars)) === 0) !== node.until) {
            const turn = await this.turn(node.body, place, vars);
            if (turn === null) break;
            code = turn;
          }
          return code;
        });
      case "for":
        return this.within(node.redirects, outer, vars, async (place) => {
          let code = 0;
          const words = node.words ?? [[{ is: "var" as const, name: "@", fallback: null, quoted: false }]];
          for (const value of await this.words(words, place, vars)) {
            vars.set(node.name, value);
            const turn = await this.turn(node.body, place, vars);
            if (turn === null) break;
            code = turn;
          }
          return code;
        });
      case "case":
        return this.within(node.redirects, outer, vars, async (place) => {
          const subject = (await this.words([node.word], place, vars)).join(" ");
          for (const arm of node.arms)
            for (const pattern of arm.patterns)
              if (globbed((await this.words([pattern], place, vars)).join(" ")).test(subject))
                return this.node(arm.body, place, vars);
          return 0;
        });
      case "function":
        this.functions.set(node.name, node.body);
        return 0;
      case "simple":
        return this.simple(node, outer, vars);
      default:
        return node satisfies never;
    }
  }

  /** A subshell: what leaves it leaves only it. */
  private async apart(run: () => Promise<number>): Promise<number> {
    try {
      return await run();
    } catch (error) {
      if (error instanceof Leave && error.how !== "timeout") return error.code;
      throw error;
    }
  }

  /** Null when the loop is left. */
  private async turn(body: Node, place: Place, vars: Map<string, string>): Promise<number | null> {
    try {
      return await this.node(body, place, vars);
    } catch (error) {
      if (error instanceof Leave && error.how === "break") return null;
      if (error instanceof Leave && error.how === "continue") return 0;
      throw error;
    }
  }

  private async simple(node: Node & { is: "simple" }, outer: Place, vars: Map<string, string>): Promise<number> {
    return this.within(node.redirects, outer, vars, async (place) => {
      const words = await this.words(node.words, place, vars);
      const scope = words.length > 0 ? new Map(vars) : vars;
      for (const { name, value } of node.assigns) scope.set(name, (await this.words([value], place, vars)).join(" "));
      if (words.length === 0) return 0;
      return this.call(words, place, scope, vars);
    });
  }

  private async call(
    words: string[],
    place: Place,
    vars: Map<string, string>,
    own: Map<string, string>,
  ): Promise<number> {
    const [name = "", ...args] = words;
    const body = this.functions.get(name);
    if (body) {
      const inner = new Map(own);
      for (const [i, arg] of args.entries()) inner.set(String(i + 1), arg);
      inner.set("@", args.join(" ")).set("#", String(args.length));
      try {
        return await this.node(body, place, inner);
      } catch (error) {
        if (error instanceof Leave && error.how === "return") return error.code;
        throw error;
      }
    }
    switch (name) {
      case ":":
      case "true":
      case "set":
      case "trap":
      case "wait":
      case "cd":
      case "umask":
      case "ulimit":
      case "disown":
        return 0;
      case "false":
        return 1;
      case "exit":
      case "return":
      case "break":
      case "continue":
        throw new Leave(name, args[0] === undefined ? this.last : Number(args[0]) & 255);
      case "export":
      case "local":
      case "declare":
      case "readonly":
        for (const arg of args) {
          const [key = "", value] = arg.split(/=(.*)/s);
          if (value !== undefined) own.set(key, value);
        }
        return 0;
      case "shift":
        return 0;
      case "eval":
        return this.script(args.join(" "), place, own);
      case "exec":
      case "command":
      case "builtin":
      case "nohup":
      case "setsid":
        if (args[0] === "-v" || args[0] === "-V") return this.which(args.slice(1), place);
        return args.length === 0
          ? 0
          : this.call(
              args.filter((arg, i) => i > 0 || !arg.startsWith("-")),
              place,
              vars,
              own,
            );
      case "type":
      case "which":
        return this.which(args, place);
      case "sudo":
        return this.sudo(args, place, vars);
      case "sh":
      case "bash":
      case "dash":
      case "zsh":
        return this.subshell(name, args, place, vars);
      case "env":
      case "nice":
      case "ionice":
      case "stdbuf":
      case "time":
      case "chrt":
        return this.prefixed(args, place, vars);
      case "timeout":
        return this.timeout(args, place, vars);
      case "sleep":
        await this.sleep(seconds(args[0] ?? "0") * 1000, place);
        return 0;
      case "xargs": {
        const given = args.filter((arg) => !/^-(r|0|n\d*)$/.test(arg));
        const more = place.stdin.split(/\s+/).filter(Boolean);
        if (more.length === 0) return 0;
        return this.call([...(given.length ? given : ["echo"]), ...more], { ...place, stdin: "" }, vars, own);
      }
      case "tee":
        place.out(place.stdin);
        return args.some((arg) => !arg.startsWith("-") && arg !== "/dev/null")
          ? this.noWriting(place, args.at(-1)!)
          : 0;
    }
    const program = this.shell.programs[name.replace(/^\/(usr\/)?(local\/)?s?bin\//, "")];
    if (!program) {
      place.err(`bash: ${name}: command not found\n`);
      return 127;
    }
    const run: Run = {
      name: name.split("/").at(-1)!,
      args,
      stdin: place.stdin,
      root: place.root,
      user: place.root ? "root" : this.shell.user,
      machine: { ...this.shell.machine, sleep: (ms) => this.sleep(ms, place) },
      out: place.out,
      err: place.err,
    };
    return await program(run);
  }

  private which(names: string[], place: Place): number {
    let code = 0;
    for (const name of names) {
      if (this.shell.programs[name] || ["sh", "bash", "sudo", "timeout", "env", "sleep"].includes(name))
        place.out(`/usr/bin/${name}\n`);
      else code = 1;
    }
    return code;
  }

  private sudo(args: string[], place: Place, vars: Map<string, string>): Promise<number> | number {
    let i = 0;
    while (i < args.length && args[i]!.startsWith("-")) i += ["-u", "-g", "-p"].includes(args[i]!) ? 2 : 1;
    const rest = args.slice(i);
    if (rest.length === 0) return 0;
    return this.call(rest, { ...place, root: true }, new Map(vars), new Map(vars));
  }

  private subshell(name: string, args: string[], place: Place, vars: Map<string, string>): Promise<number> | number {
    const c = args.findIndex((arg) => /^-[a-z]*c$/.test(arg));
    if (c >= 0) {
      const [script = "", zero, ...rest] = args.slice(c + 1).filter((arg, i) => i > 0 || arg !== "--");
      const inner = new Map(vars);
      for (const [i, arg] of rest.entries()) inner.set(String(i + 1), arg);
      inner.set("@", rest.join(" ")).set("0", zero ?? name);
      return this.script(script, place, inner);
    }
    if (args.every((arg) => arg.startsWith("-")))
      return this.script(place.stdin, { ...place, stdin: "" }, new Map(vars));
    place.err(`${name}: ${args.at(-1)}: No such file or directory\n`);
    return 127;
  }

  private prefixed(args: string[], place: Place, vars: Map<string, string>): Promise<number> | number {
    let i = 0;
    const inner = new Map(vars);
    for (; i < args.length; i++) {
      const assign = /^([A-Za-z_]\w*)=(.*)$/s.exec(args[i]!);
      if (assign) inner.set(assign[1]!, assign[2]!);
      else if (/^-[ncu]$/.test(args[i]!)) i++;
      else if (!args[i]!.startsWith("-")) break;
    }
    return i >= args.length ? 0 : this.call(args.slice(i), place, inner, inner);
  }

  private async timeout(args: string[], place: Place, vars: Map<string, string>): Promise<number> {
    let i = 0;
    while (i < args.length && args[i]!.startsWith("-")) i += /^-[ks]$/.test(args[i]!) ? 2 : 1;
    const limit = this.shell.machine.now() + seconds(args[i] ?? "0") * 1000;
    const inner = { ...place, deadline: Math.min(place.deadline, limit) };
    try {
      return await this.call(args.slice(i + 1), inner, new Map(vars), new Map(vars));
    } catch (error) {
      if (error instanceof Leave && error.how === "timeout" && limit <= place.deadline) return 124;
      throw error;
    }
  }

  private async sleep(ms: number, place: Place): Promise<void> {
    const left = place.deadline - this.shell.machine.now();
    await this.shell.machine.sleep(Math.max(0, Math.min(ms, left)));
    if (ms > left) throw new Leave("timeout", 124);
  }

  private async within(
    redirects: readonly Redirect[],
    outer: Place,
    vars: Map<string, string>,
    run: (place: Place) => Promise<number>,
  ) {
    const place = { ...outer };
    for (const { fd, how, to } of redirects) {
      const path = (await this.words([to], outer, vars)).join(" ");
      if (how === "<<") place.stdin = `${path}\n`;
      else if (how === "<") {
        if (path === "/dev/null") place.stdin = "";
        else {
          let read = "";
          const out = (text: string) => {
            read += text;
          };
          const code = await this.call(["cat", path], { ...outer, out }, vars, vars);
          if (code !== 0) return 1;
          place.stdin = read;
        }
      } else if (how === ">&") {
        if (fd === 2 && path === "1") place.err = place.out;
        if (fd === 1 && path === "2") place.out = place.err;
      } else if (path === "/dev/null") {
        if (fd === 2) place.err = () => {};
        else place.out = () => {};
      } else if (path === "/dev/stderr") place.out = place.err;
      else if (path !== "/dev/stdout") {
        // `> file` empties it, which is how people clear a log; what is written into it is not kept.
        const code = await this.call(["truncate", "-s", "0", path], { ...outer, stdin: "" }, vars, vars);
        if (code !== 0) return 1;
        if (fd === 2) place.err = () => {};
        else place.out = () => {};
      }
    }
    return run(place);
  }

  private noWriting(place: Place, path: string): number {
    place.err(`tee: ${path}: Permission denied\n`);
    return 1;
  }

  private words(words: readonly Word[], place: Place, vars: Map<string, string>): Promise<string[]> {
    return expand(words, {
      value: (name) => this.value(name, vars),
      run: async (script) => {
        let read = "";
        const out = (text: string) => {
          read += text;
        };
        this.last = await this.script(script, { ...place, stdin: "", out }, new Map(vars));
        return read;
      },
    });
  }

  private value(name: string, vars: Map<string, string>): string {
    if (name === "?") return String(this.last);
    if (name === "$" || name === "!") return "2107";
    if (name === "HOME" || name === "PWD") return this.shell.user === "root" ? "/root" : `/home/${this.shell.user}`;
    if (name === "USER" || name === "LOGNAME") return this.shell.user;
    if (name === "HOSTNAME") return this.shell.machine.world().name;
    return vars.get(name) ?? (name === "#" ? "0" : "");
  }
}

function seconds(text: string): number {
  const [, n = "0", unit = "s"] = /^([\d.]+)([smhd]?)/.exec(text) ?? [];
  return Number(n) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[unit || "s"] ?? 1);
}

function globbed(pattern: string): RegExp {
  return new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replace(/\*/g, ".*")
      .replace(/\?/g, ".")}$`,
    "s",
  );
}
