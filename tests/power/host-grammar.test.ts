/** The host script's gate, through a real sshd: what it answers, what it refuses, and a log that no client can forge. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runChild } from "../../src/child.ts";
import { sshArgv } from "../../src/target/ssh.ts";
import { onlyWhere } from "../support/only-where.ts";
import { type PveHost, SCRIPT, startPveHost } from "../support/pve-host.ts";
import { startSshd } from "../support/sshd.ts";

let host: PveHost;
beforeAll(async () => {
  host = await startPveHost({ vmids: "102 105" });
});
afterAll(() => host.end());

test("version is answered", async () => {
  expect(await host.ask("version")).toEqual({ code: 0, stdout: "breakglass-pve 2\n", stderr: "" });
});

test("an id that nobody used: exit 3", async () => {
  const answer = await host.ask("report nobody-used-this");
  expect(answer.code).toBe(3);
  expect(answer.stdout).toBe("");
  expect(answer.stderr).toBe("breakglass-pve: no run has the request id nobody-used-this\n");
});

test("the VM may be named, and may be another one that the key allows", async () => {
  expect((await host.ask("status@102")).stdout).toContain("\nvmid: 102\n");
  expect((await host.ask("status@105")).stdout).toContain("\nvmid: 105\n");
  expect((await host.ask("status")).stdout).toContain("\nvmid: 102\n");
  expect((await host.ask("status@102 12345678-abc_DEF override=backup")).code).toBe(0);
});

test("300 hostile command strings: all refused, nothing happens, one honest log line each", async () => {
  const hostile = hostileCommands(300);
  expect(new Set(hostile).size).toBe(300);
  const calls = host.ledger().length;
  const before = host.log().length;
  const files = readdirSync(host.world).sort();
  const wrong: string[] = [];
  const left = [...hostile];
  const send = async () => {
    for (let command = left.pop(); command !== undefined; command = left.pop()) {
      const { code, stdout, stderr } = await host.ask(command);
      const refused = code === 2 && stdout === "" && /^breakglass-pve: rejected: [ -~]+\n$/.test(stderr);
      if (!refused) wrong.push(`${JSON.stringify(command)} → ${code} ${stdout} ${stderr}`);
    }
  };
  await Promise.all([send(), send(), send(), send(), send(), send()]);
  expect(wrong).toEqual([]);
  expect(host.ledger().length).toBe(calls);
  expect(readdirSync(host.world).sort()).toEqual(files);
  expect(readdirSync(join(host.world, "state")).filter((name) => name !== "void")).toEqual([]);
  const lines = host.log().slice(before);
  expect(lines.length).toBe(300);
  expect(lines.filter((line) => !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ 127\.0\.0\.1 rejected [ -~]*$/.test(line))).toEqual(
    [],
  );
}, 120_000);

test("what the client puts into its environment changes nothing", async () => {
  const elsewhere = join(host.world, "elsewhere");
  const answer = await host.ask("status", [
    "-o",
    `SetEnv=BREAKGLASS_PVE_LOG=${elsewhere} BREAKGLASS_PVE_PERCENT=1 PATH=/nowhere BASH_ENV=/nowhere LC_ALL=C`,
  ]);
  expect(answer.code).toBe(0);
  expect(readdirSync(host.world)).not.toContain("elsewhere");
});

test("a line of authorized_keys with a wrong VM number obeys nothing", async () => {
  for (const args of [[], ["102;reboot"], ["102", "x"], ["012"], ["--run", "/tmp"]]) {
    const { ending, stderr } = await runChild({
      argv: [SCRIPT, ...args],
      env: { PATH: process.env.PATH!, SSH_ORIGINAL_COMMAND: "version", BREAKGLASS_PVE_LOG: join(host.world, "log") },
    });
    expect(ending).toEqual({ is: "exited", code: 2 });
    expect(stderr).toStartWith("breakglass-pve: rejected: ");
  }
});

test("the install guide's line of authorized_keys works word for word, and from= keeps others out", async () => {
  const guide = readFileSync(join(import.meta.dir, "../../docs/host.md"), "utf8");
  const line =
    /^ *command="\/usr\/local\/sbin\/breakglass-pve (102)",restrict,(from="192\.0\.2\.10") ssh-ed25519 /m.exec(guide);
  expect(line).not.toBeNull();
  await using here = await startPveHost({ vmids: line![1], options: line![2]!.replace("192.0.2.10", "127.0.0.1") });
  expect((await here.ask("version")).stdout).toBe("breakglass-pve 2\n");
  const elsewhere = await startSshd({ dir: join(here.world, "elsewhere"), forced: `${SCRIPT} 102`, options: line![2] });
  const argv = sshArgv(
    { program: ["ssh"], known_hosts: elsewhere.known_hosts, host_keys: "yes", identity: elsewhere.identity },
    { host: elsewhere.host, port: elsewhere.port, user: elsewhere.user },
    "version",
  );
  const { ending, stderr } = await runChild({ argv, env: { PATH: process.env.PATH!, HOME: here.world } });
  await elsewhere.stop();
  expect(ending).toEqual({ is: "exited", code: 255 });
  expect(stderr).toContain("Permission denied");
}, 60_000);

onlyWhere(Bun.which("shellcheck") !== null, "shellcheck")(
  "the script and the stand-in pass shellcheck",
  async () => {
    const { ending, stdout } = await runChild({
      argv: ["shellcheck", SCRIPT, join(import.meta.dir, "../support/qm")],
      env: { PATH: process.env.PATH! },
    });
    expect(stdout).toBe("");
    expect(ending).toEqual({ is: "exited", code: 0 });
  },
  60_000,
);

const GRAMMAR =
  /^((status|forensics|start|stop|reset|cycle)(@(102|105))?( [A-Za-z0-9_-]{8,64}( override=[a-z][a-z-]{1,31})?)?|report [A-Za-z0-9_-]{8,64}|version)$/;

function hostileCommands(count: number): string[] {
  const by_hand = [
    "",
    " ",
    "\n",
    "status\n",
    "status\ncycle",
    "cycle\n2026-01-01T00:00:00Z 10.0.0.1 accepted cycle@102 forged-id override=none",
    "x\r\n2026-01-01T00:00:00Z 10.0.0.1 accepted cycle@102",
    "status;touch owned",
    "status && touch owned",
    "status|tee owned",
    "status $(touch owned)",
    "status `touch owned`",
    "$(touch owned)",
    "`touch owned`",
    "$IFS",
    "status > owned",
    "status@103",
    "status@1",
    "status@0102",
    "status@102@105",
    "status@-102",
    "status@102/../105",
    "status@",
    "status@ 102",
    "@102",
    "STATUS",
    "Cycle",
    " status",
    "status ",
    "status  12345678",
    "status\t12345678",
    "cycle short",
    `cycle ${"a".repeat(65)}`,
    "cycle 1234567/",
    "cycle ../../../etc",
    "cycle 12345678 override=",
    "cycle 12345678 override=Backup",
    "cycle 12345678 override=backup ",
    "cycle 12345678 override=backup --skiplock",
    "cycle 12345678 override=back.up",
    "cycle 12345678  override=backup",
    "cycle override=backup",
    "cycle 12345678 override=*",
    "report",
    "report ",
    "report short",
    "report ../../../../etc/passwd",
    "report 12345678 12345678",
    "report@102 12345678",
    "version ",
    "version 2",
    "versions",
    "--run /tmp/x setsid",
    "--help",
    "-c id",
    "bash -i",
    "/bin/sh",
    "scp -t /root",
    "sftp-server",
    "internal-sftp",
    "rsync --server .",
    "qm status 102",
    "qm unlock 102",
    "reboot",
    "\u001b[2J\u001b]52;c;aGk=\u0007",
    "cycle\u202e",
    "сycle",
    "cycle\u200b",
    "ｃycle",
    "status\\n",
    "'status'",
    '"status"',
    "st*tus",
    "{status,cycle}",
    "~root",
    "!!",
    "() { :;}; touch owned",
    "%n%s%x",
    "a".repeat(100_000),
    "status ".repeat(30),
  ];
  // The rest: good commands with one thing changed, seeded.
  let state = 20260611;
  const below = (n: number) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * n);
  };
  const good = ["status", "cycle@102 abcdefgh", "stop@105 req-0001-xyz override=backup", "report abcdefgh", "version"];
  const bits = [..."\n\r\t ;|&$`'\"\\<>(){}[]*?!#~%@=/.:,+^\u0001\u007f\u00a0\u2028é💥", "\u001b[0m", " -", "..", "--"];
  const all = new Set(by_hand);
  while (all.size < count) {
    const base = good[below(good.length)]!;
    const at = below(base.length + 1);
    const bit = bits[below(bits.length)]!;
    const made =
      below(2) === 0 ? base.slice(0, at) + bit + base.slice(at) : base.slice(0, at) + bit + base.slice(at + 1);
    if (!GRAMMAR.test(made)) all.add(made);
  }
  return [...all];
}
