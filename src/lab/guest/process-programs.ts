/** ps, top and kill of the simulated guest. Killing the process that holds the memory is a repair; nothing real is signalled. */
import { factsOf } from "./facts.ts";
import { options, type Program, type Programs, type Run } from "./machine.ts";
import { LARGEST, type Process } from "./processes.ts";
import { uptimeLine } from "./system-programs.ts";

const facts = (run: Run) => factsOf(run.machine.world(), run.machine.now());

const column = (p: Process, total: number, key: string): string => {
  switch (key) {
    case "pid":
      return String(p.pid);
    case "ppid":
      return p.pid === 1 ? "0" : "1";
    case "user":
    case "uid":
    case "euser":
      return p.user;
    case "stat":
    case "s":
    case "state":
      return p.stat;
    case "rss":
    case "rssize":
      return String(p.rss_kb);
    case "vsz":
      return String(p.rss_kb * 2);
    case "%mem":
    case "pmem":
      return ((100 * p.rss_kb) / total).toFixed(1);
    case "%cpu":
    case "pcpu":
      return p.cpu.toFixed(1);
    case "comm":
    case "ucmd":
      return p.comm;
    case "args":
    case "cmd":
    case "command":
      return p.args;
    case "wchan":
      return p.stat.startsWith("D") ? "io_schedule" : "-";
    case "etime":
    case "etimes":
      return "214";
    case "tty":
    case "tt":
      return "?";
    default:
      return "-";
  }
};

const LAST = new Set(["args", "cmd", "command"]);

const ps: Program = (run) => {
  const { value, has } = options(run.args);
  const total = facts(run).memory.total;
  const joined = run.args.join(" ");
  const asked = [...joined.matchAll(/(?:^|\s)(?:-[a-zA-Z]*o|-o|o|--format)[= ]?([%\w,=:]+)/g)]
    .map((m) => m[1]!)
    .join(",");
  const bare = asked.includes("=");
  const keys = asked
    ? asked
        .split(",")
        .map((key) => key.replace(/[=:].*/, "").toLowerCase())
        .filter(Boolean)
    : /(^|\s)-?a?ux/.test(joined)
      ? ["user", "pid", "%cpu", "%mem", "vsz", "rss", "tty", "stat", "args"]
      : ["pid", "tty", "etime", "comm"];
  let all = [...facts(run).processes];
  const pids = value("p", "pid");
  if (pids !== null && !asked.startsWith("pid") && run.args.includes("-p"))
    all = all.filter((p) => pids.split(",").includes(String(p.pid)));
  const by = value("C");
  if (by !== null && run.args.includes("-C")) all = all.filter((p) => p.comm === by);
  const order = /--sort[= ]?(-?)\+?(%?\w+)/.exec(joined);
  if (order) {
    const figure = (p: Process) => Number(column(p, total, order[2]!)) || 0;
    all.sort((a, b) => (order[1] === "-" ? figure(b) - figure(a) : figure(a) - figure(b)));
  }
  const rows = all.map((p) => keys.map((key) => column(p, total, key)));
  const head = keys.map((key) => (key === "args" ? "COMMAND" : key === "comm" ? "COMMAND" : key.toUpperCase()));
  const widths = keys.map((_, i) => Math.max(head[i]!.length, ...rows.map((r) => r[i]!.length)));
  const row = (cells: string[]) =>
    cells
      .map((c, i) =>
        i === cells.length - 1 || LAST.has(keys[i]!)
          ? c
          : /^[\d.]+$/.test(c)
            ? c.padStart(widths[i]!)
            : c.padEnd(widths[i]!),
      )
      .join(" ");
  if (!bare && !has("no-headers") && !joined.includes("--no-headers")) run.out(`${row(head)}\n`);
  for (const cells of rows) run.out(`${row(cells)}\n`);
  return all.length > 0 ? 0 : 1;
};

const top: Program = (run) => {
  const f = facts(run);
  const mib = (kb: number) => (kb / 1024).toFixed(1).padStart(8);
  const stuck = f.processes.filter((p) => p.stat.startsWith("D")).length;
  run.out(`top -${uptimeLine(run)}\n`);
  run.out(
    `Tasks: ${f.processes.length} total,   1 running, ${f.processes.length - 1} sleeping,   0 stopped,   0 zombie\n`,
  );
  run.out(
    `%Cpu(s): ${stuck > 20 ? " 2.1 us, 31.0 sy,  0.0 ni,  0.0 id, 66.9 wa" : " 1.0 us,  0.6 sy,  0.0 ni, 98.3 id,  0.1 wa"},  0.0 hi,  0.0 si,  0.0 st\n`,
  );
  run.out(
    `MiB Mem :${mib(f.memory.total)} total,${mib(f.memory.total - f.memory.used)} free,${mib(f.memory.used)} used,${mib(f.memory.cache)} buff/cache\n`,
  );
  run.out(
    `MiB Swap:${mib(f.memory.swap_total)} total,${mib(f.memory.swap_total - f.memory.swap_used)} free,${mib(f.memory.swap_used)} used\n\n`,
  );
  run.out("    PID USER       RES S  %CPU  %MEM COMMAND\n");
  const byMemory = run.args.join(" ").includes("MEM");
  for (const p of [...f.processes].sort((a, b) => (byMemory ? b.rss_kb - a.rss_kb : b.cpu - a.cpu)).slice(0, 30))
    run.out(
      `${String(p.pid).padStart(7)} ${p.user.padEnd(8)} ${String(p.rss_kb).padStart(9)} ${p.stat[0]} ${p.cpu.toFixed(1).padStart(5)} ${((100 * p.rss_kb) / f.memory.total).toFixed(1).padStart(5)} ${p.comm}\n`,
    );
  return 0;
};

const matching = (run: Run): Process[] => {
  const { plain, has } = options(run.args);
  const name = plain.at(-1) ?? "";
  const whole = has("f") && run.name !== "killall";
  return facts(run).processes.filter(
    (p) =>
      !p.kernel &&
      (run.name === "killall" || run.name === "pidof" || has("x")
        ? p.comm === name
        : (whole ? p.args : p.comm).includes(name)),
  );
};

const pgrep: Program = (run) => {
  const found = matching(run);
  if (run.name === "pidof") run.out(found.length ? `${found.map((p) => p.pid).join(" ")}\n` : "");
  else
    for (const p of found) run.out(run.args.some((a) => /^-\w*[la]/.test(a)) ? `${p.pid} ${p.args}\n` : `${p.pid}\n`);
  return found.length > 0 ? 0 : 1;
};

function end(run: Run, found: Process[], signal: string): number {
  for (const p of found) {
    if (!run.root && p.user !== run.user) {
      run.err(`${run.name}: (${p.pid}) - Operation not permitted\n`);
      return 1;
    }
    if (signal === "0") continue;
    if (p.comm === LARGEST) run.machine.repair("largest_killed");
    else {
      run.err(
        `${run.name}: ${p.comm} (${p.pid}) was not signalled: the lab's simulated guest only lets go of ${LARGEST}\n`,
      );
      return 1;
    }
  }
  return 0;
}

const signalOf = (args: readonly string[]) =>
  args.find((a) => /^-(\d+|[A-Z]+)$/.test(a))?.slice(1) ??
  (args[args.indexOf("-s") + 1] && args.includes("-s") ? args[args.indexOf("-s") + 1]! : "TERM");

const kill: Program = (run) => {
  if (run.args[0] === "-l") {
    run.out("HUP INT QUIT KILL TERM STOP CONT\n");
    return 0;
  }
  for (const word of run.args.filter((a) => /^\d+$/.test(a))) {
    const found = facts(run).processes.filter((p) => String(p.pid) === word);
    if (found.length === 0) {
      run.err(`kill: (${word}) - No such process\n`);
      return 1;
    }
    const code = end(run, found, signalOf(run.args));
    if (code !== 0) return code;
  }
  return 0;
};

const pkill: Program = (run) => {
  const found = matching(run);
  if (found.length === 0) {
    if (run.name === "killall") run.err(`${options(run.args).plain.at(-1) ?? ""}: no process found\n`);
    return 1;
  }
  return end(run, found, signalOf(run.args));
};

export const PROCESS_PROGRAMS: Programs = { ps, top, htop: top, pgrep, pidof: pgrep, kill, pkill, killall: pkill };
