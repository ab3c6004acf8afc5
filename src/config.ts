/**
 * The environment (or a file of targets) becomes one frozen Config, or a sentence that names the setting and the fix.
 * Here stand the rules between settings: when the lab opens, who could sign in, what would trust everybody. It asks
 * nobody anything: addresses are used as given, without DNS.
 */
import { join, resolve } from "node:path";
import { isLoopback, type Network } from "./access/network.ts";
import { type Facts, theDisk } from "./config/facts.ts";
import { BadSetting, type Given, readSettings, SETTING_NAMES } from "./config/setting.ts";
import { LAB_TARGET, REAL_TARGET_ONLY, refuseBesideFile, targetFrom, targetsFrom } from "./config/targets.ts";
import { refuseTrustInEverybody, refuseUnreachable, secondThoughts } from "./config/trust.ts";
import { refuseUnknown } from "./config/unknown.ts";
import type { Target } from "./target/target.ts";

export { BadSetting } from "./config/setting.ts";

export interface Config {
  readonly host: string;
  /** 0: any free one; see `onPort`. */
  readonly port: number;
  /** Absolute; the lab's own, `<data>/lab`, in the lab. */
  readonly data_dir: string;
  readonly sessions_dir: string;
  readonly targets: readonly [Target, ...Target[]];
  readonly lab: boolean;
  readonly lab_agent: "scripted" | "claude";
  readonly agent: {
    /** A file of the operator's; null: ours. */
    readonly definition: string | null;
    /** For prompts that name none: the first of `models`. */
    readonly model: string;
    /** What a prompt may name. */
    readonly models: readonly [string, ...string[]];
    readonly power: "ask" | "autonomous" | "never";
    readonly approval_timeout_ms: number;
    readonly max_concurrent_turns: number;
    readonly turn_timeout_ms: number;
    readonly turn_budget_usd: number | null;
    /** A folder, or null. */
    readonly runbooks: string | null;
  };
  readonly pve_verb_timeout_ms: number;
  readonly sse_keepalive_ms: number;
  /** Null: OpenSSH's own defaults. */
  readonly key_path: string | null;
  /** Null: a first contact is accepted into the data directory, and said. */
  readonly known_hosts: string | null;
  readonly access: {
    readonly bearer: string | null;
    readonly trusted_proxies: readonly Network[];
    readonly proxy_secret: string | null;
    /** Lower case. */
    readonly user_header: string;
    /** As a browser writes them: `http://localhost:8080`. */
    readonly origins: readonly string[];
    readonly metrics_token: string | null;
    /** The names that count at the edge; null: all of them. */
    readonly trusted_users: readonly string[] | null;
    /** Signing in over plain http from another machine. */
    readonly insecure_http: boolean;
    /** The password again before stop, reset and cycle. */
    readonly step_up: boolean;
    /** The lab on a loopback address without a token: whoever reaches it is the operator `lab`. */
    readonly open_lab: boolean;
  };
  readonly notify_url: string | null;
  readonly retention_days: number | null;
  /** Empty when there is none. */
  readonly cold_case_note: string;
  /** Sentences for the log at start: allowed, and worth a second thought. */
  readonly warnings: readonly string[];
}

/** Throws BadSetting. */
export function readConfig(env: Readonly<Record<string, string | undefined>>, facts: Facts = theDisk): Config {
  refuseUnknown(env, SETTING_NAMES);
  const given = readSettings(env);
  const targets = chooseTargets(given, facts);
  const lab = targets[0].lab;
  const host = given.HOST ?? "127.0.0.1";
  const port = given.PORT ?? 8080;
  const data = resolve(given.BREAKGLASS_DATA_DIR ?? "./data");
  const data_dir = lab ? join(data, "lab") : data;
  const access: Config["access"] = {
    bearer: given.API_BEARER_TOKEN,
    trusted_proxies: given.BREAKGLASS_TRUSTED_PROXIES ?? [],
    proxy_secret: given.BREAKGLASS_PROXY_SECRET,
    user_header: given.BREAKGLASS_TRUSTED_USER_HEADER ?? "x-authentik-username",
    origins: given.BREAKGLASS_ORIGINS ?? defaultOrigins(host, port),
    metrics_token: given.BREAKGLASS_METRICS_TOKEN,
    trusted_users: given.BREAKGLASS_TRUSTED_USERS,
    insecure_http: given.BREAKGLASS_INSECURE_HTTP === "1",
    step_up: given.BREAKGLASS_STEP_UP === "1",
    open_lab: lab && isLoopback(host) && given.API_BEARER_TOKEN === null,
  };
  refuseTrustInEverybody(access);
  refuseUnreachable(access, lab, host, () => facts.enrolled(data_dir));
  return deepFreeze<Config>({
    host,
    port,
    data_dir,
    sessions_dir:
      given.BREAKGLASS_SESSIONS_DIR === null ? join(data_dir, "sessions") : resolve(given.BREAKGLASS_SESSIONS_DIR),
    targets,
    lab,
    lab_agent: labAgent(given, lab),
    agent: {
      definition: readable(given, "BREAKGLASS_AGENT", facts),
      model: modelsFrom(given.BREAKGLASS_MODEL)[0],
      models: modelsFrom(given.BREAKGLASS_MODEL),
      power: given.BREAKGLASS_AGENT_POWER ?? "ask",
      approval_timeout_ms: given.BREAKGLASS_APPROVAL_TIMEOUT_SECONDS ?? 600_000,
      max_concurrent_turns: given.BREAKGLASS_MAX_CONCURRENT_TURNS ?? 2,
      turn_timeout_ms: given.BREAKGLASS_TURN_TIMEOUT_SECONDS ?? 1_800_000,
      turn_budget_usd: given.BREAKGLASS_TURN_BUDGET_USD,
      runbooks: folder(given, "BREAKGLASS_RUNBOOKS", facts),
    },
    pve_verb_timeout_ms: given.BREAKGLASS_PVE_VERB_TIMEOUT_SECONDS ?? 150_000,
    sse_keepalive_ms: given.BREAKGLASS_SSE_KEEPALIVE_SECONDS ?? 20_000,
    key_path: readable(given, "BREAKGLASS_KEY_PATH", facts),
    known_hosts: readable(given, "BREAKGLASS_KNOWN_HOSTS", facts),
    access,
    notify_url: given.BREAKGLASS_NOTIFY_URL,
    retention_days: given.BREAKGLASS_RETENTION_DAYS,
    cold_case_note: given.BREAKGLASS_COLD_CASE_NOTE ?? "",
    warnings: [...secondThoughts(access), ...(lab ? idleInTheLab(given) : [])],
  });
}

/** The same Config on the port that was really taken (`PORT=0`); default origins move along, given ones stay. */
export function onPort(config: Config, port: number): Config {
  if (port === config.port) return config;
  const defaults = defaultOrigins(config.host, config.port);
  const moved =
    config.access.origins.length === defaults.length && config.access.origins.every((o, i) => o === defaults[i]);
  const origins = moved ? defaultOrigins(config.host, port) : config.access.origins;
  return deepFreeze<Config>({ ...config, port, access: { ...config.access, origins } });
}

function chooseTargets(given: Given, facts: Facts): Config["targets"] {
  const file = given.BREAKGLASS_CONFIG;
  if (file !== null) {
    refuseBesideFile(given);
    refuseLabBeside(given, "BREAKGLASS_CONFIG");
    return targetsFrom(file, readFile(file, facts));
  }
  const single = targetFrom(given);
  if (single) {
    refuseLabBeside(given, "BREAKGLASS_PVE_HOST");
    return [single];
  }
  // In a container somebody forgot the settings; on a newcomer's own machine nobody did.
  if (given.BREAKGLASS_LAB === "0" || (given.BREAKGLASS_CONTAINER === "1" && given.BREAKGLASS_LAB !== "1"))
    throw new BadSetting(
      "BREAKGLASS_PVE_HOST",
      "No target is set: give BREAKGLASS_PVE_HOST and BREAKGLASS_DEVVM_HOST, or BREAKGLASS_LAB=1 for the simulated one.",
    );
  return [LAB_TARGET];
}

function refuseLabBeside(given: Given, real: string): void {
  if (given.BREAKGLASS_LAB === "1")
    throw new BadSetting(
      "BREAKGLASS_LAB",
      `BREAKGLASS_LAB=1 is set beside ${real}: a console with a real target has no lab; remove one of the two.`,
    );
}

function labAgent(given: Given, lab: boolean): Config["lab_agent"] {
  if (!lab && given.BREAKGLASS_LAB_AGENT !== null)
    throw new BadSetting(
      "BREAKGLASS_LAB_AGENT",
      "BREAKGLASS_LAB_AGENT is set, but there is a real target and so no lab: remove it.",
    );
  return given.BREAKGLASS_LAB_AGENT ?? "scripted";
}

/** The CLI's own short names; each backend has a model of its own behind them. */
const ALIASES = ["sonnet", "opus", "haiku"];

/** One of the short names alone may be exchanged for the others; any other name, or a list, is meant to the letter. */
function modelsFrom(given: readonly string[] | null): Config["agent"]["models"] {
  const [first = "sonnet", ...others] = given ?? [];
  if (others.length > 0 || !ALIASES.includes(first)) return [first, ...others];
  return [first, ...ALIASES.filter((name) => name !== first)];
}

/** The contract opens the lab when no host is named; whoever set these was perhaps on the way to a real target. */
function idleInTheLab(given: Given): string[] {
  return REAL_TARGET_ONLY.filter((name) => given[name] !== null).map(
    (name) => `${name} has no effect in the lab; a real target needs BREAKGLASS_PVE_HOST and BREAKGLASS_DEVVM_HOST.`,
  );
}

function defaultOrigins(host: string, port: number): string[] {
  const names = ["localhost", "127.0.0.1", host.includes(":") ? `[${host.replace(/%.*$/, "")}]` : host];
  return [...new Set(names.map((name) => new URL(`http://${name}:${port}`).origin))];
}

function readFile(path: string, facts: Facts): unknown {
  const text = facts.text(path);
  if (text === null)
    throw new BadSetting(
      "BREAKGLASS_CONFIG",
      `BREAKGLASS_CONFIG names ${path}, which can't be read: mount it there, or mend the path.`,
    );
  try {
    return facts.parseToml(text);
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).split("\n")[0];
    throw new BadSetting("BREAKGLASS_CONFIG", `BREAKGLASS_CONFIG (${path}) is not valid TOML: ${why}.`);
  }
}

function readable(
  given: Given,
  name: "BREAKGLASS_AGENT" | "BREAKGLASS_KEY_PATH" | "BREAKGLASS_KNOWN_HOSTS",
  facts: Facts,
): string | null {
  const path = given[name];
  if (path === null) return null;
  if (!facts.isReadableFile(path))
    throw new BadSetting(
      name,
      `${name} names ${path}, which is no file that can be read here: mount it there, or mend the path.`,
    );
  return resolve(path);
}

function folder(given: Given, name: "BREAKGLASS_RUNBOOKS", facts: Facts): string | null {
  const path = given[name];
  if (path === null) return null;
  if (!facts.isFolder(path))
    throw new BadSetting(name, `${name} names ${path}, which is no folder here: mount it there, or mend the path.`);
  return resolve(path);
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === "object" && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
