/**
 * The settings, one table: each variable, what a good value is, and the sentence for a bad one. Nothing here reads the
 * environment or knows how settings depend on each other; `../config.ts` does.
 */
import { z } from "zod";
import { type Network, parseAddress, parseNetwork } from "../access/network.ts";
import { readHostKey } from "../target/host-key.ts";

/** A setting that can't be started with: one sentence that names it and the fix. The start ends with exit code 2. */
export class BadSetting extends Error {
  override readonly name = "BadSetting";
  constructor(
    readonly setting: string,
    sentence: string,
  ) {
    super(sentence);
  }
}

const says = (message: string) => ({ error: message });
const inWords = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

/** Digits only: `1e3`, `0x50` and `8080 ` are how typing mistakes look. */
const whole = (what: string, least: number, most: number) => {
  const fix = `give ${what} as a whole number from ${inWords(least)} to ${inWords(most)}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, says(fix))
    .transform(Number)
    .refine((n) => n >= least && n <= most, says(fix));
};

/** Seconds in the environment (a fraction is fine), milliseconds inside. */
const seconds = (what: string, least: number, most: number) => {
  const fix = `give ${what} in seconds, from ${least} to ${inWords(most)}`;
  return z
    .string()
    .regex(/^\d{1,9}(\.\d{1,3})?$/, says(fix))
    .transform((text) => Math.round(Number(text) * 1000))
    .refine((ms) => ms >= least * 1000 && ms <= most * 1000, says(fix));
};

const oneOf = <T extends string>(...words: [T, ...T[]]) => z.enum(words, says(`give one of: ${words.join(", ")}`));

/** A name or an address, used as given: nothing is resolved here. Never a leading `-`: it goes onto a command line. */
export const hostName = z
  .string()
  .transform((text) => text.replace(/^\[(.*)\]$/, "$1"))
  .refine((text) => parseAddress(text) !== null || /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?$/.test(text), {
    error: "give a host name or an address, without user, port or scheme",
  })
  .refine(
    (text) => !/^[\d.]+$/.test(text) || parseAddress(text) !== null,
    says("give an address of four numbers, or a name"),
  );

export const loginName = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/,
    says("give the name of an account: letters, digits, dot, dash, 32 at most"),
  );

export const portNumber = (what: string) => whole(what, 1, 65_535);
/** The range Proxmox VE itself allows. */
export const vmNumber = whole("the number that Proxmox shows for the VM", 100, 999_999_999);

/** As in `/etc/ssh/ssh_host_ed25519_key.pub`; the comment is dropped. */
export const publicKey = z
  .string()
  .transform(readHostKey)
  .refine(
    (key) => key !== null,
    says("give the public host key, `ssh-ed25519 AAAA…`, as in /etc/ssh/ssh_host_ed25519_key.pub"),
  )
  .transform((key) => `${key?.type} ${key?.key}`);

const path = z
  .string()
  .max(4096, says("give a shorter path"))
  .refine((text) => !text.includes("\0"), says("give a path"));

/** Shown in a header, so it must survive one. */
const secret = z
  .string()
  .regex(/^[\x21-\x7e]+$/, says("give a secret of printable ASCII characters, without spaces inside"))
  .max(4096, says("give a secret of at most 4,096 characters"));

const list = (text: string): string[] => text.split(/[\s,]+/).filter((part) => part !== "");

const networks = z.string().transform((text, context): readonly Network[] => {
  const good: Network[] = [];
  for (const part of list(text)) {
    const network = parseNetwork(part);
    if (typeof network === "string") {
      context.addIssue({
        code: "custom",
        message: `${network}; give addresses or CIDRs such as 10.0.0.0/24, separated by commas`,
      });
      return z.NEVER;
    }
    good.push(network);
  }
  return good;
});

const origins = z.string().transform((text, context): readonly string[] => {
  const good: string[] = [];
  for (const part of list(text)) {
    const url = URL.canParse(part) ? new URL(part) : null;
    const plain =
      url && (url.protocol === "http:" || url.protocol === "https:") && url.hostname !== "" && !part.includes("*");
    if (!plain || `${url.pathname}${url.search}${url.hash}${url.username}${url.password}` !== "/") {
      context.addIssue({
        code: "custom",
        message: `"${part}" is no origin; give addresses such as https://breakglass.example.org, without a path, separated by commas`,
      });
      return z.NEVER;
    }
    good.push(url.origin);
  }
  return good;
});

/** Names that the edge gives, as it gives them; a name may have a space in it, and no comma. */
const names = z.string().transform((text, context): readonly string[] => {
  const good = text.split(",").map((name) => name.trim());
  if (good.every((name) => name !== "" && name !== "*" && name.length <= 128 && !/\p{C}/u.test(name))) return good;
  context.addIssue({
    code: "custom",
    message: "give the operators' names as the edge gives them, separated by commas",
  });
  return z.NEVER;
});

/** Headers that every browser sends, or that mean something else: a value in them would sign anybody in. */
const NOT_A_USER_HEADER =
  /^(accept.*|authorization|connection|content-.*|cookie|host|origin|referer|sec-.*|user-agent|x-forwarded-.*|x-breakglass-proxy-secret|hx-.*|last-event-id|idempotency-key|prefer)$/;

const headerName = z
  .string()
  .transform((text) => text.toLowerCase())
  .refine((text) => /^[a-z0-9-]{1,64}$/.test(text), says("give the name of a header: letters, digits and dashes"))
  .refine(
    (text) => !NOT_A_USER_HEADER.test(text),
    says("give a header that only the edge sets; every browser or proxy may send this one"),
  );

const webAddress = z
  .string()
  .refine(
    (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
    says("give an address that begins with http:// or https://"),
  );

const money = (() => {
  const fix = "give US dollars above 0, at most 10,000, such as 2.50";
  return z
    .string()
    .regex(/^\d{1,5}(\.\d{1,4})?$/, says(fix))
    .transform(Number)
    .refine((usd) => usd > 0 && usd <= 10_000, says(fix));
})();

/** Each goes onto the agent's command line, as a value of its own; the first is the default. */
const models = z
  .string()
  .transform((text): readonly string[] => [...new Set(text.split(",").map((name) => name.trim()))])
  .refine(
    (names) => names.length <= 8 && names.every((name) => /^[A-Za-z0-9][A-Za-z0-9._:@/[\]-]{0,127}$/.test(name)),
    says("give the name of a model, such as sonnet, or up to 8 to choose from, separated by commas"),
  );

export const SETTINGS = {
  HOST: hostName,
  /** 0 takes any free port. */
  PORT: whole("the port to listen on", 0, 65_535),
  BREAKGLASS_DATA_DIR: path,
  BREAKGLASS_SESSIONS_DIR: path,

  BREAKGLASS_DEVVM_HOST: hostName,
  BREAKGLASS_DEVVM_USER: loginName,
  BREAKGLASS_DEVVM_PORT: portNumber("the VM's ssh port"),
  BREAKGLASS_PVE_HOST: hostName,
  BREAKGLASS_PVE_USER: loginName,
  BREAKGLASS_PVE_PORT: portNumber("the PVE host's ssh port"),
  BREAKGLASS_VMID: vmNumber,
  BREAKGLASS_KEY_PATH: path,
  BREAKGLASS_KNOWN_HOSTS: path,
  BREAKGLASS_CONFIG: path,

  BREAKGLASS_AGENT: path,
  BREAKGLASS_MODEL: models,
  BREAKGLASS_AGENT_POWER: oneOf("ask", "autonomous", "never"),
  BREAKGLASS_APPROVAL_TIMEOUT_SECONDS: seconds("the time an approval stays open", 1, 86_400),
  BREAKGLASS_MAX_CONCURRENT_TURNS: whole("how many turns may run at once", 1, 64),
  BREAKGLASS_TURN_TIMEOUT_SECONDS: seconds("the longest a turn may run", 1, 86_400),
  BREAKGLASS_TURN_BUDGET_USD: money,
  BREAKGLASS_RUNBOOKS: path,
  BREAKGLASS_PVE_VERB_TIMEOUT_SECONDS: seconds("how long to wait for a verb's answer", 1, 3600),
  // The page calls a link dead after two heartbeats and promises one every 20 s.
  BREAKGLASS_SSE_KEEPALIVE_SECONDS: seconds("the time between heartbeats", 0.1, 20),

  API_BEARER_TOKEN: secret,
  BREAKGLASS_TRUSTED_PROXIES: networks,
  BREAKGLASS_PROXY_SECRET: secret,
  BREAKGLASS_TRUSTED_USER_HEADER: headerName,
  BREAKGLASS_ORIGINS: origins,
  BREAKGLASS_METRICS_TOKEN: secret,
  BREAKGLASS_TRUSTED_USERS: names,
  /** Sign-ins over plain http from other machines; off, since anybody on the way could read them. */
  BREAKGLASS_INSECURE_HTTP: oneOf("1", "0"),
  BREAKGLASS_STEP_UP: oneOf("1", "0"),

  BREAKGLASS_NOTIFY_URL: webAddress,
  BREAKGLASS_RETENTION_DAYS: whole("how many days to keep", 1, 36_500),
  BREAKGLASS_COLD_CASE_NOTE: z.string().max(2000, says("give a note of at most 2,000 characters")),

  BREAKGLASS_LAB: oneOf("1", "0"),
  BREAKGLASS_LAB_AGENT: oneOf("scripted", "claude"),
  /** Set by the container image, where no settings must not mean the lab. */
  BREAKGLASS_CONTAINER: oneOf("1", "0"),
} as const;

export type SettingName = keyof typeof SETTINGS;
export type Given = { [K in SettingName]: z.output<(typeof SETTINGS)[K]> | null };
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** Never repeated in a sentence: it ends in a log. */
const SECRETS: ReadonlySet<string> = new Set<SettingName>([
  "API_BEARER_TOKEN",
  "BREAKGLASS_PROXY_SECRET",
  "BREAKGLASS_METRICS_TOKEN",
  "BREAKGLASS_NOTIFY_URL",
]);

/** Every known variable, parsed; null where it is not set. Throws BadSetting for the first that is wrong. */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Given {
  const given: Record<string, unknown> = {};
  for (const name of SETTING_NAMES) given[name] = readSetting(name, env[name]);
  return given as Given;
}

function readSetting(name: SettingName, raw: string | undefined): unknown {
  if (raw === undefined) return null;
  // A secret read from a file often brings its line end along.
  const text = raw.trim();
  // An empty one is a variable that somebody meant to fill: taken for "not set", it would open the lab or trust too much.
  if (text === "") throw new BadSetting(name, `${name} is set but empty: give it a value, or remove it.`);
  const read = SETTINGS[name].safeParse(text);
  if (read.success) return read.data;
  const fix = read.error.issues[0]?.message ?? "give another value";
  throw new BadSetting(name, `${name} is ${SECRETS.has(name) ? "not usable" : quoted(text)}: ${fix}.`);
}

export function quoted(text: string): string {
  const shown = text.replace(/\p{C}/gu, "?");
  return `"${shown.length > 80 ? `${shown.slice(0, 80)}…` : shown}"`;
}
