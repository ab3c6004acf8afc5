/** The simulated guest's programs for files. Removing or emptying the named big file is a repair. */
import { BIG_FILE } from "./facts.ts";
import { below, clean, facts, files, spread } from "./files.ts";
import { human, options, type Program, type Programs } from "./machine.ts";
import { TEXT_PROGRAMS } from "./text-programs.ts";

const cat: Program = (run) => {
  const named = run.args.filter((a) => !/^-./.test(a) && a !== "-").flatMap((path) => spread(run, path));
  if (named.length === 0) {
    run.out(run.stdin);
    return 0;
  }
  let code = 0;
  for (const path of named) {
    const process = /^\/proc\/(\d+|self)\/(status|cmdline|comm|stat|wchan|oom_score)$/.exec(path);
    const file = files(run)[path];
    if (process) run.out(`${facts(run).processes.find((p) => String(p.pid) === process[1])?.comm ?? "cat"}\n`);
    else if (file?.text) run.out(file.text(run));
    else {
      const why = file
        ? file.root && !run.root
          ? "Permission denied"
          : null
        : below(files(run), path).length > 0
          ? "Is a directory"
          : "No such file or directory";
      if (why) run.err(`${run.name}: ${path}: ${why}\n`);
      else run.err(`${run.name}: ${path}: the lab keeps no contents of this file\n`);
      code = 1;
    }
  }
  return code;
};

/** head, tail, grep and the like read the files they are given, then work as on a pipe. */
function reading(program: Program, firstIsPattern: boolean): Program {
  return (run) => {
    const isFile = (arg: string, i: number) =>
      (arg.startsWith("/") || /^[\w.-]+\.(log|txt|js)$/.test(arg)) &&
      (!firstIsPattern || run.args.slice(0, i).some((a) => !a.startsWith("-")));
    const paths = run.args.filter((arg, i) => isFile(arg, i));
    if (paths.length === 0) return program(run);
    let text = "";
    const code = cat({
      ...run,
      args: paths,
      out: (t) => {
        text += t;
      },
    });
    const rest = run.args.filter((arg, i) => !isFile(arg, i));
    const after = program({ ...run, args: rest, stdin: text });
    return code !== 0 ? code : after;
  };
}

const ls: Program = (run) => {
  const { plain, has } = options(run.args);
  const all = files(run);
  let code = 0;
  for (const asked of plain.length > 0 ? plain : [`/home/${run.user}`])
    for (const path of spread(run, asked)) {
      const inside = below(all, path);
      if (inside.length === 0 && path !== `/home/${run.user}`) {
        run.err(`ls: cannot access '${path}': No such file or directory\n`);
        code = 2;
        continue;
      }
      const names = new Map<string, { kb: number; dir: boolean }>();
      for (const [full, { kb }] of inside) {
        const rest = full === path ? [full] : full.slice(path === "/" ? 1 : path.length + 1).split("/");
        const before = names.get(rest[0]!);
        names.set(rest[0]!, { kb: rest.length > 1 ? 4 : kb, dir: rest.length > 1 || (before?.dir ?? false) });
      }
      const sorted = [...names].sort((a, b) => (has("S") ? b[1].kb - a[1].kb : a[0] < b[0] ? -1 : 1));
      if (!has("l")) run.out(sorted.length ? `${sorted.map(([name]) => name).join("\n")}\n` : "");
      else {
        run.out(`total ${sorted.reduce((n, [, e]) => n + e.kb, 0)}\n`);
        for (const [name, e] of sorted)
          run.out(
            `${e.dir ? "drwxr-xr-x" : "-rw-r--r--"} 1 root root ${(has("h") ? human(e.kb) : String(e.kb * 1024)).padStart(12)} Nov 20 04:10 ${name}\n`,
          );
      }
    }
  return code;
};

const du: Program = (run) => {
  const { has, plain, value } = options(run.args.filter((_, i) => run.args[i - 1] !== "-d"));
  const depth = has("s", "summarize")
    ? 0
    : Number(
        value("max-depth") ??
          run.args[run.args.indexOf("-d") + 1] ??
          run.args.find((a) => /^-d\d/.test(a))?.slice(2) ??
          9,
      );
  const show = (kb: number, path: string) =>
    run.out(`${has("h") ? human(kb) : has("m") ? Math.ceil(kb / 1024) : kb}\t${path}\n`);
  let code = 0;
  for (const asked of plain.filter((p) => !/^\d+$/.test(p)).flatMap((path) => spread(run, path))) {
    const inside = below(files(run), asked);
    if (inside.length === 0) {
      run.err(`du: cannot access '${asked}': No such file or directory\n`);
      code = 1;
    }
    const sums = new Map<string, number>();
    for (const [path, { kb }] of inside) {
      const parts = path.slice(asked === "/" ? 1 : asked.length + 1).split("/");
      for (
        let d = 0;
        d <= Math.min(Number.isFinite(depth) ? depth : 9, parts.length - (has("a", "all") ? 0 : 1));
        d++
      ) {
        const at = d === 0 ? asked : `${asked === "/" ? "" : asked}/${parts.slice(0, d).join("/")}`;
        sums.set(at, (sums.get(at) ?? 0) + kb);
      }
    }
    for (const [path, kb] of [...sums].reverse()) show(kb, path);
  }
  return code;
};

const find: Program = (run) => {
  const roots = run.args.slice(
    0,
    run.args.findIndex((a) => /^[-(!]/.test(a)) < 0 ? undefined : run.args.findIndex((a) => /^[-(!]/.test(a)),
  );
  const after = (name: string) => run.args[run.args.indexOf(name) + 1] ?? null;
  const size = run.args.includes("-size") ? /^\+?(\d+)([kMG])?/.exec(after("-size") ?? "") : null;
  const least = size ? Number(size[1]) * { k: 1, M: 1024, G: 1024 * 1024 }[(size[2] ?? "k") as "k"] : 0;
  const name = run.args.includes("-name")
    ? new RegExp(`^${(after("-name") ?? "*").replace(/\./g, "\\.").replace(/\*/g, ".*")}$`)
    : null;
  const format = run.args.includes("-printf") ? after("-printf") : null;
  for (const root of roots.length > 0 ? roots : ["/home/dev"])
    for (const [path, { kb }] of below(files(run), clean(root))) {
      if (kb < least || (name && !name.test(path.split("/").at(-1)!)) || path.startsWith("/proc/")) continue;
      if (run.args.includes("-delete")) {
        if (rm({ ...run, args: [path] }) !== 0) return 1;
      } else if (format !== null)
        run.out(
          format
            .replace(/%s/g, String(kb * 1024))
            .replace(/%k/g, String(kb))
            .replace(/%p/g, path)
            .replace(/\\n/g, "\n")
            .replace(/\\t/g, "\t"),
        );
      else if (run.args.includes("-exec") || run.args.includes("-ls"))
        run.out(`-rw-r--r-- 1 root root ${human(kb).padStart(5)} Nov 20 04:10 ${path}\n`);
      else run.out(`${path}\n`);
    }
  return 0;
};

const rm: Program = (run) => {
  const { plain, has } = options(run.args);
  for (const path of plain.flatMap((p) => spread(run, p))) {
    const inside = below(files(run), path);
    if (inside.length === 0) {
      if (has("f")) continue;
      run.err(`rm: cannot remove '${path}': No such file or directory\n`);
      return 1;
    }
    if (!run.root) {
      run.err(`rm: cannot remove '${path}': Permission denied\n`);
      return 1;
    }
    if (inside.every(([p]) => p === BIG_FILE || p.includes("archived.journal"))) run.machine.repair("space_freed");
    else {
      run.err(
        `rm: '${path}' was kept: the lab's simulated guest only lets go of ${BIG_FILE} and of archived journals\n`,
      );
      return 1;
    }
  }
  return 0;
};

const truncate: Program = (run) => {
  const path = run.args.at(-1) ?? "";
  if (path.startsWith("/tmp/") || path.startsWith("/run/") || path.startsWith("/dev/shm/")) return 0;
  if (!run.root) {
    run.err(`bash: ${path}: Permission denied\n`);
    return 1;
  }
  if (path === BIG_FILE) run.machine.repair("space_freed");
  return 0;
};

const stat: Program = (run) => {
  const path = options(run.args).plain.at(-1) ?? "";
  const file = files(run)[path];
  if (!file) {
    run.err(`stat: cannot statx '${path}': No such file or directory\n`);
    return 1;
  }
  run.out(`  File: ${path}\n  Size: ${file.kb * 1024}\tBlocks: ${file.kb * 2}\tregular file\n`);
  return 0;
};

export const FILE_PROGRAMS: Programs = {
  ...{ cat, ls, du, find, rm, truncate, stat, file: stat, ncdu: du },
  head: reading(TEXT_PROGRAMS.head!, false),
  tail: reading(TEXT_PROGRAMS.tail!, false),
  grep: reading(TEXT_PROGRAMS.grep!, true),
  egrep: reading(TEXT_PROGRAMS.egrep!, true),
  wc: reading(TEXT_PROGRAMS.wc!, false),
  sort: reading(TEXT_PROGRAMS.sort!, false),
  awk: reading(TEXT_PROGRAMS.awk!, true),
  sed: reading(TEXT_PROGRAMS.sed!, true),
  lsof: () => 1,
  mkdir: () => 0,
  touch: () => 0,
  test: TEXT_PROGRAMS.test!,
};
