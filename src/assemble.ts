/**
 * Puts the console together from its settings: log, far ends, agent, stream, and what the routes need of each. It opens no
 * socket for people; `main.ts` does, and so tests can have the whole of it behind `app.request`.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Faults } from "../views/faults.tsx";
import type { Access } from "./access/access.ts";
import { askForProof } from "./access/guard.ts";
import { isProved } from "./access/step-up.ts";
import { Approvals, approvalsOf, lapseOpen } from "./agent/approval.ts";
import { claudeAgent, markOf, sweepOrphans } from "./agent/claude.ts";
import { classOf } from "./agent/command-class.ts";
import { readDefinition } from "./agent/definition.ts";
import { agentTools } from "./agent/doors.ts";
import { leavingsIn } from "./agent/leavings.ts";
import { Outputs } from "./agent/outputs.ts";
import { Permission } from "./agent/permission.ts";
import { runbooksIn } from "./agent/runbooks.ts";
import { scriptedAgent } from "./agent/scripted.ts";
import { toolServer } from "./agent/tools.ts";
import { VmRuns } from "./agent/vm-run.ts";
import type { AppParts } from "./app.ts";
import { takeActs } from "./audit/left.ts";
import { AuditTable } from "./audit/table.ts";
import { auditWatch } from "./audit/watch.ts";
import { Checks, type CheckTools, endCutChecks } from "./checks/in-session.ts";
import type { Found } from "./checks/newest.ts";
import { startChild } from "./child.ts";
import type { Config } from "./config.ts";
import type { Assets } from "./console/assets.ts";
import { drawFor } from "./console/draw.tsx";
import { Kiosk } from "./console/kiosk.ts";
import { Live } from "./console/live.ts";
import { Metrics } from "./console/metrics.ts";
import { knownOf, powerPanel } from "./console/routes.tsx";
import { whispered } from "./console/whisper.tsx";
import { openLab } from "./lab/lab.ts";
import { labRoutes } from "./lab/routes.tsx";
import { SqliteLog } from "./log/sqlite.ts";
import { Notifier } from "./notify/notifier.ts";
import { postTo } from "./notify/post.ts";
import { endingInWords } from "./outcome.ts";
import { Power } from "./power/carry-out.ts";
import { preflightOf } from "./power/preflight.ts";
import { pveOverSsh } from "./power/pve.ts";
import { pruneRunsBefore } from "./power/run-files.ts";
import { linesThrough, soFar } from "./secrets/as-it-comes.ts";
import { ourSecrets } from "./secrets/ours.ts";
import { Redaction } from "./secrets/redact.ts";
import { Deletions } from "./sessions/deletion.ts";
import { sessionStream } from "./sessions/event.ts";
import { Retention } from "./sessions/retention.ts";
import { Sessions } from "./sessions/session.ts";
import { type Agent, endInterrupted, Turns } from "./sessions/turn.ts";
import { askTarget, knockOn } from "./target/ask.ts";
import { HostKeys } from "./target/host-keys.ts";
import { openKeychain } from "./target/keychain.ts";
import { writePinned } from "./target/known-hosts.ts";
import { readStatus } from "./target/said.ts";
import { type Ssh, sshArgv } from "./target/ssh.ts";
import { type State, withNote } from "./target/state.ts";
import { streamOf, type Target } from "./target/target.ts";
import { Watch } from "./target/watch.ts";

/** While somebody looks, a target is asked this often, ms; the lab is nearer. */
const ASK_EVERY_MS = 15_000;
const ASK_LAB_EVERY_MS = 5_000;
/** A wall board looks day and night: calmly. */
const ASK_FOR_BOARDS_EVERY_MS = 30_000;

export interface Breakglass {
  readonly parts: AppParts;
  /** What is done once the page can be had: orphans ended, interrupted things marked, hosts met. */
  begin(): Promise<void>;
  close(): Promise<void>;
}

/** `redaction`: the one that also cleans what is printed; left out, one of its own. */
export async function openConsole(
  config: Config,
  access: Access,
  assets: Assets,
  redaction = new Redaction(ourSecrets(config, process.env)),
): Promise<Breakglass> {
  const clean = redaction.text;
  const data = (name: string) => join(config.data_dir, name);
  mkdirSync(config.data_dir, { recursive: true, mode: 0o700 });
  const audit = new AuditTable(data("breakglass.db.anchors"), Date.now, redaction.deep);
  const log = new SqliteLog(data("breakglass.db"), Date.now, audit, redaction.deep);
  const auditing = auditWatch(audit, access.whence);
  const unfollowAccess = access.follow(auditing.access);
  const takeTerminalActs = () => takeActs(config.data_dir, (act) => auditing.terminal(act));
  if (log.moved_aside)
    console.error(`breakglass: the log could not be read; it was moved to ${log.moved_aside}, and a new one begins`);
  const newId = () => crypto.randomUUID();
  const notifier = config.notify_url
    ? new Notifier({
        log,
        post: postTo({ url: config.notify_url, origin: config.access.origins[0]! }),
        fallback: streamOf(config.targets[0]),
      })
    : null;
  // After the audit: what was done at the terminal meanwhile is handed on once, to whoever listens by then.
  const unfollowSignIns = notifier?.followAccess(access.follow);

  const lab = config.lab ? await openLab({ dir: data("world"), vmid: config.targets[0].vmid, seed: 1 }) : null;
  const keys = lab
    ? null
    : await openKeychain(config.key_path, process.env.PATH ?? "/usr/bin:/bin", process.env.HOME ?? "/");
  const env = keys?.env ?? { PATH: process.env.PATH ?? "/usr/bin:/bin", LANG: "C.UTF-8" };
  const ssh: Ssh = lab?.ssh ?? realSsh(config, data("known_hosts"), keys !== null && config.key_path !== null);
  const { targets } = config;

  const isOver = (target_id: string, id: string) => {
    const target = targets.find((t) => t.id === target_id);
    const action = target && power.find(target, id);
    return !action || (action.state === "ended" && action.outcome !== "unknown");
  };
  const pve = pveOverSsh({
    ssh,
    env,
    runs_dir: data("runs"),
    clean,
    isOver,
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
  /** What a check found belongs to the guest that it looked at: after a run that changed the VM it says nothing any more. */
  const foundOn = (target: Target): Found | null => {
    const found = checks.newest(target);
    const changed = found && power.lastChange(target)?.ended_at;
    return changed && Date.parse(changed) > found.at ? null : found;
  };
  const stateOf = (target: Target): State =>
    withNote({ ...watchOf(target).now, found: foundOn(target) }, config.cold_case_note);
  const tellState = (target: Target) => {
    const state = stateOf(target);
    const held = power.holder(target) !== null;
    const known = knownOf({ stateOf: () => state, power, pve }, target);
    live.whisper(streamOf(target), whispered.state({ state, seq: log.head, now: Date.now(), held, known }));
  };
  // The fault that the panel shows: a cycle or a repair cures it with no hand on the panel.
  let fault_shown = lab?.fault();
  const tellFault = (target: Target) => {
    const fault = lab?.fault();
    if (fault === undefined || fault === fault_shown) return;
    fault_shown = fault;
    live.whisper(streamOf(target), whispered.faults(fault));
  };
  const power = new Power({
    log,
    pve,
    limit_ms: config.pve_verb_timeout_ms,
    clean,
    anchor: () => audit.anchor(),
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
    vm: async (command, limit_ms, heard) => {
      const through = linesThrough(clean, heard);
      const ending = await startChild({ ...vmSpawn(target, command), limit_ms }, through.heard).ended;
      through.end();
      return ending;
    },
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
  const checks = new Checks({
    log,
    newId,
    toolsFor,
    told: (target) => {
      tellState(target);
      tellFault(target);
    },
  });

  let turns: Turns;
  const sessions = new Sessions(log, newId, (id) => turns.runningIn(id) !== null);
  const approvals = new Approvals({ log, newId, limit_ms: config.agent.approval_timeout_ms });
  const permission = new Permission({
    power: config.agent.power,
    approvals,
    classOf,
    preflight: (verb, target) =>
      preflightOf(verb, target, stateOf(target), power.holder(target), power.lastEvidence(target), pve.kindOf(target)),
  });
  const outputs = new Outputs(data("outputs"));
  const runs = new VmRuns({
    spawn: vmSpawn,
    outputs,
    newId,
    clean,
    show: (session, running) =>
      live.whisper(sessionStream(session), whispered.runs(redaction.deep(running), Date.now())),
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
    approvals,
    runbooks: runbooksIn(config.agent.runbooks),
    hiddenIn: (command) => redaction.hiddenIn(command),
  });
  const toolsServed = toolServer(tools, {
    clean: redaction.ours,
    learn: (value) => redaction.learn({ kind: "token of a turn", value }),
  });
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
    waits: (turn) => approvals.waits(turn),
    asked: (session, turn) => {
      const target = sessions.find(session)?.target;
      return target === undefined ? [] : approvalsOf(log, { id: target }, turn);
    },
    whisper: (session, words) => live.whisper(sessionStream(session), whispered.partial(soFar(clean, words))),
    clean,
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
  const deletions = new Deletions({
    log,
    sessions,
    busy: (session) => {
      const check = checks.runningIn(session);
      return turns.runningIn(session) ? "a turn is running" : check && `the check “${check}” is running`;
    },
    gone: (session) => live.dismiss(session),
    leavings: leavingsIn({ sessions_dir: config.sessions_dir, config_dir: data("claude"), outputs }),
  });
  const retention =
    config.retention_days === null
      ? null
      : new Retention({
          log,
          deletions,
          days: config.retention_days,
          now: Date.now,
          pruneFiles: (before) => {
            outputs.pruneOlder(before);
            pruneRunsBefore(data("runs"), before, isOver);
          },
        });
  const allAttended = () => {
    for (const watch of watches.values()) watch.attended();
  };
  const kiosk = new Kiosk({
    log,
    power,
    turns,
    sessions,
    targets,
    stateOf,
    made: `${assets.kiosk.style} ${assets.kiosk.script}`,
    keepalive_ms: config.sse_keepalive_ms,
    attended: allAttended,
  });
  const reached = new Set<string>();
  for (const target of targets)
    watches.set(
      target.id,
      new Watch(target, {
        log,
        every_ms: () =>
          lab
            ? ASK_LAB_EVERY_MS
            : kiosk.watched && live.attachedTo(streamOf(target)) === 0
              ? ASK_FOR_BOARDS_EVERY_MS
              : ASK_EVERY_MS,
        watched: () => kiosk.watched || live.attachedTo(streamOf(target)) > 0,
        seen: (t, state) => {
          tellState(t);
          tellFault(t);
          // Asked in vain before, answered now (the host is back, its key was accepted): so may a run that was let go.
          if (state.said && !reached.has(t.id)) power.answers(t);
          if (state.said) reached.add(t.id);
          else reached.delete(t.id);
          kiosk.seen(t);
        },
        ask: async (t) => {
          lab?.touch();
          const reading = await askTarget(t, { pve, ssh, env });
          const keys = await hostKeys.look(t, reading).catch((error) => {
            console.error("host keys:", error);
            return hostKeys.changed(t);
          });
          return redaction.deep({ ...reading, keys });
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
    models: scripted ? [] : config.agent.models,
    assets: { script: assets.script, style: assets.style, ...ICONS },
    keepalive_ms: config.sse_keepalive_ms,
    faults: lab ? (by) => Faults({ fault: lab.fault(), requestId: access.ids.make(by) }) : null,
    attended: (target) => watchOf(target).attended(),
  };
  const metrics = new Metrics({
    log,
    turnsRunning: () => turns.running().length,
    streamClients: () => live.clients,
    auditRows: () => audit.size,
    unsaved: () => audit.unsaved,
    memory: () => process.memoryUsage.rss(),
  });
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
      audit: { audit, targets, takeActs: takeTerminalActs, watch: auditing },
      metrics,
      assets,
      console: consoleParts,
      sessions: { log, live, sessions, turns, requestIds: access.ids, targets, models: config.agent.models },
      deletions: { deletions, sessions, targets, requestIds: access.ids, keep_days: config.retention_days },
      power: { power, pve, targets, stateOf, requestIds: access.ids, panel, turnsOn, stopTurns },
      approvals: {
        approvals,
        proof: (c) => (config.access.step_up && !isProved(c.get("operator"), Date.now()) ? askForProof(c) : null),
      },
      runs: { runs, outputs, sessions },
      checks: { checks, sessions, targets, requestIds: access.ids },
      keys: { hostKeys, targets, requestIds: access.ids },
      kiosk: {
        kiosk,
        assets: { ...assets.kiosk, ...ICONS },
        keepalive_ms: config.sse_keepalive_ms,
        attended: allAttended,
      },
      lab:
        lab &&
        labRoutes(
          {
            ...lab,
            breakIt: (fault) =>
              andThen(lab.breakIt(fault), () => {
                tellFault(targets[0]);
                watchOf(targets[0]).stir();
              }),
          },
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
      takeTerminalActs();
      const orphans = await sweepOrphans(place);
      if (interrupted + asked + orphans > 0)
        console.log(
          `Breakglass: after the last stop: ${interrupted} turns, checks and approvals marked as interrupted, ${orphans} processes ended, ${asked} actions being asked for`,
        );
      void deletions
        .goOn()
        .then(() => retention?.begin())
        .catch((error) => console.error("deleted sessions:", error));
      for (const target of targets) {
        void pve.meet(target).catch((error) => console.error("version:", error));
        watchOf(target).stir();
      }
    },
    close: async () => {
      power.close();
      retention?.close();
      for (const watch of watches.values()) watch.close();
      hostKeys.close();
      await turns.close();
      await Promise.all([live.close(), kiosk.close()]);
      await toolsServed.stop();
      unfollowSignIns?.();
      await notifier?.close();
      metrics.close();
      unfollowAccess();
      auditing.close();
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
