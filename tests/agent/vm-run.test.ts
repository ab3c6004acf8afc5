/** One command of the agent over a real sshd and the real wrapper: what it answers, how it is stopped, what is left of it. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { WRAPPER } from "../../src/agent/far-run.ts";
import { Outputs } from "../../src/agent/outputs.ts";
import { type RunningCommand, VmRuns } from "../../src/agent/vm-run.ts";
import { sshArgv } from "../../src/target/ssh.ts";
import type { Target } from "../../src/target/target.ts";
import { cleanUp, tempDir } from "../support/server.ts";
import { type Sshd, startSshd } from "../support/sshd.ts";

setDefaultTimeout(60_000);

const dir = tempDir("vm-run");
let sshd: Sshd;
let runs: VmRuns;
let outputs: Outputs;
let target: Target;
const shown: (readonly RunningCommand[])[] = [];
const env = { PATH: process.env.PATH ?? "/usr/bin:/bin" };
const stray: number[] = [];

beforeAll(async () => {
  sshd = await startSshd({ dir: join(dir, "vm") });
  const place = { host: sshd.host, port: sshd.port, user: sshd.user };
  target = { id: "vm", name: "vm", vmid: 102, lab: false, vm: place, pve: place } as Target;
  const ssh = { program: ["ssh"], known_hosts: sshd.known_hosts, host_keys: "yes" as const, identity: sshd.identity };
  outputs = new Outputs(join(dir, "outputs"), 3);
  runs = new VmRuns({
    spawn: (t, command) => ({ argv: sshArgv(ssh, t.vm, command), env }),
    outputs,
    newId: () => crypto.randomUUID(),
    show: (_, running) => void shown.push(running),
  });
});
afterAll(async () => {
  for (const pid of stray) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // gone
    }
  }
  await sshd?.stop();
  cleanUp(dir);
});

let n = 0;
/** A word that stands in the command line of whatever a test starts, and nowhere else. */
const word = () => `${process.pid}${String(++n).padStart(4, "0")}`;
const run = (command: string, more: { timeout_s?: number; tool_id?: string; signal?: AbortSignal } = {}) =>
  runs.run({ session: "s1", target, command, timeout_s: 60, ...more });

function processesWith(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        // A zombie has no command line any more.
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);
}
async function began(text: string, least = 1): Promise<void> {
  while (processesWith(text).length < least) await Bun.sleep(20);
}
/** The command's own processes are gone at once; a shell of the wrapper may still be on its way out, and must get there. */
async function noneLeft(text: string): Promise<void> {
  const ofWrapper = processesWith(`${WRAPPER} `);
  expect(processesWith(text).filter((pid) => !ofWrapper.includes(pid))).toEqual([]);
  while (processesWith(text).length > 0) await Bun.sleep(20);
}

test("output, exit code and both pipes come back; the command has nothing on stdin, and the wrapper shows nowhere", async () => {
  const done = await run("echo out; echo err >&2; cat; echo $0; printf 'no end'; exit 3");
  expect(done.text).toBe("out\nbash\nno end\n\nstderr:\nerr\n[exit code 3]");
  expect(done.is_error).toBe(true);
  expect(await run("true")).toEqual({ text: "[exit code 0]", is_error: false, ended: undefined });
  expect((await run("kill -SEGV $$")).text).toContain("exit code 139, as after SIGSEGV");
  expect((await run("kill -INT $$; sleep 5")).text).toContain("exit code 130, as after SIGINT");
  expect((await run("echo; echo a; echo; echo")).text).toBe("\na\n\n\n[exit code 0]");
  const quotes = `it's "a" $HOME \\ \`b\` ü`;
  expect((await run(`cat <<'END'\n${quotes}\nEND`)).text).toBe(`${quotes}\n[exit code 0]`);
});

test("the limit ends the whole group there, also what ignores TERM, and says so", async () => {
  const mark = word();
  const done = await run(`trap '' TERM; (trap '' TERM; sleep 71${mark}) & echo begun; sleep 72${mark}`, {
    timeout_s: 1,
  });
  expect(done.text).toContain("begun");
  expect(done.text).toMatch(/ended after its limit of 1 s; ended there too: no process of the group \d+ is left\]$/);
  await noneLeft(mark);
});

test("what a command leaves in the background is ended with it, and counted", async () => {
  const mark = word();
  const done = await run(`sleep 73${mark} & echo over`);
  expect(done.text).toContain("exit code 0; 1 process that it had left in the background was ended");
  expect(done.is_error).toBe(false);
  await noneLeft(mark);
});

const HARD = [
  ["a plain sleep", (m: string) => `sleep 600${m}`, 1],
  [
    "a pipeline with children",
    (m: string) => `(sleep 601${m} | cat) | while read x; do echo $x; done & sleep 602${m} | cat`,
    2,
  ],
  ["one that ignores TERM", (m: string) => `trap '' TERM INT HUP; while :; do sleep 603${m}; done`, 1],
  ["one with a job of its own group", (m: string) => `set -m; sleep 604${m} & sleep 605${m}`, 2],
] as const;

test("20 of 20 stops leave nothing there, by the process list", async () => {
  const took: number[] = [];
  // On a busy machine a stop may come before the word of the group does: then it is said that nothing could be proven.
  let proved = 0;
  const once = async (make: (mark: string) => string, least: number) => {
    const mark = word();
    const tool_id = `toolu_${mark}`;
    const running = run(make(mark), { tool_id });
    await began(mark, least + 2);
    const asked = performance.now();
    expect(runs.stop("s1", tool_id, "alice")).toBe(true);
    while (processesWith(mark).length > 0) await Bun.sleep(20);
    took.push(performance.now() - asked);
    const done = await running;
    expect(done.text).toMatch(
      /the operator \(alice\) stopped this command; (ended there too: no process of the group \d+ is left|whether it ended there could not be proven: the VM had not told its group; no process with its mark was found)\]$/,
    );
    if (done.ended?.includes("ended there too")) proved++;
    expect(done.is_error).toBe(true);
    await noneLeft(mark);
  };
  for (let round = 0; round < 5; round++) await Promise.all(HARD.map(([, make, least]) => once(make, least)));
  took.sort((a, b) => a - b);
  console.log(
    `20 stops: nothing left after ${(took[10]! / 1000).toFixed(2)} s (median), ${(took[19]! / 1000).toFixed(2)} s (longest)`,
  );
  expect(took).toHaveLength(20);
  expect(proved).toBeGreaterThan(15);
});

test("the turn's own stop ends it, too", async () => {
  const mark = word();
  const over = new AbortController();
  const running = run(`sleep 606${mark}`, { signal: over.signal });
  await began(mark);
  over.abort();
  expect((await running).text).toMatch(/stopped with the turn; ended there too/);
  await noneLeft(mark);
  expect((await run("echo x", { signal: over.signal })).text).toContain("nothing was run");
});

test("a killed ssh client leaves nothing there, and the answer says how that is known", async () => {
  const mark = word();
  const running = run(`sleep 607${mark} | cat`);
  // The sleep itself, and not only the command lines that hold it: the group was told before it began.
  while (!processesWith(`sleep 607${mark}`).some((pid) => readFileSync(`/proc/${pid}/comm`, "utf8") === "sleep\n"))
    await Bun.sleep(20);
  // Our own child is the ssh whose command line holds the command.
  const client = processesWith(`sleep 607${mark}`).find((pid) => {
    const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return argv[0] === "ssh";
  });
  expect(client).toBeDefined();
  process.kill(client!, "SIGKILL");
  const done = await running;
  expect(done.text).toContain("the connection to the VM broke while it ran");
  expect(done.text).toMatch(/ended there too: no process of the group \d+ is left/);
  await noneLeft(mark);
});

test("a link that breaks before the group was told proves nothing, and ends nobody else's process", async () => {
  const mark = word();
  const bystander = Bun.spawn(["sleep", `600${mark}`], { env });
  const early = new VmRuns({
    spawn: (_, command) =>
      command.includes("breakglass-left")
        ? { argv: ["sh", "-c", command], env }
        : { argv: ["sh", "-c", "kill -KILL $$"], env },
    outputs,
    newId: () => crypto.randomUUID(),
    show: () => {},
  });
  expect((await early.run({ session: "s1", target, command: "ls", timeout_s: 5 })).text).toContain(
    "could not be proven: the VM had not told its group; no process with its mark was found",
  );
  expect(bystander.exitCode).toBeNull();
  bystander.kill();
});

test("what left its session is not caught, and is named", async () => {
  const mark = word();
  const tool_id = `toolu_${mark}`;
  const running = run(`(setsid sleep 608${mark} >/dev/null 2>&1 &) ; sleep 609${mark}`, { tool_id });
  await began(`609${mark}`);
  // Not the shells that hold it in their command line: the process itself, in its own session.
  const away = () =>
    processesWith(`sleep 608${mark}`).some((pid) => {
      const [name, , , , session] = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^\d+ /, "").split(" ");
      return name === "(sleep)" && Number(session) === pid;
    });
  while (!away()) await Bun.sleep(20);
  runs.stop("s1", tool_id, "alice");
  const done = await running;
  expect(done.text).toMatch(
    /no process of the group \d+ is left; not caught, because it left its session: \d+ sleep 608/,
  );
  const left = processesWith(`608${mark}`);
  stray.push(...left);
  expect(left).toHaveLength(1); // else this proves nothing
});

test("where the far end can't be asked, it says that nothing is proven", async () => {
  const lost = new VmRuns({
    spawn: (_, command) =>
      command.includes("breakglass-left")
        ? { argv: ["sh", "-c", "echo 'ssh: connect: No route to host' >&2; exit 255"], env }
        : { argv: ["setsid", "--wait", "sh", "-c", command], env },
    outputs,
    newId: () => crypto.randomUUID(),
    show: () => {},
  });
  const mark = word();
  const running = lost.run({ session: "s1", target, command: `sleep 610${mark}`, timeout_s: 60, tool_id: "t" });
  await began(`610${mark}`, 2);
  lost.stop("s1", "t", "alice");
  expect((await running).text).toContain("whether it ended there could not be proven: ssh: connect: No route to host");
  const never = new VmRuns({
    spawn: () => ({ argv: ["sh", "-c", "echo 'ssh: no route' >&2; exit 255"], env }),
    outputs,
    newId: () => crypto.randomUUID(),
    show: () => {},
  });
  expect((await never.run({ session: "s1", target, command: "ls", timeout_s: 5 })).text).toBe(
    "stderr:\nssh: no route\n[exit code 255; the command did not begin]",
  );
});

test("its last lines are shown while it runs, bounded, and cleared at the end", async () => {
  shown.length = 0;
  const mark = word();
  const tool_id = `toolu_${mark}`;
  const running = run(`for i in $(seq 1 300); do echo line $i; done; sleep 611${mark}`, { tool_id });
  while (!shown.at(-1)?.[0]?.recent.includes("line 300")) await Bun.sleep(20);
  const [seen] = shown.at(-1)!;
  expect(seen).toMatchObject({ session: "s1", tool_id, stopping: false });
  expect(seen!.recent.length).toBeLessThanOrEqual(2000);
  // A page that opens now is shown it, though nothing new was printed.
  shown.length = 0;
  runs.attended();
  while (shown.length === 0) await Bun.sleep(20);
  expect(shown.at(-1)![0]!.recent).toContain("line 300");
  expect(runs.stop("another", tool_id, "alice")).toBe(false);
  runs.stop("s1", tool_id, "alice");
  await running;
  expect(shown.at(-1)).toEqual([]);
  expect(runs.stop("s1", tool_id, "alice")).toBe(false);
});

test("50 MB, a line of 5 MB, 1 MB of errors, broken UTF-8 and NUL: bounded in the answer, kept in a file up to 4 MiB", async () => {
  const big = await run("yes 0123456789012345678901234567890123456789 | head -c 50000000; echo last", {
    tool_id: "toolu_big",
  });
  expect(big.text.length).toBeLessThanOrEqual(24_000);
  expect(big.text).toMatch(/characters were left out here[\s\S]*last\n\[exit code 0\]$/);
  const kept = outputs.find("s1", "toolu_big")!;
  expect(kept.bytes).toBeGreaterThan(4 * 1024 * 1024);
  expect(kept.bytes).toBeLessThan(4 * 1024 * 1024 + 200);
  expect(statSync(kept.path).mode & 0o777).toBe(0o600);
  expect(readFileSync(kept.path, "utf8")).toMatch(/^0123456789[\s\S]*more bytes were printed and not kept\]\n$/);

  const line = await run("head -c 5000000 /dev/zero | tr '\\0' x; echo; echo after", { tool_id: "toolu_line" });
  expect(line.text.length).toBeLessThanOrEqual(24_000);
  expect(line.text).toMatch(
    /^x+\n\[\d+ of \d+ characters were left out here; [^\n]+\]\nx+ \[805696 more [^\n]+\]\nafter\n/,
  );
  const long = outputs.find("s1", "toolu_line")!;
  expect(long.bytes).toBeLessThan(4 * 1024 * 1024 + 200);
  expect(readFileSync(long.path, "utf8")).toMatch(/^x{4000000}x*\n\[\d+ more bytes were printed and not kept\]\n$/);

  const errors = await run("yes problem | head -c 1000000 >&2; echo fine", { tool_id: "toolu_errors" });
  expect(errors.text).toMatch(/^fine\n\nstderr:\nproblem\n[\s\S]*characters were left out here[\s\S]*problem\n/);
  expect(errors.text.length).toBeLessThanOrEqual(24_000);
  expect(outputs.find("s1", "toolu_errors")!.bytes).toBe(1_000_000 + "fine\n".length);

  const odd = await run("printf 'a\\377b\\000c\\xed\\xa0\\x80'");
  // A surrogate in UTF-8 is no character: each of its bytes shows as one that could not be read.
  expect(odd.text).toBe("a\ufffdb\0c\ufffd\ufffd\ufffd\n[exit code 0]");
  // Only the newest are kept.
  await run("yes | head -c 100000", { tool_id: "toolu_next" });
  expect(outputs.find("s1", "toolu_next")).not.toBeNull();
  expect(outputs.find("s1", "toolu_big")).toBeNull();
  expect(outputs.find("s1", "../vm/client_key")).toBeNull();
});

for (const shell of ["dash", "bash", "busybox"])
  test(`the wrapper is at home in ${shell}`, async () => {
    const found = Bun.which(shell);
    if (!found) return console.log(`${shell} is not installed here: not tried`);
    const folder = join(dir, shell);
    const argv = [
      "sh",
      "-c",
      `mkdir -p ${folder}; for x in sh ${shell === "busybox" ? "grep sed tr cut cat sleep setsid timeout head" : ""}; do ln -sf ${found} ${folder}/$x; done`,
    ];
    expect(Bun.spawnSync(argv, { env }).exitCode).toBe(0);
    const PATH = shell === "busybox" ? folder : `${folder}:${env.PATH}`;
    const here = new VmRuns({
      spawn: (_, command) => ({
        // Apart from us, as behind ssh: what ends our child must not end the wrapper.
        argv: [Bun.which("setsid")!, "--wait", join(folder, "sh"), "-c", command],
        env: { PATH },
      }),
      outputs,
      newId: () => crypto.randomUUID(),
      show: () => {},
    });
    const mark = word();
    const on = (command: string, timeout_s = 60) =>
      here.run({ session: "s1", target, command, timeout_s, tool_id: mark });
    expect((await on("echo hi; exit 4")).text).toBe("hi\n[exit code 4]");
    expect((await on("kill -INT $$; sleep 5")).text).toContain("exit code 130, as after SIGINT");
    expect((await on(`sleep 612${mark}`, 1)).text).toMatch(/after its limit of 1 s; ended there too/);
    const running = on(`trap '' TERM; sleep 613${mark} | cat`);
    await began(`sleep 613${mark}`, 2);
    here.stop("s1", mark, "alice");
    expect((await running).text).toMatch(/stopped this command; ended there too: no process of the group/);
    await noneLeft(mark);
    rmSync(folder, { recursive: true, force: true });
  });
