/** The first system's whole job on real parts: the server process, OpenSSH, the host script, and the real Claude Code CLI. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { claudeCli } from "../support/claude-cli.ts";
import { type ApiReply, type ApiRequest, type MessagesApi, messagesApi, textOf } from "../support/messages-api.ts";
import { type RealPlace, startRealPlace, TOKEN } from "../support/real-place.ts";
import { cleanUp, startServer, type TestServer, tempDir } from "../support/server.ts";
import { readSse } from "../support/sse.ts";

setDefaultTimeout(90_000);

let place: RealPlace;
let api: MessagesApi;
let server: TestServer;
let env: Record<string, string>;
let reply: (request: ApiRequest, n: number) => ApiReply | Promise<ApiReply>;
const data = tempDir("claude");

beforeAll(async () => {
  const cli = await claudeCli();
  place = await startRealPlace();
  api = messagesApi((request, n) => reply(request, n));
  env = { ...place.settings(), ...api.env, PATH: `${dirname(cli)}:${process.env.PATH}` };
  server = await startServer(data, env);
}, 600_000);
afterAll(async () => {
  await server?.stop();
  await place?.end();
  await api?.stop();
  cleanUp(data);
});

const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
const post = (path: string, body: unknown = {}) =>
  fetch(`${server.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
const newSession = async () => ((await (await post("/api/session")).json()) as { session_id: string }).session_id;
async function events(session: string, last: string) {
  const stream = readSse(await fetch(`${server.url}/api/session/${session}/stream?format=json`, { headers }));
  await stream.until((f) => f.some((x) => x.data?.includes(`"kind":"${last}"`)));
  await stream.cancel();
  return stream.frames.filter((f) => f.id && f.data).map((f) => JSON.parse(f.data!) as Record<string, any>);
}
const call = (name: string, input: unknown): ApiReply => ({ calls: [{ name: `mcp__breakglass__${name}`, input }] });

const answerNext = async (session: string, decision: "allow" | "deny") => {
  const card = (await events(session, "approval")).find((e) => e.kind === "approval")!;
  expect((await post(`/api/approval/${card.approval_id}`, { decision })).status).toBe(200);
  return card.approval_id as string;
};

test("the agent reads the VM over ssh, is denied a mutating verb, and answers; all of it is in the transcript", async () => {
  writeFileSync(join(place.dir, "evidence"), "root is 100 % full\n");
  reply = (_, n) =>
    n === 1
      ? call("vm_run", { command: `cat ${join(place.dir, "evidence")}; id -un`, reason: "to see" })
      : n === 2
        ? call("power", { verb: "cycle", reason: "it is wedged" })
        : { text: "Found: the disk is full. I would not cycle." };
  const session = await newSession();
  expect(
    (await post(`/api/session/${session}/prompt`, { prompt: "--settings=/etc/passwd what is wrong?" })).status,
  ).toBe(200);
  await answerNext(session, "deny");
  const seen = await events(session, "turn_end");
  expect(seen.map((e) => e.kind).filter((k) => k !== "result")).toEqual([
    "user",
    "session",
    "tool",
    "tool_result",
    "tool",
    "approval",
    "approval",
    "tool_result",
    "text",
    "turn_end",
  ]);
  const [ran, refused] = seen.filter((e) => e.kind === "tool_result");
  expect(ran).toMatchObject({ name: "vm_run", is_error: false });
  expect(ran!.output).toContain("root is 100 % full");
  expect(ran!.output).toContain(place.vm.user);
  expect(refused).toMatchObject({ name: "power", is_error: true });
  expect(refused!.output).toContain("said no to “power cycle”");
  // The model hears it in the same words, and not as something that a machine printed.
  expect(textOf(api.asked.at(-1)!.messages.at(-1)!.content)).toStartWith("The operator (");
  expect(place.host.ledger().some((line) => line.startsWith("stop"))).toBe(false);
  // No secret of ours went with the CLI, and the prompt was no option.
  expect(JSON.stringify(api.asked)).not.toContain(TOKEN);
  expect(textOf(api.asked[0]!.messages[0]!.content)).toContain("--settings=/etc/passwd");
});

test("allowed, a cycle that the agent asked for runs once on the real host, under both names", async () => {
  api.asked.length = 0;
  reply = (_, n) => (n === 1 ? call("power", { verb: "cycle", reason: "it is wedged" }) : { text: "It is back." });
  const stops = () => place.host.ledger().filter((line) => line.startsWith("stop")).length;
  const before = stops();
  const session = await newSession();
  await post(`/api/session/${session}/prompt`, { prompt: "mend it" });
  const id = await answerNext(session, "allow");
  const seen = await events(session, "turn_end");
  expect(seen.find((e) => e.kind === "tool_result")).toMatchObject({ name: "power", is_error: false });
  expect(stops()).toBe(before + 1);
  const action = (await (await fetch(`${server.url}/api/pve/actions/${id}`, { headers })).json()) as { by: string };
  expect(action.by).toMatch(/^agent:[0-9a-f]{8} allowed by /);
});

test("a command is shown while it runs, stopped by itself while the turn goes on, and a long output is kept whole", async () => {
  const answers: string[] = [];
  reply = (request, n) => {
    if (n > 1) answers.push(JSON.stringify(request.messages.at(-1)));
    return n === 1
      ? call("vm_run", { command: "echo looking; sleep 7778", reason: "to wait", timeout_s: 600 })
      : n === 2
        ? call("vm_run", { command: "seq 1 40000", reason: "to see a lot" })
        : { text: "Going on without it." };
  };
  api.asked.length = 0;
  const session = await newSession();
  await post(`/api/session/${session}/prompt`, { prompt: "wait a little" });
  await events(session, "tool");
  while (processesWith("sleep 7778").length === 0) await Bun.sleep(20);
  // A page that is opened only now.
  const page = readSse(await fetch(`${server.url}/api/session/${session}/stream`, { headers }));
  await page.until((f) => f.some((x) => x.data?.includes("Stop this command") && x.data.includes("looking")));
  const shown = page.frames.findLast((f) => f.data?.includes("Stop this command"))!.data!;
  const stop = /action="(\/api\/session\/[^"]+\/stop)"/.exec(shown)![1]!;
  expect(await (await post(stop)).json()).toEqual({ stopped: true });
  await page.until((f) => f.some((x) => x.data?.includes("/outputs/")));
  const link = /href="(\/sessions\/[^"]+\/outputs\/[^"]+)">All of it, ([^<]+)</.exec(
    page.frames.findLast((f) => f.data?.includes("/outputs/"))!.data!,
  )!;
  await page.cancel();
  const seen = await events(session, "turn_end");
  expect(seen.findLast((e) => e.kind === "text")!.text).toBe("Going on without it.");
  expect(seen.find((e) => e.kind === "tool_result")!.output).toMatch(
    /stopped this command; ended there too: no process of the group \d+ is left/,
  );
  expect(answers[0]).toContain("stopped this command");
  expect(processesWith("sleep 7778")).toEqual([]);
  const whole = await fetch(`${server.url}${link[1]}`, { headers });
  expect(whole.headers.get("content-type")).toStartWith("text/plain");
  expect(await whole.text()).toBe(`${Array.from({ length: 40_000 }, (_, i) => i + 1).join("\n")}\n`);
  expect(link[2]).toBe("229 kB");
  expect(await (await post(stop)).json()).toEqual({ stopped: false });
  expect((await fetch(`${server.url}/sessions/${session}/outputs/..%2Fbreakglass.db`, { headers })).status).toBe(404);
});

test("killed with -9 in the middle of a turn: marked once, nothing left running, and the conversation goes on with its memory", async () => {
  api.asked.length = 0;
  reply = (_, n) => (n === 1 ? call("vm_run", { command: "sleep 7777", reason: "to wait" }) : { text: "Going on." });
  const session = await newSession();
  await post(`/api/session/${session}/prompt`, { prompt: "remember the word heliotrope" });
  await events(session, "tool");
  while (processesWith("sleep 7777").length === 0) await Bun.sleep(20);
  await server.stop("SIGKILL");
  server = await startServer(data, env);
  const cut = await events(session, "turn_end");
  expect(cut.map((e) => e.kind).slice(-2)).toEqual(["error", "turn_end"]);
  expect(cut.filter((e) => e.kind === "error")).toHaveLength(1);
  while (processesWith(join(data, "claude")).length > 0) await Bun.sleep(50);
  const asked = api.asked.length;
  await post(`/api/session/${session}/prompt`, { prompt: "and now?" });
  let all = await events(session, "turn_end");
  while (all.filter((e) => e.kind === "turn_end").length < 2) {
    await Bun.sleep(100);
    all = await events(session, "turn_end");
  }
  expect(all.filter((e) => e.kind === "session").map((e) => e.session_id)).toHaveLength(2);
  expect(new Set(all.filter((e) => e.kind === "session").map((e) => e.session_id)).size).toBe(1);
  const remembered = JSON.stringify(api.asked[asked]!.messages);
  expect(remembered).toContain("heliotrope");
  expect(remembered).toContain("outcome is unknown");
  expect(all.at(-1)?.kind).toBe("turn_end");
  for (const pid of processesWith("sleep 7777")) process.kill(pid, "SIGKILL");
});

/** Pids of processes whose command line or environment names it, but not this test's. */
function processesWith(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && Number(name) !== server.pid)
    .filter((pid) => {
      try {
        const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, "utf8").replaceAll("\0", " ");
        return read("cmdline").includes(text) || read("environ").includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);
}
