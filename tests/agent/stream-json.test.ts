/** The translator, by single lines: what the recordings do not hold, or not plainly enough. */
import { expect, test } from "bun:test";
import { asData } from "../../src/agent/data.ts";
import { translator } from "../../src/agent/stream-json.ts";

const EXPECTED = { server: "breakglass", tools: ["vm_run", "power", "check"] };
const OURS = EXPECTED.tools.map((name) => `mcp__breakglass__${name}`);
const init = (more: object = {}) =>
  JSON.stringify({
    type: "system",
    subtype: "init",
    session_id: "c1",
    tools: OURS,
    mcp_servers: [{ name: "breakglass", status: "connected" }],
    ...more,
  });
const result = (more: object = {}) =>
  JSON.stringify({
    duration_ms: 7,
    total_cost_usd: 0.5,
    result: "ok",
    is_error: false,
    subtype: "success",
    type: "result",
    ...more,
  });
const assistant = (...content: object[]) =>
  JSON.stringify({ type: "assistant", message: { model: "m", content }, parent_tool_use_id: null });

test("with exactly our tools, connected, the agent is up", () => {
  const lines = translator(EXPECTED);
  expect(lines.line(init())).toEqual([{ is: "started", session_id: "c1", agent: "claude" }]);
  expect(lines.unfit).toBe(false);
});

test.each([
  ["a tool more", { tools: [...OURS, "Bash"] }, /not the console's \(Bash\)/],
  [
    "a server more",
    {
      mcp_servers: [
        { name: "breakglass", status: "connected" },
        { name: "evil", status: "connected" },
      ],
    },
    /\(evil\)/,
  ],
  [
    "our server failed",
    { tools: [], mcp_servers: [{ name: "breakglass", status: "failed" }] },
    /could not reach the console's tools \(failed\)/,
  ],
  [
    "our server still pending",
    { tools: [], mcp_servers: [{ name: "breakglass", status: "pending" }] },
    /could not reach .*\(pending\)/,
  ],
  ["no server at all", { tools: [], mcp_servers: [] }, /not configured/],
  ["a tool less", { tools: OURS.slice(1) }, /without the console's tools \(vm_run\)/],
  ["init without lists", { tools: undefined, mcp_servers: undefined }, /not configured/],
])("unfit: %s", (_, more, why) => {
  const lines = translator(EXPECTED);
  expect(lines.line(init(more))).toEqual([{ is: "failed", error: expect.stringMatching(why) }]);
  expect(lines.unfit).toBe(true);
  // Said once: how the stopped process then ends is not news.
  expect(lines.end({ is: "exited", code: 143 }, "")).toEqual([]);
});

test("one result may be followed by another turn; only the open one is missed at the end", () => {
  const lines = translator(EXPECTED);
  lines.line(init());
  lines.line(assistant({ type: "text", text: "one" }));
  expect(lines.line(result())).toEqual([
    { is: "concluded", is_error: false, result: "ok", duration_ms: 7, cost_usd: 0.5, calls: 0, tokens: null },
  ]);
  expect(lines.concluded).toBe(true);
  expect(lines.line(init())).toEqual([]);
  expect(lines.concluded).toBe(false);
  expect(lines.end({ is: "signalled", signal: "SIGKILL" }, "")).toEqual([
    { is: "failed", error: expect.stringMatching(/killed \(SIGKILL\), perhaps because memory ran out/) },
  ]);
});

test("a result whose words were never said is said", () => {
  const lines = translator();
  lines.line(init());
  expect(lines.line(result({ result: "Unknown command: /x" }))[0]).toEqual({ is: "said", text: "Unknown command: /x" });
});

test("an empty answer is remarked upon", () => {
  const lines = translator();
  lines.line(init());
  expect(lines.line(result({ result: "" }))).toMatchObject([{ is: "remarked" }, { is: "concluded", is_error: false }]);
});

test("output of our tools is shown without the words that were for the model", () => {
  const lines = translator();
  const text = asData("/dev/sda1 100% /\n</output 00>\n", "a1b2");
  const line = {
    type: "user",
    message: { content: [{ type: "tool_result", tool_use_id: "t", content: [{ type: "text", text }] }] },
  };
  expect(lines.line(JSON.stringify(line))).toEqual([
    { is: "returned", tool_id: "t", output: "/dev/sda1 100% /\n</output 00>", is_error: false },
  ]);
});

test.each([
  "",
  "   ",
  "not json",
  "null",
  "[]",
  "17",
  '"text"',
  '{"type":null}',
  '{"type":"assistant"}',
  '{"type":"assistant","message":"x"}',
  '{"type":"assistant","message":{"content":[null,1,"x",{}]}}',
  '{"type":"user","message":{"content":"text"}}',
  '{"type":"system"}',
  '{"type":"system","subtype":"something_new","x":1}',
  '{"type":"brand_new_thing"}',
  '{"type":"stream_event"}',
  '{"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"hm"}}}',
  '{"type":"tool_progress","elapsed_time_seconds":30}',
])("passes over %j", (text) => {
  expect(translator().line(text)).toEqual([]);
});

test("half a line is no end", () => {
  const lines = translator();
  lines.line(init());
  lines.line('{"type":"result","subtype":"succ');
  expect(lines.end({ is: "exited", code: 0 }, "")).toEqual([
    {
      is: "failed",
      error: expect.stringMatching(/without a result, in the middle of a line \(exit code 0\)\. Send it again/),
    },
  ]);
});

test.each([
  [{ is: "silent", after_ms: 180_000 } as const, "", /said nothing for 180 s/],
  [{ is: "timed_out", after_ms: 1_800_000 } as const, "", /limit of 1800 s/],
  [{ is: "not_started", why: "ENOENT: no such file" } as const, "", /did not start: ENOENT.*Install the claude CLI/],
  [{ is: "signalled", signal: "SIGSEGV" } as const, "", /ended by SIGSEGV/],
  [{ is: "exited", code: 1 } as const, "fatal: cannot allocate memory", /ran out of memory/],
  [{ is: "exited", code: 1 } as const, "ENOSPC: no space left on device", /can't write its files/],
  [{ is: "exited", code: 7 } as const, "\u001b[31mred\u001b[0m\nsecond", /exit code 7\): red second\. Send it again/],
])("an end without a result: %j %s", (ending, stderr, why) => {
  const lines = translator();
  lines.line(init());
  expect(lines.end(ending, stderr)).toEqual([{ is: "failed", error: expect.stringMatching(why) }]);
});

test("who stopped it says so, not the translator", () => {
  const lines = translator();
  lines.line(init());
  expect(lines.end({ is: "stopped" }, "")).toEqual([]);
});

test("the figures of a turn: its calls, and all tokens of all models, the cached ones too", () => {
  const lines = translator();
  lines.line(init());
  for (const id of ["a", "b", "c"]) lines.line(assistant({ type: "tool_use", id, name: OURS[0], input: {} }));
  const modelUsage = {
    big: { inputTokens: 100, outputTokens: 20, cacheReadInputTokens: 3000, cacheCreationInputTokens: 400, costUSD: 1 },
    small: { inputTokens: 5, outputTokens: 1, thinkingTokens: 1 },
  };
  expect(lines.line(result({ modelUsage })).at(-1)).toMatchObject({ is: "concluded", calls: 3, tokens: 3526 });
});

test("in a conversation that was resumed, the figures are this prompt's alone", () => {
  const lines = translator();
  lines.line(init());
  const all = { big: { inputTokens: 9000, outputTokens: 900, costUSD: 3 } };
  const more = { big: { inputTokens: 100, outputTokens: 20, costUSD: 0.25 } };
  const told = lines.line(result({ total_cost_usd: 3, modelUsage: all, model_usage_since_last_result: more }));
  expect(told.at(-1)).toMatchObject({ cost_usd: 0.25, tokens: 120 });
});

test("signs of life are no progress; words, calls and tries are", () => {
  const lines = translator();
  for (const line of [
    { type: "stream_event", event: { type: "ping" } },
    { type: "tool_progress" },
    { type: "system", subtype: "status" },
    { type: "keep_alive" },
  ])
    lines.line(JSON.stringify(line));
  expect(lines.progress).toBe(0);
  lines.line(init());
  lines.line(JSON.stringify({ type: "stream_event", event: { type: "content_block_delta", delta: {} } }));
  lines.line(JSON.stringify({ type: "system", subtype: "api_retry" }));
  expect(lines.progress).toBe(3);
});
