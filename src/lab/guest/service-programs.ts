/** systemctl, journalctl and dmesg of the simulated guest. A restart and a vacuum are repairs; they need root, as they do there. */
import { BIG_FILE, factsOf } from "./facts.ts";
import { options, type Program, type Programs, type Run } from "./machine.ts";
import { LARGEST } from "./processes.ts";
import type { Unit } from "./units.ts";

const facts = (run: Run) => factsOf(run.machine.world(), run.machine.now());
const stamp = (ms: number) => new Date(ms).toUTCString().replace(/^\w+, (\d+) (\w+) \d+ (\S+) GMT/, "$2 $1 $3");

const unitNamed = (units: readonly Unit[], name: string) =>
  units.find((u) => u.name === name || u.name === `${name}.service` || (name === "sshd" && u.name === "ssh.service"));

const systemctl: Program = async (run) => {
  const { plain, has, value } = options(run.args.filter((_, i) => !/^-[np]$/.test(run.args[i - 1] ?? "")));
  const [verb = "list-units", ...names] = plain;
  const units = facts(run).units;
  switch (verb) {
    case "list-units":
    case "list-unit-files": {
      const state = has("failed") ? "failed" : value("state");
      const only = state === null ? units : units.filter((u) => u.state === state || u.sub === state);
      const rows = only.map(
        (u) =>
          `${u.state === "failed" ? "● " : "  "}${u.name.padEnd(26)} loaded ${u.state.padEnd(6)} ${u.sub.padEnd(7)} ${u.about}`,
      );
      if (!has("no-legend")) run.out(`  UNIT                       LOAD   ACTIVE SUB     DESCRIPTION\n`);
      if (rows.length > 0) run.out(`${has("plain") ? rows.map((r) => r.slice(2)).join("\n") : rows.join("\n")}\n`);
      if (!has("no-legend")) run.out(`\n${rows.length} loaded units listed.\n`);
      return 0;
    }
    case "is-system-running": {
      const state = units.some((u) => u.state === "failed") ? "degraded" : "running";
      run.out(`${state}\n`);
      return state === "running" ? 0 : 1;
    }
    case "list-jobs":
      run.out("No jobs running.\n");
      return 0;
    case "daemon-reload":
    case "reset-failed":
      return run.root ? 0 : refused(run, verb, "");
    case "cat":
      run.out("# this unit's file is not part of the lab's simulation\n");
      return 0;
  }
  if (names.length === 0) {
    if (verb === "status") {
      const failed = units.filter((u) => u.state === "failed").length;
      run.out(
        `● ${facts(run).hostname}\n    State: ${failed > 0 ? "degraded" : "running"}\n     Jobs: 0 queued\n   Failed: ${failed} units\n`,
      );
      return 0;
    }
    run.err("Too few arguments.\n");
    return 1;
  }
  let code = 0;
  for (const name of names) {
    const unit = unitNamed(units, name);
    const full = /\.\w+$/.test(name) ? name : `${name}.service`;
    switch (verb) {
      case "status":
        if (!unit) {
          run.err(`Unit ${full} could not be found.\n`);
          code = 4;
        } else {
          run.out(statusOf(run, unit));
          if (unit.state !== "active") code = 3;
        }
        break;
      case "is-active":
      case "is-failed": {
        run.out(`${unit?.state ?? "inactive"}\n`);
        const yes = unit?.state === (verb === "is-active" ? "active" : "failed");
        if (!yes) code = verb === "is-active" ? 3 : 1;
        break;
      }
      case "is-enabled":
        run.out("enabled\n");
        break;
      case "show": {
        const all = {
          Id: full,
          LoadState: unit ? "loaded" : "not-found",
          ActiveState: unit?.state ?? "inactive",
          SubState: unit?.sub ?? "dead",
          Result: unit?.why ?? "success",
          MainPID: String(unit?.pid ?? 0),
          NRestarts: unit?.state === "failed" ? "5" : "0",
        };
        const asked = (run.args.join(" ").match(/(?:-p ?|--property[= ])([\w,]+)/)?.[1] ?? "")
          .split(",")
          .filter(Boolean);
        for (const [key, text] of Object.entries(all))
          if (asked.length === 0 || asked.includes(key)) run.out(has("value") ? `${text}\n` : `${key}=${text}\n`);
        break;
      }
      case "start":
      case "restart":
      case "reload":
      case "try-restart":
      case "reload-or-restart":
        if (!run.root) code = refused(run, verb.replace(/^(try-|reload-or-)/, ""), full);
        else if (!unit) {
          run.err(`Failed to ${verb} ${full}: Unit ${full} not found.\n`);
          code = 5;
        } else if (unit.name === "app-worker.service" && unit.state === "failed") {
          run.err(
            'Job for app-worker.service failed because the control process exited with error code.\nSee "systemctl status app-worker.service" and "journalctl -xeu app-worker.service" for details.\n',
          );
          code = 1;
        } else if (unit.name === "nginx.service" && unit.state === "failed") {
          await run.machine.sleep(150);
          run.machine.repair("nginx_started");
        }
        break;
      case "stop":
      case "kill":
      case "disable":
      case "enable":
      case "mask":
        if (!run.root) code = refused(run, verb, full);
        else {
          run.err(`systemctl ${verb}: the lab's simulated guest only starts and restarts units\n`);
          code = 1;
        }
        break;
      default:
        run.err(`Unknown command verb '${verb}'.\n`);
        return 1;
    }
  }
  return code;
};

function refused(run: Run, verb: string, unit: string): number {
  run.err(`Failed to ${verb} ${unit}: Interactive authentication required.\n`);
  return 1;
}

function statusOf(run: Run, unit: Unit): string {
  const since = stamp(run.machine.world().fault_since ?? run.machine.world().booted_at ?? run.machine.now());
  if (unit.state === "active")
    return `● ${unit.name} - ${unit.about}\n     Loaded: loaded (/lib/systemd/system/${unit.name}; enabled; preset: enabled)\n     Active: active (running)\n   Main PID: ${unit.pid}\n`;
  return [
    `× ${unit.name} - ${unit.about}`,
    `     Loaded: loaded (/lib/systemd/system/${unit.name}; enabled; preset: enabled)`,
    `     Active: failed (Result: ${unit.why}) since ${since} UTC`,
    `   Main PID: 3127 (code=${unit.why === "signal" ? "killed, signal=KILL" : "exited, status=1/FAILURE"})`,
    "",
    ...unitLog(run, unit.name).map((line) => line),
    "",
  ].join("\n");
}

function unitLog(run: Run, name: string): string[] {
  const world = run.machine.world();
  const at = stamp(world.fault_since ?? world.booted_at ?? run.machine.now());
  const host = facts(run).hostname;
  if (name === "nginx.service" && world.fault === "service_dead")
    return [
      `${at} ${host} systemd[1]: nginx.service: Main process exited, code=killed, status=9/KILL`,
      `${at} ${host} systemd[1]: nginx.service: Failed with result 'signal'.`,
      `${at} ${host} systemd[1]: nginx.service: Unit entered failed state; no restart is configured.`,
    ];
  if (name === "app-worker.service" && world.fault === "disk_full")
    return [
      `${at} ${host} node[3127]: Error: ENOSPC: no space left on device, write '${BIG_FILE.replace("orders-full", "orders-next")}'`,
      `${at} ${host} systemd[1]: app-worker.service: Main process exited, code=exited, status=1/FAILURE`,
      `${at} ${host} systemd[1]: app-worker.service: Start request repeated too quickly.`,
      `${at} ${host} systemd[1]: app-worker.service: Failed with result 'exit-code'.`,
    ];
  return [`${stamp(world.booted_at ?? run.machine.now())} ${host} systemd[1]: Started ${name}.`];
}

export function kernelLog(run: Run): string[] {
  const world = run.machine.world();
  const f = facts(run);
  const boot = [
    "EXT4-fs (sda1): mounted filesystem with ordered data mode. Quota mode: none.",
    "virtio_net virtio0 eth0: renamed from ens18",
    "Adding 14680060k swap on /swapfile.  Priority:-2 extents:24",
  ];
  if (world.fault === "out_of_memory") {
    const largest = f.processes.find((p) => p.comm === LARGEST);
    return [
      ...boot,
      "INFO: task jbd2/sda1-8:211 blocked for more than 120 seconds.",
      "INFO: task postgres:740 blocked for more than 120 seconds.",
      "node invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0",
      `oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/user.slice,task=tsserver,pid=${(largest?.pid ?? 0) - 7},uid=1000`,
      `Out of memory: Killed process ${(largest?.pid ?? 0) - 7} (tsserver) total-vm:4739840kB, anon-rss:2197740kB, file-rss:1536kB, shmem-rss:0kB, UID:1000 pgtables:31152kB oom_score_adj:0`,
    ];
  }
  return boot;
}

const dmesg: Program = (run) => {
  if (!run.root) {
    run.err("dmesg: read kernel buffer failed: Operation not permitted\n");
    return 1;
  }
  const dated = options(run.args).has("T", "ctime");
  const at = run.machine.world().booted_at ?? run.machine.now();
  for (const [i, line] of kernelLog(run).entries())
    run.out(dated ? `[${stamp(at + i * 900)}] ${line}\n` : `[${(i * 0.9 + 1.2).toFixed(6).padStart(12)}] ${line}\n`);
  return 0;
};

const journalctl: Program = async (run) => {
  const { has, value } = options(run.args);
  const vacuum = run.args.find((arg) => arg.startsWith("--vacuum"));
  if (vacuum) {
    if (!run.root) {
      run.err("Failed to delete archived journal: Permission denied\n");
      return 1;
    }
    await run.machine.sleep(300);
    run.machine.repair("space_freed");
    run.err("Vacuuming done, freed 3.9G of archived journals from /var/log/journal/7d1c.\n");
    return 0;
  }
  if (has("disk-usage")) {
    run.out("Archived and active journals take up 4.1G in the file system.\n");
    return 0;
  }
  const f = facts(run);
  const world = run.machine.world();
  const at = stamp(world.fault_since ?? world.booted_at ?? run.machine.now());
  const kernel = kernelLog(run).map((line) => `${at} ${f.hostname} kernel: ${line}`);
  const unit = value("u", "unit");
  const named = unit === null ? null : (unitNamed(f.units, unit)?.name ?? `${unit}.service`);
  const problems = f.units.filter((u) => u.state === "failed").flatMap((u) => unitLog(run, u.name));
  const priority = value("p", "priority");
  let all = named
    ? unitLog(run, named)
    : has("k", "dmesg")
      ? kernel
      : [...kernel, ...problems, `${at} ${f.hostname} CRON[4121]: (root) CMD (test -x /usr/sbin/anacron)`];
  if (priority !== null && /^(0|1|2|3|err|crit|alert|emerg)/.test(priority))
    all = all.filter((line) => /oom|Out of memory|blocked for|ENOSPC|[Ff]ailed|exited/.test(line));
  const pattern = value("g", "grep");
  if (pattern !== null) all = all.filter((line) => line.toLowerCase().includes(pattern.toLowerCase().split("|")[0]!));
  const most = Number(value("n", "lines") ?? 1000);
  run.out(all.length === 0 ? "-- No entries --\n" : `${all.slice(-most).join("\n")}\n`);
  return 0;
};

const service: Program = (run) => systemctl({ ...run, args: [run.args[1] ?? "status", run.args[0] ?? ""] });

const nginx: Program = (run) => {
  run.err(
    "nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\nnginx: configuration file /etc/nginx/nginx.conf test is successful\n",
  );
  return 0;
};

export const SERVICE_PROGRAMS: Programs = { systemctl, journalctl, dmesg, service, nginx };
