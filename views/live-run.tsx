/** Commands of the agent that run on the VM now: last lines, a clock, a Stop. Goes into `#live-run` over the stream; empty when none runs. */
import type { RunningCommand } from "../src/agent/vm-run.ts";
import { REFUSALS_TO_NOTICE } from "./hx.tsx";
import { Output, plain } from "./plain.tsx";
import { Clock } from "./time.tsx";

export const LiveRuns = ({ runs, now }: { runs: readonly RunningCommand[]; now: number }) => (
  <>
    {runs.map((run) => (
      <section id={`run-${run.tool_id}`} class="live-run" aria-label="Running on the VM">
        <p>
          <b class="tag work">{run.stopping ? "stopping" : "running"}</b> <Clock from={run.started_at} now={now} />{" "}
          <code>{plain(run.command.length > 200 ? `${run.command.slice(0, 200)}…` : run.command)}</code>
        </p>
        {/* Above the output, which grows: it must not move away from under a finger. */}
        {!run.stopping && <StopRun run={run} />}
        {run.recent !== "" && <Output text={run.recent} />}
      </section>
    ))}
  </>
);

function StopRun({ run }: { run: RunningCommand }) {
  const at = `/api/session/${run.session}/run/${run.tool_id}/stop`;
  return (
    <form
      id={`stop-${run.tool_id}`}
      method="post"
      action={at}
      hx-post={at}
      hx-target="#notice"
      hx-sync="this:drop"
      {...REFUSALS_TO_NOTICE}
    >
      <button type="submit">Stop this command</button>
    </form>
  );
}
