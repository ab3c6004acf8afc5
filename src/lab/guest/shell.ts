/**
 * Runs a shell command line inside the simulated guest: the tree of `syntax.ts` over the programs it is given. Nothing here
 * starts a process or opens a file of the machine that runs the lab, whatever is typed; an agent may type anything.
 */
import { BUILTINS, type Caller, sleepWithin } from "./builtins.ts";
import { expand } from "./expansion.ts";
import type { Machine, Programs, Run } from "./machine.ts";
import { apart, Leave, type Place, type Vars } from "./place.ts";
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

class Interpreter implements Caller {
  last = 0;
  readonly machine: Machine;
  readonly programs: Programs;
  private steps = 0;
  private readonly functions = new Map<string, Node>();

  constructor(private readonly shell: Shell) {
    this.machine = shell.machine;
    this.programs = shell.programs;
  }

  async script(script: string, place: Place, vars: Vars): Promise<number> {
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

  private async node(node: Node, place: Place, vars: Vars): Promise<number> {
    if (++this.steps > MOST_STEPS) {
      place.err("bash: the lab's simulated guest gave up on this command: too many steps\n");
      throw new Leave("exit", 137);
    }
    if (this.machine.now() >= place.deadline) throw new Leave("timeout", 124);
    this.last = await this.step(node, place, vars);
    return this.last;
  }

  private async step(node: Node, outer: Place, vars: Vars): Promise<number> {
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
          code = await apart(() => this.node(part, { ...outer, stdin, out }, new Map(vars)));
          stdin = piped;
        }
        return node.not ? (code === 0 ? 1 : 0) : code;
      }
      case "group":
        return this.within(node.redirects, outer, vars, (place) =>
          node.apart ? apart(() => this.node(node.body, place, new Map(vars))) : this.node(node.body, place, vars),
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

  /** Null when the loop is left. */
  private async turn(body: Node, place: Place, vars: Vars): Promise<number | null> {
    try {
      return await this.node(body, place, vars);
    } catch (error) {
      if (error instanceof Leave && error.how === "break") return null;
      if (error instanceof Leave && error.how === "continue") return 0;
      throw error;
    }
  }

  private async simple(node: Node & { is: "simple" }, outer: Place, vars: Vars): Promise<number> {
    return this.within(node.redirects, outer, vars, async (place) => {
      const words = await this.words(node.words, place, vars);
      const scope = words.length > 0 ? new Map(vars) : vars;
      for (const { name, value } of node.assigns) scope.set(name, (await this.words([value], place, vars)).join(" "));
      if (words.length === 0) return 0;
      return this.call(words, place, scope, vars);
    });
  }

  async call(words: string[], place: Place, vars: Vars, own: Vars): Promise<number> {
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
    const builtin = BUILTINS.get(name);
    if (builtin) return await builtin({ name, args, place, vars, own, shell: this });
    const program = this.programs[name.replace(/^\/(usr\/)?(local\/)?s?bin\//, "")];
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
      machine: { ...this.machine, sleep: (ms) => sleepWithin(this.machine, place, ms) },
      out: place.out,
      err: place.err,
    };
    return await program(run);
  }

  private async within(
    redirects: readonly Redirect[],
    outer: Place,
    vars: Vars,
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

  private words(words: readonly Word[], place: Place, vars: Vars): Promise<string[]> {
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

  private value(name: string, vars: Vars): string {
    if (name === "?") return String(this.last);
    if (name === "$" || name === "!") return "2107";
    if (name === "HOME" || name === "PWD") return this.shell.user === "root" ? "/root" : `/home/${this.shell.user}`;
    if (name === "USER" || name === "LOGNAME") return this.shell.user;
    if (name === "HOSTNAME") return this.machine.world().name;
    return vars.get(name) ?? (name === "#" ? "0" : "");
  }
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
