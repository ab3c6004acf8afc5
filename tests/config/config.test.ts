/** The settings: each variable good and bad, and the rules between them. A bad one is one sentence that names it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { SETTING_NAMES } from "../../src/config/setting.ts";
import { BadSetting, type Config, onPort, readConfig } from "../../src/config.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "config-"));
  writeFileSync(join(folder, "file"), "x");
  mkdirSync(join(folder, "folder"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Env = Record<string, string>;
const TOKEN = { API_BEARER_TOKEN: "a-long-enough-token" };
const REAL = { BREAKGLASS_PVE_HOST: "192.0.2.1", BREAKGLASS_DEVVM_HOST: "192.0.2.2", ...TOKEN };

function refusal(env: Env): BadSetting {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof BadSetting) return error;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(env)}`);
}

/** Per variable: beside what it is tried, values it takes with what they become, values it refuses. */
const TABLE: Record<string, { with?: Env; good: [string, (c: Config) => unknown, unknown][]; bad: string[] }> = {
  HOST: {
    with: TOKEN,
    good: [
      ["0.0.0.0", (c) => c.host, "0.0.0.0"],
      ["[::1]", (c) => c.host, "::1"],
      ["localhost", (c) => c.host, "localhost"],
    ],
    bad: ["http://localhost", "-oProxyCommand=x", "a b", "localhost:8080", "300.1.1.1", "root@pve"],
  },
  PORT: {
    good: [
      ["9090", (c) => c.port, 9090],
      ["0", (c) => c.port, 0],
    ],
    bad: ["65536", "-1", "80a", "8e3", "0x50", "1.5"],
  },
  BREAKGLASS_DATA_DIR: { with: REAL, good: [["there", (c) => c.data_dir, resolve("there")]], bad: ["a\0b"] },
  BREAKGLASS_SESSIONS_DIR: { good: [["/s", (c) => c.sessions_dir, "/s"]], bad: ["a\0b"] },
  BREAKGLASS_DEVVM_HOST: {
    with: REAL,
    good: [["vm.lan", (c) => c.targets[0].vm.host, "vm.lan"]],
    bad: ["-x", "a@b", "a;b", "$(x)"],
  },
  BREAKGLASS_DEVVM_USER: {
    with: REAL,
    good: [["op", (c) => c.targets[0].vm.user, "op"]],
    bad: ["-l", "a b", "a@b", "9a"],
  },
  BREAKGLASS_DEVVM_PORT: {
    with: REAL,
    good: [["2222", (c) => c.targets[0].vm.port, 2222]],
    bad: ["0", "65536", "ssh"],
  },
  BREAKGLASS_PVE_HOST: {
    with: REAL,
    good: [["fd00::7", (c) => c.targets[0].pve.host, "fd00::7"]],
    bad: ["-x", "a/b", "fd00:::7"],
  },
  BREAKGLASS_PVE_USER: { with: REAL, good: [["bg", (c) => c.targets[0].pve.user, "bg"]], bad: ["-l", "a b"] },
  BREAKGLASS_PVE_PORT: { with: REAL, good: [["2222", (c) => c.targets[0].pve.port, 2222]], bad: ["0", "x"] },
  BREAKGLASS_VMID: {
    with: REAL,
    good: [
      ["999999999", (c) => c.targets[0].vmid, 999999999],
      ["100", (c) => c.targets[0].vmid, 100],
    ],
    bad: ["99", "1000000000", "abc", "102;reboot", "1e2"],
  },
  BREAKGLASS_KEY_PATH: { with: REAL, good: [["FILE", (c) => c.key_path, "FILE"]], bad: ["MISSING", "FOLDER"] },
  BREAKGLASS_KNOWN_HOSTS: { with: REAL, good: [["FILE", (c) => c.known_hosts, "FILE"]], bad: ["MISSING", "FOLDER"] },
  BREAKGLASS_CONFIG: { with: TOKEN, good: [], bad: ["MISSING", "FOLDER", "FILE"] },
  BREAKGLASS_AGENT: { good: [["FILE", (c) => c.agent.definition, "FILE"]], bad: ["MISSING"] },
  BREAKGLASS_MODEL: {
    good: [
      ["claude-opus-4[1m]", (c) => c.agent.model, "claude-opus-4[1m]"],
      ["opus", (c) => c.agent.models.join(), "opus,sonnet,haiku"],
      ["mine", (c) => c.agent.models.join(), "mine"],
      ["big, small,big", (c) => c.agent.models.join(), "big,small"],
    ],
    bad: ["--settings=x", "a b", "a,", "a,-b", "a,b,c,d,e,f,g,h,i"],
  },
  BREAKGLASS_AGENT_POWER: { good: [["never", (c) => c.agent.power, "never"]], bad: ["yes", "ASK"] },
  BREAKGLASS_APPROVAL_TIMEOUT_SECONDS: {
    good: [["30", (c) => c.agent.approval_timeout_ms, 30_000]],
    bad: ["0", "86401", "10m"],
  },
  BREAKGLASS_MAX_CONCURRENT_TURNS: { good: [["1", (c) => c.agent.max_concurrent_turns, 1]], bad: ["0", "65", "2.5"] },
  BREAKGLASS_TURN_TIMEOUT_SECONDS: { good: [["1.5", (c) => c.agent.turn_timeout_ms, 1500]], bad: ["0", "-1", "86401"] },
  BREAKGLASS_TURN_BUDGET_USD: {
    good: [["2.50", (c) => c.agent.turn_budget_usd, 2.5]],
    bad: ["0", "$2", "10001", "-1"],
  },
  BREAKGLASS_RUNBOOKS: { good: [["FOLDER", (c) => c.agent.runbooks, "FOLDER"]], bad: ["MISSING", "FILE"] },
  BREAKGLASS_PVE_VERB_TIMEOUT_SECONDS: {
    good: [["20", (c) => c.pve_verb_timeout_ms, 20_000]],
    bad: ["0", "3601", "x"],
  },
  BREAKGLASS_SSE_KEEPALIVE_SECONDS: { good: [["0.5", (c) => c.sse_keepalive_ms, 500]], bad: ["0", "21", "x"] },
  API_BEARER_TOKEN: {
    good: [["  with-line-end\n", (c) => c.access.bearer, "with-line-end"]],
    bad: ["two words", "tökén"],
  },
  BREAKGLASS_TRUSTED_PROXIES: {
    good: [
      [
        "10.0.0.9, fd00::/64 192.168.0.0/16",
        (c) => c.access.trusted_proxies.map((n) => n.text),
        ["10.0.0.9", "fd00::/64", "192.168.0.0/16"],
      ],
    ],
    bad: [
      "everyone",
      "10.0.0.0/33",
      "10.0.0.1/8",
      "0.0.0.0/0",
      "::/0",
      "0.0.0.0/1,128.0.0.0/1",
      "10.0.0.9,::ffff:0.0.0.0/96",
      "*",
    ],
  },
  BREAKGLASS_PROXY_SECRET: {
    with: { BREAKGLASS_TRUSTED_PROXIES: "10.0.0.9" },
    good: [["s3cret", (c) => c.access.proxy_secret, "s3cret"]],
    bad: ["a b"],
  },
  BREAKGLASS_TRUSTED_USER_HEADER: {
    good: [["Remote-User", (c) => c.access.user_header, "remote-user"]],
    bad: ["Host", "cookie", "user-agent", "x y", "Sec-Fetch-Site"],
  },
  BREAKGLASS_ORIGINS: {
    good: [
      [
        "https://BG.example.org/ http://10.0.0.1:8080",
        (c) => c.access.origins,
        ["https://bg.example.org", "http://10.0.0.1:8080"],
      ],
    ],
    bad: [
      "*",
      "bg.example.org",
      "https://*.example.org",
      "https://bg.example.org/path",
      "https://u:p@bg.example.org",
      "file:///x",
      "null",
    ],
  },
  BREAKGLASS_TRUSTED_USERS: {
    with: { BREAKGLASS_TRUSTED_PROXIES: "10.0.0.9" },
    good: [["viktor, Anna B", (c) => c.access.trusted_users, ["viktor", "Anna B"]]],
    bad: ["viktor,,anna", "*", ","],
  },
  BREAKGLASS_INSECURE_HTTP: { good: [["1", (c) => c.access.insecure_http, true]], bad: ["yes"] },
  BREAKGLASS_STEP_UP: { good: [["1", (c) => c.access.step_up, true]], bad: ["on"] },
  BREAKGLASS_METRICS_TOKEN: { good: [["reads", (c) => c.access.metrics_token, "reads"]], bad: ["a b"] },
  BREAKGLASS_NOTIFY_URL: {
    good: [["https://ntfy.example/x", (c) => c.notify_url, "https://ntfy.example/x"]],
    bad: ["ntfy.example", "ftp://x", "javascript:1"],
  },
  BREAKGLASS_RETENTION_DAYS: { good: [["90", (c) => c.retention_days, 90]], bad: ["0", "forever"] },
  BREAKGLASS_COLD_CASE_NOTE: {
    good: [["Call the data centre.", (c) => c.cold_case_note, "Call the data centre."]],
    bad: ["x".repeat(2001)],
  },
  BREAKGLASS_LAB: { good: [["1", (c) => c.lab, true]], bad: ["yes", "true", "0"] },
  BREAKGLASS_LAB_AGENT: { good: [["claude", (c) => c.lab_agent, "claude"]], bad: ["gpt"] },
  BREAKGLASS_CONTAINER: { with: { BREAKGLASS_LAB: "1" }, good: [["1", (c) => c.lab, true]], bad: ["docker"] },
};

test("the table tries every setting there is", () => {
  expect(Object.keys(TABLE).sort()).toEqual([...SETTING_NAMES].sort());
});

describe("each variable", () => {
  const placed = (text: string) => text.replace(/^(FILE|FOLDER|MISSING)$/, (word) => join(folder, word.toLowerCase()));
  test.each(SETTING_NAMES)("%s: good values are taken, bad ones end in a sentence that names it", (name) => {
    const { with: beside = {}, good, bad } = TABLE[name]!;
    for (const [value, read, expected] of good)
      expect([value, read(readConfig({ ...beside, [name]: placed(value) }))]).toEqual([
        value,
        typeof expected === "string" ? placed(expected) : expected,
      ]);
    for (const value of ["", "  ", ...bad]) {
      const { message } = refusal({ ...beside, [name]: placed(value) });
      // `BREAKGLASS_LAB=0` asks for a target, and says how.
      expect([name, value, message]).toEqual([name, value, expect.stringContaining(name)]);
      expect(message.split("\n").length).toBe(1);
      expect(message).toMatch(/\.$/);
    }
  });
});

test("no setting at all is the lab, on this machine, open, with data of its own", () => {
  const config = readConfig({});
  expect([config.lab, config.host, config.port, config.lab_agent]).toEqual([true, "127.0.0.1", 8080, "scripted"]);
  expect([config.data_dir, config.sessions_dir]).toEqual([resolve("data/lab"), resolve("data/lab/sessions")]);
  expect([config.access.open_lab, config.access.user_header]).toEqual([true, "x-authentik-username"]);
  expect(config.access.origins).toEqual(["http://localhost:8080", "http://127.0.0.1:8080"]);
  expect(config.targets.map((t) => [t.id, t.vmid, t.lab])).toEqual([["devvm", 102, true]]);
  expect([
    config.agent.power,
    config.agent.max_concurrent_turns,
    config.pve_verb_timeout_ms,
    config.sse_keepalive_ms,
  ]).toEqual(["ask", 2, 150_000, 20_000]);
  expect(config.warnings).toEqual([]);
});

test("both hosts and a way in make a real target, and no lab anywhere", () => {
  const config = readConfig(REAL);
  expect([config.lab, config.access.open_lab, config.data_dir]).toEqual([false, false, resolve("data")]);
  expect(config.targets).toEqual([
    {
      id: "devvm",
      name: "devvm",
      vmid: 102,
      lab: false,
      vm: { host: "192.0.2.2", user: "breakglass", port: 22 },
      pve: { host: "192.0.2.1", user: "root", port: 22 },
    },
  ]);
});

test("the whole of it is frozen", () => {
  const config = readConfig({ ...REAL, BREAKGLASS_TRUSTED_PROXIES: "10.0.0.9" });
  for (const part of [
    config,
    config.agent,
    config.access,
    config.access.trusted_proxies,
    config.access.trusted_proxies[0],
    config.targets,
    config.targets[0].vm,
  ])
    expect(Object.isFrozen(part)).toBe(true);
});

test.each<[string, Env, string, RegExp]>([
  ["one host without the other", { BREAKGLASS_PVE_HOST: "a", ...TOKEN }, "BREAKGLASS_DEVVM_HOST", /VM/],
  ["the other without the one", { BREAKGLASS_DEVVM_HOST: "a", ...TOKEN }, "BREAKGLASS_PVE_HOST", /PVE host/],
  [
    "a real target that nobody could sign in to",
    { BREAKGLASS_PVE_HOST: "a", BREAKGLASS_DEVVM_HOST: "b" },
    "API_BEARER_TOKEN",
    /BREAKGLASS_TRUSTED_PROXIES/,
  ],
  [
    "a metrics token is no way in",
    { BREAKGLASS_PVE_HOST: "a", BREAKGLASS_DEVVM_HOST: "b", BREAKGLASS_METRICS_TOKEN: "m" },
    "API_BEARER_TOKEN",
    /sign in/,
  ],
  [
    "the lab, insisted on beside a real target",
    { ...REAL, BREAKGLASS_LAB: "1" },
    "BREAKGLASS_LAB",
    /BREAKGLASS_PVE_HOST/,
  ],
  [
    "the lab's agent beside a real target",
    { ...REAL, BREAKGLASS_LAB_AGENT: "claude" },
    "BREAKGLASS_LAB_AGENT",
    /real target/,
  ],
  ["no lab wanted, and no target", { BREAKGLASS_LAB: "0" }, "BREAKGLASS_PVE_HOST", /BREAKGLASS_LAB=1/],
  ["a container without settings", { BREAKGLASS_CONTAINER: "1" }, "BREAKGLASS_PVE_HOST", /BREAKGLASS_LAB=1/],
  [
    "the lab where others can reach it, without a way in",
    { HOST: "0.0.0.0" },
    "API_BEARER_TOKEN",
    /HOST is 0\.0\.0\.0/,
  ],
  ["the lab on all of IPv6", { HOST: "::" }, "API_BEARER_TOKEN", /HOST/],
  [
    "everybody trusted with a short secret",
    { BREAKGLASS_TRUSTED_PROXIES: "0.0.0.0/0", BREAKGLASS_PROXY_SECRET: "short" },
    "BREAKGLASS_TRUSTED_PROXIES",
    /trusts everybody/,
  ],
  ["a secret for no proxy", { BREAKGLASS_PROXY_SECRET: "s" }, "BREAKGLASS_PROXY_SECRET", /BREAKGLASS_TRUSTED_PROXIES/],
  [
    "one token for reading and for everything",
    { API_BEARER_TOKEN: "same", BREAKGLASS_METRICS_TOKEN: "same" },
    "BREAKGLASS_METRICS_TOKEN",
    /API_BEARER_TOKEN/,
  ],
])("refused: %s", (_, env, setting, says) => {
  const no = refusal(env);
  expect([no.setting, no.message]).toEqual([setting, expect.stringMatching(says)]);
});

test.each<[string, string]>([
  ["BREAKGLASS_PVE_HOSTS", "BREAKGLASS_PVE_HOST"],
  ["BREAKGLASS_PVEHOST", "BREAKGLASS_PVE_HOST"],
  ["BREAKGLASS_DEVM_HOST", "BREAKGLASS_DEVVM_HOST"],
  ["BREAKGLASS_VM_ID", "BREAKGLASS_VMID"],
  ["BREAKGLASS_TOKEN_METRICS", "BREAKGLASS_"],
  ["BREAKGLAS_PVE_HOST", "BREAKGLASS_PVE_HOST"],
  ["breakglass_pve_host", "BREAKGLASS_PVE_HOST"],
  ["BREAKGLASS_PORT", "BREAKGLASS_"],
])("a name that is not known ends the start: %s", (name, nearest) => {
  const no = refusal({ [name]: "x" });
  expect(no.setting).toBe(name);
  expect(no.message).toContain(name);
  expect(no.message).toContain(`did you mean ${nearest}`);
});

test("other people's names are none of our business", () => {
  expect(readConfig({ PATH: "/bin", HOSTNAME: "x", GLASS: "1", API_TOKEN: "x", PORTS: "1", BREAK: "x" }).lab).toBe(
    true,
  );
});

test("in Kubernetes the variables of a service called breakglass are not taken for settings; typing mistakes are", () => {
  const links = {
    KUBERNETES_SERVICE_HOST: "10.96.0.1",
    BREAKGLASS_SERVICE_HOST: "10.96.7.7",
    BREAKGLASS_SERVICE_PORT: "8080",
    BREAKGLASS_SERVICE_PORT_HTTP: "8080",
    BREAKGLASS_PORT: "tcp://10.96.7.7:8080",
    BREAKGLASS_PORT_8080_TCP: "tcp://10.96.7.7:8080",
    BREAKGLASS_PORT_8080_TCP_ADDR: "10.96.7.7",
    BREAKGLASS_LAB_SERVICE_HOST: "10.96.7.8",
  };
  expect(readConfig({ ...links, ...REAL }).lab).toBe(false);
  expect(refusal({ ...links, ...REAL, BREAKGLASS_PVE_HOSTS: "x" }).setting).toBe("BREAKGLASS_PVE_HOSTS");
});

test("a secret is never repeated in the sentence that refuses it", () => {
  for (const name of [
    "API_BEARER_TOKEN",
    "BREAKGLASS_PROXY_SECRET",
    "BREAKGLASS_METRICS_TOKEN",
    "BREAKGLASS_NOTIFY_URL",
  ])
    expect(refusal({ [name]: "hush hush" }).message).not.toContain("hush");
});

test("allowed, and said: a short token, and settings of a real target in the lab", () => {
  expect(readConfig({ API_BEARER_TOKEN: "short" }).warnings.join()).toContain("API_BEARER_TOKEN");
  expect(readConfig({ BREAKGLASS_VMID: "105" }).warnings.join()).toContain("BREAKGLASS_VMID");
  expect(readConfig(REAL).warnings).toEqual([]);
});

test("everybody may be trusted where a long secret is shown", () => {
  const env = { BREAKGLASS_TRUSTED_PROXIES: "0.0.0.0/0", BREAKGLASS_PROXY_SECRET: "sixteen-or-more-characters" };
  expect(readConfig(env).access.trusted_proxies.length).toBe(1);
});

test("the port that was really taken moves the default origins, and leaves given ones alone", () => {
  expect(onPort(readConfig({ PORT: "0" }), 41234).access.origins).toEqual([
    "http://localhost:41234",
    "http://127.0.0.1:41234",
  ]);
  expect(onPort(readConfig({ PORT: "0", BREAKGLASS_ORIGINS: "https://a.example" }), 41234).access.origins).toEqual([
    "https://a.example",
  ]);
  expect(readConfig({ PORT: "80", HOST: "::1" }).access.origins).toEqual([
    "http://localhost",
    "http://127.0.0.1",
    "http://[::1]",
  ]);
});

describe("a file of targets", () => {
  const TWO = `
[[target]]
id = "devvm"
vmid = 102
vm_host = "192.0.2.2"
pve_host = "192.0.2.1"

[[target]]
id = "db"
name = "the database"
vmid = 205
vm_host = "fd00::5"
vm_user = "op"
vm_port = 2222
pve_host = "pve2.lan"
`;
  const file = (text: string): Env => {
    const path = join(folder, `${Bun.hash(text)}.toml`);
    writeFileSync(path, text);
    return { BREAKGLASS_CONFIG: path, ...TOKEN };
  };

  test("gives several, in its order", () => {
    const config = readConfig(file(TWO));
    expect(config.lab).toBe(false);
    expect(config.targets.map((t) => [t.id, t.name, t.vmid, t.vm, t.pve.user])).toEqual([
      ["devvm", "devvm", 102, { host: "192.0.2.2", user: "breakglass", port: 22 }, "root"],
      ["db", "the database", 205, { host: "fd00::5", user: "op", port: 2222 }, "root"],
    ]);
  });

  test("says what the agent may do on one target, where that differs from the setting for all", () => {
    const config = readConfig({ ...file(`${TWO}agent_power = "never"\n`), BREAKGLASS_AGENT_POWER: "autonomous" });
    expect(config.agent.power).toBe("autonomous");
    expect(config.targets.map((t) => t.agent_power)).toEqual([undefined, "never"]);
  });

  const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
  const OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPK8vzJ3MkIrCAmRaRE1xzb3dmRWlhxSSCwyQ3uwgUxT";
  const ONE_HOST = TWO.replace("pve2.lan", "192.0.2.1");

  test("takes the host keys of both ends; one given for a PVE host holds for every target on it", () => {
    const { targets } = readConfig(file(`${ONE_HOST}pve_host_key = "${KEY} root@pve"\nvm_host_key = "${OTHER}"\n`));
    expect(targets.map((t) => [t.vm.host_key, t.pve.host_key])).toEqual([
      [undefined, KEY],
      [OTHER, KEY],
    ]);
  });

  test.each<[string, string, RegExp]>([
    ["an agent_power that is none", `${TWO}agent_power = "always"`, /agent_power: give ask, autonomous or never/],
    ["a host key that is a fingerprint", `${TWO}vm_host_key = "SHA256:abc"`, /vm_host_key: give the public host key/],
    [
      "a host key of another type than it says",
      `${TWO}vm_host_key = "${KEY.replace("ed25519", "rsa")}"`,
      /vm_host_key/,
    ],
    ["a private key", `${TWO}pve_host_key = "-----BEGIN OPENSSH PRIVATE KEY-----"`, /pve_host_key/],
    [
      "two host keys for one PVE host",
      `${ONE_HOST.replace('pve_host = "192.0.2.1"', `pve_host = "192.0.2.1"\npve_host_key = "${OTHER}"`)}pve_host_key = "${KEY}"`,
      /192\.0\.2\.1 has two different host keys/,
    ],
    ["no TOML", "[[target", /not valid TOML/],
    ["nothing in it", "", /no target in it/],
    ["a single table", '[target]\nid = "a"', /no target in it/],
    ["a stray key", `port = 1\n${TWO}`, /"port" is not known/],
    ["a key misspelt", TWO.replace("vm_user", "vm_usr"), /target 2 \("db"\): "vm_usr" is not known/],
    ["no id", TWO.replace('id = "devvm"\n', ""), /target 1: id/],
    ["an id that no address can carry", TWO.replace('"devvm"', '"Dev VM"'), /target 1 .*id: give/],
    ["a vmid out of bounds", TWO.replace("205", "5"), /vmid: give the number that Proxmox shows/],
    ["a vmid as text", TWO.replace("205", '"205"'), /vmid: give a whole number/],
    ["a host that is an option", TWO.replace("pve2.lan", "-oProxyCommand=x"), /pve_host: give a host name/],
    ["no host", TWO.replace('pve_host = "pve2.lan"\n', ""), /pve_host: give the address/],
    ["the same id twice", TWO.replace('"db"', '"devvm"'), /two targets have the id "devvm"/],
    [
      "the same VM twice",
      TWO.replace("205", "102").replace("pve2.lan", "192.0.2.1"),
      /"devvm" and "db" are the same VM 102/,
    ],
  ])("refused: %s", (_, text, says) => {
    const no = refusal(file(text));
    expect([no.setting, no.message]).toEqual(["BREAKGLASS_CONFIG", expect.stringMatching(says)]);
    expect(no.message).not.toContain("\n");
  });

  test("stands alone: what it would silently replace is refused beside it", () => {
    expect(refusal({ ...file(TWO), BREAKGLASS_VMID: "105" }).setting).toBe("BREAKGLASS_VMID");
    expect(refusal({ ...file(TWO), BREAKGLASS_PVE_HOST: "a" }).setting).toBe("BREAKGLASS_PVE_HOST");
    expect(refusal({ ...file(TWO), BREAKGLASS_LAB: "1" }).setting).toBe("BREAKGLASS_LAB");
  });
});

test("docs/settings.md tells of every setting, and of no other", () => {
  const text = readFileSync(join(import.meta.dir, "../../docs/settings.md"), "utf8");
  const told = new Set(text.match(/^\| `[A-Z_]+`/gm)?.map((row) => row.slice(3, -1)));
  expect([...told].sort()).toEqual([...SETTING_NAMES].sort());
});
