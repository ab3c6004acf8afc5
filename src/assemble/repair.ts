/**
 * The wiring of the repair: the agent, the tools that it has instead of a shell, whom it must ask for what, and its turns. It
 * goes through the same doors as a person: power, checks and approvals come in, and it makes none of its own.
 */
import { join } from "node:path";
import { Approvals, approvalsOf } from "../agent/approval.ts";
import { claudeAgent, markOf, sweepOrphans } from "../agent/claude.ts";
import { classOf } from "../agent/command-class.ts";
import { readDefinition } from "../agent/definition.ts";
import { agentTools } from "../agent/doors.ts";
import { Outputs } from "../agent/outputs.ts";
import { Permission } from "../agent/permission.ts";
import { runbooksIn } from "../agent/runbooks.ts";
import { scriptedAgent } from "../agent/scripted.ts";
import { toolServer } from "../agent/tools.ts";
import { VmRuns } from "../agent/vm-run.ts";
import type { Checks } from "../checks/in-session.ts";
import type { Config } from "../config.ts";
import type { Live } from "../console/live.ts";
import { whispered } from "../console/whisper.tsx";
import type { Disk } from "../log/disk.ts";
import type { Log } from "../log/log.ts";
import type { Power } from "../power/carry-out.ts";
import { preflightOf } from "../power/preflight.ts";
import { soFar } from "../secrets/as-it-comes.ts";
import type { Redaction } from "../secrets/redact.ts";
import { sessionStream } from "../sessions/event.ts";
import { Sessions } from "../sessions/session.ts";
import { Turns } from "../sessions/turn.ts";
import type { Target } from "../target/target.ts";
import type { FarEnds } from "./far-ends.ts";
import type { Lookout } from "./lookout.ts";

export interface RepairParts {
  readonly config: Config;
  readonly log: Log;
  readonly disk: Disk;
  readonly newId: () => string;
  readonly redaction: Redaction;
  readonly far: FarEnds;
  readonly lookout: Lookout;
  readonly power: Power;
  readonly checks: Checks;
  /** What is made after this: where it shows what is under way. */
  readonly live: () => Live;
}

export type Repair = ReturnType<typeof openRepair>;

export function openRepair({ config, log, disk, newId, redaction, far, lookout, power, checks, live }: RepairParts) {
  const data = (name: string) => join(config.data_dir, name);
  const clean = redaction.text;
  const { targets } = config;
  const place = { mark: markOf(config.data_dir), run_dir: data("turns"), disk };
  const swept = Promise.withResolvers<void>();

  const sessions: Sessions = new Sessions(log, newId, (id) => turns.runningIn(id) !== null);
  const approvals = new Approvals({ log, newId, limit_ms: config.agent.approval_timeout_ms });
  const outputs = new Outputs(data("outputs"), undefined, disk);
  const runs = new VmRuns({
    spawn: far.vmSpawn,
    outputs,
    newId,
    clean,
    show: (session, running) =>
      live().whisper(sessionStream(session), whispered.runs(redaction.deep(running), Date.now())),
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
    permission: new Permission({
      power: config.agent.power,
      approvals,
      classOf,
      preflight: (verb, target) =>
        preflightOf(
          verb,
          target,
          lookout.stateOf(target),
          power.holder(target),
          power.lastEvidence(target),
          far.pve.kindOf(target),
        ),
    }),
    approvals,
    runbooks: runbooksIn(config.agent.runbooks),
    hiddenIn: (command) => redaction.hiddenIn(command),
  });
  const toolsServed = toolServer(tools, {
    clean: redaction.ours,
    learn: (value) => redaction.learn({ kind: "token of a turn", value }),
  });
  const scripted = config.lab && config.lab_agent === "scripted";
  const turns: Turns = new Turns({
    log,
    agent: scripted
      ? scriptedAgent(tools)
      : claudeAgent({
          ...place,
          after: swept.promise,
          program: ["claude"],
          definition: readDefinition(config.agent.definition ?? undefined),
          tools: toolsServed,
          model: config.agent.model,
          sessions_dir: config.sessions_dir,
          config_dir: data("claude"),
          env: process.env,
          budget_usd: config.agent.turn_budget_usd,
        }),
    newId,
    max_turns: config.agent.max_concurrent_turns,
    limit_ms: config.agent.turn_timeout_ms,
    waits: (turn) => approvals.waits(turn),
    asked: (session, turn) => {
      const target = sessions.find(session)?.target;
      return target === undefined ? [] : approvalsOf(log, { id: target }, turn);
    },
    whisper: (session, words) => live().whisper(sessionStream(session), whispered.partial(soFar(clean, words))),
    clean,
    kept: (session, tool_id) => outputs.find(session, tool_id)?.bytes ?? null,
  });
  const atWork = (target: Target) => turns.running().filter((session) => sessions.find(session)?.target === target.id);

  return {
    sessions,
    approvals,
    outputs,
    runs,
    turns,
    /** The models that a prompt may name; none where no model answers. */
    models: scripted ? [] : config.agent.models,
    turnsOn: (target: Target) => atWork(target).length,
    stopTurns: async (target: Target, by: string) => {
      await Promise.all(atWork(target).map((session) => turns.cancelTurn(session, by)));
    },
    /** Ends the processes that a console which was killed left; resolves with how many. */
    sweepOrphans: () => sweepOrphans(place).finally(swept.resolve),
    close: () => toolsServed.stop(),
  };
}
