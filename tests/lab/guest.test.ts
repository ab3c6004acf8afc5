import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askGuest } from "../../src/lab/guest.ts";
import { afterRepair, afterStart, breakVm, type Fault, newWorld, type World } from "../../src/lab/world.ts";

const T = 1_700_000_000_000;

function guest(fault: Fault = "none", seed = 7) {
  let world: World = breakVm(
    afterStart(newWorld({ vmid: 102, name: "devvm", seed }), 4000, T - 60_000),
    fault,
    T - 30_000,
  );
  let now = T;
  const type = async (command: string, user = "breakglass") => {
    let stdout = "";
    let stderr = "";
    const code = await askGuest({
      user,
      command,
      machine: {
        now: () => now,
        world: () => world,
        repair: (repair) => {
          world = afterRepair(world, repair, now);
        },
        sleep: async (ms) => {
          now += ms;
        },
      },
      heard: (from, text) => {
        if (from === "stdout") stdout += text;
        else stderr += text;
      },
    });
    return { code, stdout, stderr };
  };
  return { type, world: () => world, clock: () => now - T };
}

describe("the shell language that people type", () => {
  const said = async (command: string) => (await guest().type(command)).stdout;

  test("quotes, variables, substitution, sums", async () => {
    expect(await said(`x="a  b"; echo "$x" '$x' $x \${y:-none} $(hostname) $((2+3*4))`)).toBe(
      "a  b $x a b none devvm 14\n",
    );
  });

  test("lists, groups, pipes, redirections and exit codes", async () => {
    expect(await said("false || echo no && echo yes; true && { echo a; echo b; } | wc -l")).toBe("no\nyes\n2\n");
    expect(await said("nosuch 2>/dev/null; echo $?; (exit 3); echo $?")).toBe("127\n3\n");
    expect(await said("nosuch 2>&1 | grep -c 'command not found'")).toBe("1\n");
  });

  test("loops, conditions, functions, case", async () => {
    expect(await said("for i in 1 2 3; do if [ $i = 2 ]; then continue; fi; echo n$i; done")).toBe("n1\nn3\n");
    expect(await said('f() { echo "f:$1:$#"; }; f one two; case abc in a*) echo hit;; *) echo miss;; esac')).toBe(
      "f:one:2\nhit\n",
    );
  });

  test("an unknown command is told as bash tells it", async () => {
    expect(await guest().type("nosuch --flag")).toEqual({
      code: 127,
      stdout: "",
      stderr: "bash: nosuch: command not found\n",
    });
  });

  test("what can't be read is a syntax error, not a crash", async () => {
    for (const odd of ['echo "open', "if true; then", "a | | b", "$(", "((((", "}", ";;", "< ", "case x in", "'"])
      expect((await guest().type(odd)).code).toBeGreaterThan(0);
  });

  test("an endless loop ends, and an endless sleep ends with its timeout", async () => {
    expect((await guest().type("while true; do :; done")).code).toBe(137);
    const { type, clock } = guest();
    expect((await type("timeout 5 sleep 900")).code).toBe(124);
    expect(clock()).toBe(5000);
  });

  test("random text is always answered with an exit code", async () => {
    let n = 7;
    const random = () => {
      n = (Math.imul(n, 1_103_515_245) + 12_345) >>> 0;
      return n / 2 ** 32;
    };
    const bits = [
      "echo ",
      "'",
      '"',
      "$(",
      ")",
      "`",
      "|",
      ";",
      "&&",
      "{",
      "}",
      "if ",
      "done",
      "$x",
      "\\",
      "\n",
      "ps ",
      "-e",
      "<",
      ">",
      "sudo ",
      "grep [",
      "awk {",
      "*",
      "é\u0000",
    ];
    for (let i = 0; i < 1500; i++) {
      const command = Array.from(
        { length: 1 + Math.floor(random() * 9) },
        () => bits[Math.floor(random() * bits.length)],
      ).join("");
      const { code } = await guest().type(command);
      expect(Number.isInteger(code)).toBe(true);
    }
  });
});

describe("nothing of it is real", () => {
  test("commands that would write, remove or read here touch nothing of this machine", async () => {
    const dir = mkdtempSync(join(tmpdir(), "guest-"));
    const file = join(dir, "precious");
    writeFileSync(file, "kept");
    const { type } = guest();
    for (const command of [
      `rm -rf ${dir}`,
      `sudo rm -rf ${file}`,
      `echo x > ${dir}/new`,
      `sudo sh -c 'touch ${dir}/new'`,
      `find ${dir} -delete`,
      `sudo truncate -s 0 ${file}`,
    ])
      await type(command);
    expect(await Bun.file(file).text()).toBe("kept");
    expect(existsSync(join(dir, "new"))).toBe(false);
    expect((await type(`cat ${file}`)).stderr).toContain("No such file");
    expect((await type(`kill -9 ${process.pid}`)).stderr).toContain("No such process");
    rmSync(dir, { recursive: true });
  });
});

describe("faults show, and their cures cure", () => {
  test("a full disk: df says 100 %, root may free it, others may not", async () => {
    const { type, world } = guest("disk_full");
    expect((await type("df -P / | tail -1")).stdout).toMatch(/ 0 +100% \/$/m);
    expect((await type("systemctl --failed --plain --no-legend")).stdout).toContain("app-worker.service");
    expect((await type("rm /var/lib/app/export/orders-full.dump")).stderr).toContain("Permission denied");
    expect(world().fault).toBe("disk_full");
    expect((await type("sudo rm -f /var/lib/app/export/orders-full.dump && df -h /")).stdout).toContain("60% /");
    expect(world().fault).toBe("none");
  });

  test("a full disk is also cured by a journal vacuum", async () => {
    const { type, world } = guest("disk_full");
    await type("sudo journalctl --vacuum-size=200M");
    expect(world().fault).toBe("none");
  });

  test("out of memory: the figures of the crawl; killing the largest ends it", async () => {
    const { type, world } = guest("out_of_memory");
    expect((await type("ps -eo stat= | grep -c ^D")).stdout).toBe("41\n");
    expect((await type("uptime")).stdout).toContain("load average: 60.42");
    const pid = (await type("ps -eo pid,comm --sort=-rss --no-headers | head -1 | awk '{print $1}'")).stdout.trim();
    expect((await type(`kill ${pid}`)).stderr).toContain("not permitted");
    expect((await type(`sudo kill -9 ${pid}`)).code).toBe(0);
    expect(world().fault).toBe("none");
  });

  test("a dead service: status says so, a restart brings it back", async () => {
    const { type, world } = guest("service_dead");
    expect((await type("systemctl is-active nginx")).stdout).toBe("failed\n");
    expect((await type("curl -s localhost")).code).toBe(7);
    expect((await type("systemctl restart nginx")).code).toBe(1);
    expect((await type("sudo -n systemctl restart nginx; systemctl is-active nginx")).stdout).toBe("active\n");
    expect(world().fault).toBe("none");
  });
});

test("the same seed types the same answer", async () => {
  const asked = "ps aux --sort=-%mem | head -8; free -m; df -h; uptime";
  const [a, b, c] = [
    await guest("none", 3).type(asked),
    await guest("none", 3).type(asked),
    await guest("none", 4).type(asked),
  ];
  expect(a).toEqual(b);
  expect(a).not.toEqual(c);
});
