/**
 * Puts the console together from its settings: log, far ends, agent, stream, and what the routes need of each. It opens no
 * socket for people; `main.ts` does, and so tests can have the whole of it behind `app.request`.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Faults } from "../views/faults.tsx";
import type { Access } from "./access/access.ts";
import { Approvals, lapseOpen } from "./agent/approval.ts";
import { claudeAgent, markOf, sweepOrphans } from "./agent/claude.ts";
import { classOf } from "./agent/command-class.ts";
import { readDefinition } from "./agent/definition.ts";
import { agentTools } from "./agent/doors.ts";
import { Outputs } from "./agent/outputs.ts";
import { Permission } from "./agent/permission.ts";
import { scriptedAgent } from "./agent/scripted.ts";
import { toolServer } from "./agent/tools.ts";
import { VmRuns } from "./agent/vm-run.ts";
import type { AppParts } from "./app.ts";
import { Checks, type CheckTools, endCutChecks } from "./checks/in-session.ts";
import { startChild } from "./child.ts";
import type { Config } from "./config.ts";
import type { Assets } from "./console/assets.ts";
import { drawFor } from "./console/draw.tsx";
import { Live } from "./console/live.ts";
import { powerPanel } from "./console/routes.tsx";
import { whispered } from "./console/whisper.tsx";
import { openLab } from "./lab/lab.ts";
import { labRoutes } from "./lab/routes.tsx";
import { SqliteLog } from "./log/sqlite.ts";
import { endingInWords } from "./outcome.ts";
import { Power } from "./power/carry-out.ts";
import { preflightOf } from "./power/preflight.ts";
import { pveOverSsh } from "./power/pve.ts";
import { sessionStream } from "./sessions/event.ts";
import { Sessions } from "./sessions/session.ts";
import { type Agent, endInterrupted, Turns } from "./sessions/turn.ts";
import { askTarget, knockOn } from "./target/ask.ts";
import { HostKeys } from "./target/host-keys.ts";
import { openKeychain } from "./target/keychain.ts";
import { writePinned } from "./target/known-hosts.ts";
import { readStatus } from "./target/said.ts";
import { type Ssh, sshArgv } from "./target/ssh.ts";
import { streamOf, type Target } from "./target/target.ts";
import { Watch } from "./target/watch.ts";

/** While somebody looks, a target is asked this often, ms; the lab is nearer. */
const ASK_EVERY_MS = 15_000;
const ASK_LAB_EVERY_MS = 5_000;

export interface Breakglass {
  readonly parts: AppParts;
  /** What is done once the page can be had: orphans ended, interrupted things marked, hosts met. */
  begin(): Promise<void>;
  close(): Promise<void>;
}

export async function openConsole(config: Config, access: Access, assets: Assets): Promise<Breakglass> {
  const data = (name: string) => join(config.data_dir, name);
  mkdirSync(config.data_dir, { recursive: true, mode: 0o700 });
  const log = new SqliteLog(data("breakglass.db"));
  if (log.moved_aside)
    console.error(`breakglass: the log could not be read; it was moved to ${log.moved_aside}, and a new one begins`);
  const newId = () => crypto.randomUUID();

  const lab = config.lab ? await openLab({ dir: data("world"), vmid: config.targets[0].vmid, seed: 1 }) : null;
  const keys = lab
    ? null
    : await openKeychain(config.key_path, process.env.PATH ?? "/usr/bin:/bin", process.env.HOME ?? "/");
  const env = keys?.env ?? { PATH: process.env.PATH ?? "/usr/bin:/bin", LANG: "C.UTF-8" };
  const ssh: Ssh = lab?.ssh ?? realSsh(config, data("known_hosts"), keys !== null && config.key_path !== null);
  const { targets } = config;

  const pve = pveOverSsh({
    ssh,
    env,
    runs_dir: data("runs"),
    targetsOn: (t) => targets.filter((o) => o.pve.host === t.pve.host && o.pve.port === t.pve.port).length,
  });
  const watches = new Map<string, Watch>();
  const watchOf = (target: Target) => watches.get(target.id)!;
  const hostKeys = new HostKeys({
    log,
    ssh,
    env,
    data_dir: config.data_dir,
    targets,
    stirred: (theirs) => {
      for (const target of theirs) watchOf(target).stir();
    },
  });
  const stateOf = (target: Target) => watchOf(target).now;
  const power = new Power({
    log,
    pve,
    limit_ms: config.pve_verb_timeout_ms,
    stirred: (target) => watchOf(target).stir(),
    prove: {
      knock: (target) => knockOn(target, { ssh, env }),
      agent: async (target) => readStatus((await pve.status(target, 20_000)).stdout).agent,
      every_ms: lab ? 500 : undefined,
    },
  });

  const mark = markOf(config.data_dir);
  // Marked, so that the next console ends what a killed one left of reads and repairs. A verb's ssh never carries it.
  const vmSpawn = (target: Target, command: string) => ({
    argv: sshArgv(ssh, target.vm, command),
    env: { ...env, BREAKGLASS_TURN: `${mark}.vm` },
  });
  const toolsFor = (target: Target): CheckTools => ({
    vm: (command, limit_ms, heard) => startChild({ ...vmSpawn(target, command), limit_ms }, heard).ended,
    host: async (verb) => {
      let stdout = "";
      let why = "";
      const ending = await pve.inspect(target, verb, 60_000, ({ from, text }) => {
        if (from === "stdout") stdout += `${text}\n`;
        else if (text.trim() !== "") why = text.trim();
      });
      const code = ending.is === "exited" ? ending.code : null;
      return { exit_code: code, stdout, why: code === 0 ? "" : why || endingInWords(ending) };
    },
  });
  const checks = new Checks({ log, newId, toolsFor });

  let turns: Turns;
  const sessions = new Sessions(log, newId, (id) => turns.runningIn(id) !== null);
  const approvals = new Approvals({ log, newId, limit_ms: config.agent.approval_timeout_ms });
  const permission = new Permission({
    power: config.agent.power,
    approvals,
    classOf,
    preflight: (verb, target) =>
      preflightOf(verb, target, stateOf(target), power.holder(target), power.list([target], 20), pve.kindOf(target)),
  });
  const outputs = new Outputs(data("outputs"));
  const runs = new VmRuns({
    spawn: vmSpawn,
    outputs,
    newId,
    show: (session, running) => live.whisper(sessionStream(session), whispered.runs(running, Date.now())),
  });
  const tools = agentTools({
    whereabouts: (turn) => {
      const session = turns.sessionOf(turn);
      const target = targets.find((t) => t.id === (session && sessions.find(session)?.target));
      return session && target ? { session, target } : null;
    },
    told: (session, turn, tool_id) =>
      log
        .about(sessionStream(session), turn)
        .some((e) => e.kind === "called" && (e.body as { tool_id: string }).tool_id === tool_id),
    runs,
    power,
    checks,
    permission,
  });
  const toolsServed = toolServer(tools);
  const place = { mark, run_dir: data("turns") };
  const scripted = config.lab && config.lab_agent === "scripted";
  const agent: Agent = scripted
    ? scriptedAgent(tools)
    : claudeAgent({
        ...place,
        program: ["claude"],
        definition: readDefinition(config.agent.definition ?? undefined),
        tools: toolsServed,
        model: config.agent.model,
        sessions_dir: config.sessions_dir,
        config_dir: data("claude"),
        env: process.env,
        budget_usd: config.agent.turn_budget_usd,
      });
  turns = new Turns({
    log,
    agent,
    newId,
    max_turns: config.agent.max_concurrent_turns,
    limit_ms: config.agent.turn_timeout_ms,
    whisper: (session, words) => live.whisper(sessionStream(session), whispered.partial(words)),
    kept: (session, tool_id) => outputs.find(session, tool_id)?.bytes ?? null,
  });

  const live = new Live(
    log,
    (session) => drawFor(session, log, Date.now),
    config.sse_keepalive_ms,
    (streams) => {
      runs.attended();
      for (const watch of watches.values()) if (streams.includes(streamOf(watch.target))) watch.attended();
    },
  );
  for (const target of targets)
    watches.set(
      target.id,
      new Watch(target, {
        log,
        every_ms: lab ? ASK_LAB_EVERY_MS : ASK_EVERY_MS,
        watched: () => live.attachedTo(streamOf(target)) > 0,
        seen: (t, state) => live.whisper(streamOf(t), whispered.state(state, log.head, Date.now())),
        ask: async (t) => {
          lab?.touch();
          const reading = await askTarget(t, { pve, ssh, env });
          const keys = await hostKeys.look(t, reading).catch((error) => {
            console.error("host keys:", error);
            return hostKeys.changed(t);
          });
          return { ...reading, keys };
        },
      }),
    );

  const consoleParts: AppParts["console"] = {
    log,
    sessions,
    turns,
    power,
    pve,
    targets,
    stateOf,
    requestIds: access.ids,
    assets: { script: assets.script, ...ICONS },
    keepalive_ms: config.sse_keepalive_ms,
    faults: lab ? (by) => Faults({ fault: lab.fault(), requestId: access.ids.make(by) }) : null,
    attended: (target) => watchOf(target).attended(),
  };
  const sessionsAtWork = (target: Target) =>
    turns.running().filter((session) => sessions.find(session)?.target === target.id);
  const turnsOn = (target: Target) => sessionsAtWork(target).length;
  const stopTurns = async (target: Target, by: string) => {
    await Promise.all(sessionsAtWork(target).map((session) => turns.cancelTurn(session, by)));
  };
  const panel = (target: Target, by: string) => powerPanel(consoleParts, target, by);

  return {
    parts: {
      access,
      assets,
      console: consoleParts,
      sessions: { log, live, sessions, turns, requestIds: access.ids, targets },
      power: { power, pve, targets, stateOf, requestIds: access.ids, panel, turnsOn, stopTurns },
      approvals: { approvals },
      runs: { runs, outputs, sessions },
      checks: { checks, sessions, targets, requestIds: access.ids },
      keys: { hostKeys, targets, requestIds: access.ids },
      lab:
        lab &&
        labRoutes(
          { ...lab, breakIt: (fault) => andThen(lab.breakIt(fault), () => watchOf(targets[0]).stir()) },
          { requestId: (c) => access.ids.make(c.get("operator").name) },
        ),
      newId,
    },
    begin: async () => {
      // Each of them looks for what was running before it awaits anything: what begins from now on is not of the last stop.
      const [lapsed, cutTurns, cutChecks, asked] = await Promise.all([
        lapseOpen(log),
        endInterrupted(log),
        endCutChecks(log),
        power.resume(targets),
      ]);
      const interrupted = cutTurns + cutChecks + lapsed;
      await hostKeys.takeFromTerminal();
      const orphans = await sweepOrphans(place);
      if (interrupted + asked + orphans > 0)
        console.log(
          `Breakglass: after the last stop: ${interrupted} turns, checks and approvals marked as interrupted, ${orphans} processes ended, ${asked} actions being asked for`,
        );
      for (const target of targets) {
        void pve.meet(target).catch((error) => console.error("version:", error));
        watchOf(target).stir();
      }
    },
    close: async () => {
      power.close();
      for (const watch of watches.values()) watch.close();
      hostKeys.close();
      await turns.close();
      await live.close();
      await toolsServed.stop();
      await log.close();
      await keys?.close();
      // A run at work goes on at its host, and in the lab the host is here.
      await lab?.close({ endVm: targets.every((target) => power.holder(target) === null) });
    },
  };
}

function andThen<T>(value: T, then: () => void): T {
  then();
  return value;
}

const ICONS = {
  icon: "/static/icon.svg",
  touch_icon: "/static/icon-180.png",
  manifest: "/manifest.webmanifest",
};

function realSsh(config: Config, own: string, agent: boolean): Ssh {
  if (!config.known_hosts && !existsSync(own)) writeFileSync(own, "", { mode: 0o600 });
  const pinned = `${own}.settings`;
  writePinned(pinned, config.targets);
  return {
    program: ["ssh"],
    pinned,
    known_hosts: config.known_hosts ?? own,
    host_keys: config.known_hosts ? "yes" : "accept-new",
    identity: agent ? "agent" : null,
  };
}
