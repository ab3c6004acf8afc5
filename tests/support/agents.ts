/** An agent as a test wants it: says what it is told to, waits where it is told to. Stands in for the far end, not for our code. */
import type { Agent, AgentEvent, TurnInput } from "../../src/sessions/agent.ts";

export type Step = AgentEvent | { readonly wait: Promise<unknown> } | "until stopped";

export function scriptedBy(steps: (input: TurnInput) => readonly Step[]) {
  const started: TurnInput[] = [];
  const agent: Agent = {
    name: "test",
    start(input) {
      started.push(input);
      let stop = () => {};
      const stopped = new Promise<void>((resolve) => {
        stop = resolve;
      });
      return {
        events: (async function* () {
          for (const step of steps(input)) {
            if (step === "until stopped") return void (await stopped);
            if ("wait" in step) await Promise.race([step.wait, stopped]);
            else yield step;
          }
        })(),
        stop: async () => {
          stop();
          return "ended the test's agent";
        },
      };
    },
  };
  return { agent, started };
}
