/**
 * An executable in the place of the claude CLI, for the odd endings that the real one won't show on demand. The first
 * word after this file is the manner; then comes the argv of the agent. It keeps no state.
 */
import { existsSync } from "node:fs";
import { claudeLines, promptIn, stdinLines, TOOLS } from "./claude-lines.ts";

const manner = process.argv[2] ?? "answers";
const argv = process.argv.slice(3);
const { option, session_id, say, init, said, called, returned, result } = claudeLines("fake-model", argv);
const forever = () => setInterval(() => {}, 1 << 30);
const asleep = (env: Record<string, string | undefined>) =>
  // Its own session, as the CLI's tool shells have: no signal to our group reaches it.
  Bun.spawn(["sleep", "600"], { env, detached: true, stdin: "ignore", stdout: "ignore", stderr: "ignore" }).unref();

const lines = stdinLines();
const promptLine = await lines.next();
const prompt = promptLine.done ? "" : promptIn(promptLine.value);
// A reader of stdin keeps the process alive; only one manner waits for more.
if (manner !== "answers" && manner !== "calls") await lines.return(undefined);

switch (manner) {
  case "answers":
    init();
    said(`You said: ${prompt}`);
    result("ok");
    for await (const _ of lines);
    break;
  case "calls": {
    // A model that does what its prompt says: each `CALL <tool> <JSON>` in it is a call through MCP, and its answer is told.
    void (async () => {
      for await (const line of lines) if (line.includes('"interrupt"')) process.exit(0);
    })();
    init();
    const server = JSON.parse(await Bun.file(option("mcp-config")).text()).mcpServers.breakglass;
    // What the console put before the prompt (an earlier transcript, say) is no order.
    const asked = prompt.split("\n\n").at(-1) ?? "";
    for (const [, name, input] of asked.matchAll(/^CALL (\w+) (\{.*\})$/gm)) {
      const id = `toolu_${crypto.randomUUID().slice(0, 8)}`;
      const args = JSON.parse(input!);
      called(id, name!, args);
      const answer = await fetch(server.url, {
        method: "POST",
        headers: {
          ...server.headers,
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
        },
        body: JSON.stringify({
          jsonrpc: "2.0",
          id: 1,
          method: "tools/call",
          params: { name, arguments: args, _meta: { "claudecode/toolUseId": id } },
        }),
      }).then((response) => response.text());
      const { result: given } = JSON.parse(/^data: (.*)$/m.exec(answer)?.[1] ?? answer);
      returned(id, given.content, given.isError === true);
    }
    said("That was all.");
    result("ok");
    process.exit(0);
    break;
  }
  case "counts": {
    // `COUNT <n> <ms> <name>`: says "name 1." to "name n.", one each so many milliseconds.
    // The last one: an earlier prompt may stand in the transcript that a lost conversation is given.
    const [, n = "0", ms = "0", name = ""] = [...prompt.matchAll(/COUNT (\d+) (\d+) (\w+)/g)].at(-1) ?? [];
    init();
    for (let i = 1; i <= Number(n); i++) {
      said(`${name} ${i}.`);
      await Bun.sleep(Number(ms));
    }
    result("ok");
    break;
  }
  case "reports": {
    // What a child can see of how it was started.
    init();
    const mcp = option("mcp-config");
    said(
      JSON.stringify({
        argv,
        env: process.env,
        cwd: process.cwd(),
        prompt,
        oom_score_adj: await Bun.file("/proc/self/oom_score_adj")
          .text()
          .catch(() => ""),
        mcp: existsSync(mcp) ? await Bun.file(mcp).text() : null,
      }),
    );
    result("ok");
    break;
  }
  case "never-exits":
    init();
    said("done");
    result("ok");
    forever();
    break;
  case "resists":
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
    asleep(process.env);
    init();
    said("I stay");
    forever();
    break;
  case "half-a-line":
    init();
    process.stdout.write('{"type":"assistant","message":{"content":[{"ty');
    break;
  case "floods-stderr":
    init();
    for (let i = 0; i < 5000; i++) process.stderr.write(`${"warning ".repeat(128)}${i}\n`);
    said("still here");
    result("ok");
    break;
  case "long-line":
    init();
    said("x".repeat(5 * 1024 * 1024));
    result("ok");
    break;
  case "exits-at-once":
    process.stderr.write("error: unknown option '--include-partial-messages'\n");
    process.exit(1);
    break;
  case "is-killed":
    init();
    process.kill(process.pid, "SIGKILL");
    forever();
    break;
  case "is-silent":
    init();
    said("one moment");
    forever();
    break;
  case "is-mute":
    forever();
    break;
  case "only-pings":
    init();
    setInterval(() => {
      say({ type: "stream_event", event: { type: "ping" } });
      say({ type: "tool_progress", elapsed_time_seconds: 30 });
      say({ type: "system", subtype: "status", status: "requesting" });
    }, 20);
    break;
  case "spends":
    // The budget is the CLI's own to keep; what it says when it is used up.
    init();
    say({
      type: "result",
      subtype: "error_max_budget_usd",
      is_error: true,
      errors: [`Reached maximum budget ($${option("max-budget-usd")})`],
      duration_ms: 5,
      total_cost_usd: 2.61,
    });
    process.exitCode = 1;
    break;
  case "goes-on":
    init();
    say({
      type: "result",
      subtype: "error_max_turns",
      is_error: true,
      errors: [`Reached maximum number of turns (${option("max-turns")})`],
      duration_ms: 5,
      total_cost_usd: 1,
    });
    process.exitCode = 1;
    break;
  case "other-tools":
    init([...TOOLS, "Bash"]);
    forever();
    break;
  case "no-server":
    init([], "failed");
    forever();
    break;
  case "forgot":
    if (option("resume") === "") {
      init();
      said(`anew: ${prompt}`);
      result("ok");
    } else {
      say({
        type: "result",
        subtype: "error_during_execution",
        is_error: true,
        errors: [`No conversation found with session ID: ${session_id}`],
        duration_ms: 0,
        total_cost_usd: 0,
      });
      process.exitCode = 1;
    }
    break;
  case "in-use":
    if (option("resume") === "") {
      process.stderr.write(`Error: Session ID ${session_id} is already in use.\n`);
      process.exitCode = 1;
    } else {
      init();
      said("resumed");
      result("ok");
    }
    break;
  default:
    process.stderr.write(`no such manner: ${manner}\n`);
    process.exitCode = 2;
}
