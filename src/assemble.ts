/**
 * Puts the console together from its settings: log, far ends, repair, stream, and what the routes need of each. It opens no
 * socket for people; `main.ts` does, and so tests can have the whole of it behind `app.request`.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Faults } from "../views/faults.tsx";
import type { Access } from "./access/access.ts";
import { askForProof } from "./access/guard.ts";
import { isProved } from "./access/step-up.ts";
import { lapseOpen } from "./agent/approval.ts";
import { leavingsIn } from "./agent/leavings.ts";
import type { AppParts } from "./app.ts";
import { openFarEnds } from "./assemble/far-ends.ts";
import { Lookout } from "./assemble/lookout.ts";
import { openRepair } from "./assemble/repair.ts";
import { takeActs } from "./audit/left.ts";
import { AuditTable } from "./audit/table.ts";
import { auditWatch } from "./audit/watch.ts";
import { Checks, endCutChecks } from "./checks/in-session.ts";
import type { Config } from "./config.ts";
import type { Assets } from "./console/assets.ts";
import { drawFor } from "./console/draw.tsx";
import { Kiosk } from "./console/kiosk.ts";
import { Live } from "./console/live.ts";
import { Metrics } from "./console/metrics.ts";
import { powerPanel } from "./console/page.tsx";
import type { Lab } from "./lab/lab.ts";
import { labRoutes } from "./lab/routes.tsx";
import { type Disk, ProbedDisk } from "./log/disk.ts";
import { SqliteLog } from "./log/sqlite.ts";
import { Notifier } from "./notify/notifier.ts";
import { postTo } from "./notify/post.ts";
import { Power } from "./power/carry-out.ts";
import { pruneRunsBefore } from "./power/run-files.ts";
import { ourSecrets } from "./secrets/ours.ts";
import { Redaction } from "./secrets/redact.ts";
import { Deletions } from "./sessions/deletion.ts";
import { endInterrupted } from "./sessions/interrupted.ts";
import { Retention } from "./sessions/retention.ts";
import { readStatus } from "./target/said.ts";
import { streamOf, type Target } from "./target/target.ts";

export interface Breakglass {
  readonly parts: AppParts;
  /** What is done once the page can be had: orphans ended, interrupted things marked, hosts met. */
  begin(): Promise<void>;
  close(): Promise<void>;
}

/** `redaction`: the one that also cleans what is printed; `disk`: the one that access asks, too. Left out, each is made here. */
export async function openConsole(
  config: Config,
  access: Access,
  assets: Assets,
  redaction = new Redaction(ourSecrets(config, process.env)),
  disk: Disk = new ProbedDisk(config.data_dir),
): Promise<Breakglass> {
  const { targets } = config;
  const clean = redaction.text;
  const newId = () => crypto.randomUUID();
  const data = (name: string) => join(config.data_dir, name);
  mkdirSync(config.data_dir, { recursive: true, mode: 0o700 });
  const audit = new AuditTable(data("breakglass.db.anchors"), Date.now, redaction.deep, disk);
  const log = new SqliteLog(data("breakglass.db"), Date.now, audit, redaction.deep, disk);
  const auditing = auditWatch(audit, access.whence);
  const unfollowAccess = access.follow(auditing.access);
  const takeTerminalActs = () => takeActs(config.data_dir, (act) => auditing.terminal(act), disk);
  if (log.moved_aside)
    console.error(`breakglass: the log could not be read; it was moved to ${log.moved_aside}, and a new one begins`);
  const notifier = config.notify_url
    ? new Notifier({
        log,
        post: postTo({ url: config.notify_url, origin: config.access.origins[0]! }),
        fallback: streamOf(config.targets[0]),
      })
    : null;
  // After the audit: what was done at the terminal meanwhile is handed on once, to whoever listens by then.
  const unfollowSignIns = notifier?.followAccess(access.follow);

  const isOver = (target_id: string, id: string) => {
    const target = targets.find((t) => t.id === target_id);
    const action = target && power.find(target, id);
    return !action || (action.state === "ended" && action.outcome !== "unknown");
  };
  const far = await openFarEnds({
    config,
    log,
    disk,
    clean,
    isOver,
    stirred: (theirs) => {
      for (const target of theirs) lookout.stir(target);
    },
  });
  const { lab, pve, hostKeys } = far;
  const lookout = new Lookout({ config, log, far, redaction, later: () => ({ power, checks, live, kiosk }) });
  const power = new Power({
    log,
    pve,
    limit_ms: config.pve_verb_timeout_ms,
    clean,
    anchor: () => audit.anchor(),
    stirred: lookout.stir,
    prove: {
      knock: far.knock,
      agent: async (target) => readStatus((await pve.status(target, 20_000)).stdout).agent,
      every_ms: lab ? 500 : undefined,
    },
  });
  const checks = new Checks({ log, newId, toolsFor: far.toolsFor, told: lookout.tell });
  const repair = openRepair({
    config,
    log,
    disk,
    newId,
    redaction,
    far,
    lookout,
    power,
    checks,
    live: () => live,
  });
  const { sessions, turns, approvals, outputs, runs } = repair;

  const live: Live = new Live(
    log,
    (session) => drawFor(session, log, Date.now),
    config.sse_keepalive_ms,
    (streams) => {
      runs.attended();
      for (const target of targets) if (streams.includes(streamOf(target))) lookout.attended(target);
    },
  );
  const kiosk = new Kiosk({
    log,
    power,
    turns,
    sessions,
    targets,
    stateOf: lookout.stateOf,
    made: `${assets.kiosk.style} ${assets.kiosk.script}`,
    keepalive_ms: config.sse_keepalive_ms,
    attended: lookout.allAttended,
  });
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
          mayWrite: async () => (await disk.asked()) === null,
          pruneFiles: (before) => {
            outputs.pruneOlder(before);
            pruneRunsBefore(data("runs"), before, isOver);
          },
        });
  const metrics = new Metrics({
    log,
    turnsRunning: () => turns.running().length,
    streamClients: () => live.clients,
    auditRows: () => audit.size,
    unsaved: () => audit.unsaved,
    memory: () => process.memoryUsage.rss(),
  });

  const { stateOf } = lookout;
  const { turnsOn, stopTurns, models } = repair;
  const requestIds = access.ids;
  const consoleParts: AppParts["console"] = {
    log,
    sessions,
    turns,
    power,
    pve,
    targets,
    stateOf,
    requestIds,
    models,
    assets: { script: assets.script, style: assets.style, ...ICONS },
    keepalive_ms: config.sse_keepalive_ms,
    faults: lab ? (by) => Faults({ fault: lab.fault(), requestId: requestIds.make(by) }) : null,
    attended: lookout.attended,
  };
  const panel = (target: Target, by: string) => powerPanel(consoleParts, target, by);
  const breakIt: Lab["breakIt"] = (fault) => {
    const broken = lab!.breakIt(fault);
    lookout.tellFault(targets[0]);
    lookout.stir(targets[0]);
    return broken;
  };

  return {
    parts: {
      access,
      audit: { audit, targets, takeActs: takeTerminalActs, watch: auditing },
      metrics,
      disk,
      assets,
      console: consoleParts,
      sessions: { log, live, sessions, turns, requestIds, targets, models: config.agent.models },
      deletions: { deletions, sessions, targets, requestIds, keep_days: config.retention_days },
      power: { power, pve, targets, stateOf, requestIds, panel, turnsOn, stopTurns },
      approvals: {
        approvals,
        proof: (c) => (config.access.step_up && !isProved(c.get("operator"), access.now()) ? askForProof(c) : null),
      },
      runs: { runs, outputs, sessions },
      checks: { checks, sessions, targets, requestIds },
      keys: { hostKeys, targets, requestIds },
      kiosk: {
        kiosk,
        assets: { ...assets.kiosk, ...ICONS },
        keepalive_ms: config.sse_keepalive_ms,
        attended: lookout.allAttended,
      },
      lab: lab && labRoutes({ ...lab, breakIt }, { requestId: (c) => requestIds.make(c.get("operator").name) }),
      newId,
    },
    begin: async () => {
      // Each of them looks for what was running before it awaits anything: what begins from now on is not of the last stop.
      const begun = [lapseOpen(log), endInterrupted(log), endCutChecks(log), power.resume(targets)];
      // One that fails keeps none of the others back: a disk that refuses is no reason to meet no host.
      const tried = (step: Promise<unknown>) => step.catch((error) => console.error("after the last stop:", error));
      const [lapsed, cutTurns, cutChecks, asked] = (await Promise.all(
        begun.map(async (step) => Number((await tried(step)) ?? 0)),
      )) as [number, number, number, number];
      const interrupted = cutTurns + cutChecks + lapsed;
      await tried(hostKeys.takeFromTerminal());
      await tried(takeTerminalActs());
      const orphans = await repair.sweepOrphans();
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
        lookout.stir(target);
      }
    },
    close: async () => {
      power.close();
      retention?.close();
      lookout.close();
      hostKeys.close();
      await turns.close();
      await Promise.all([live.close(), kiosk.close()]);
      await repair.close();
      unfollowSignIns?.();
      await notifier?.close();
      metrics.close();
      unfollowAccess();
      auditing.close();
      await log.close();
      disk.close();
      await far.close(targets.every((target) => power.holder(target) === null));
    },
  };
}

const ICONS = {
  icon: "/static/icon.svg",
  touch_icon: "/static/icon-180.png",
  manifest: "/manifest.webmanifest",
};
