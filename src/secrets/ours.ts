/**
 * The secrets that this console holds, as values to look for: its own settings, the private key, and what the agent's process is
 * given to sign in with. It reads the environment and the key's file, once, and knows nothing of what is done with them.
 */
import { readFileSync } from "node:fs";
import { agentEnvironment } from "../agent/environment.ts";
import type { Config } from "../config.ts";
import { type Secret, SHORTEST } from "./known.ts";

type Settings = Pick<Config, "access" | "key_path" | "notify_url">;

/** By name: in the agent's environment there are also regions, addresses and limits. */
const CREDENTIAL = /KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE|CREDENTIAL|AUTH/;
/** A line of a key; a shorter one, as the last often is, goes with the rest of it. */
const KEY_LINE = 20;

export function ourSecrets(config: Settings, env: Readonly<Record<string, string | undefined>>): Secret[] {
  const { bearer, proxy_secret, metrics_token } = config.access;
  return [
    ...named("bearer token", bearer),
    ...named("proxy secret", proxy_secret),
    ...named("metrics token", metrics_token),
    ...(config.notify_url === null ? [] : inAddress("notify address", config.notify_url)),
    ...(config.key_path === null ? [] : inKey(config.key_path)),
    ...inEnvironment(env),
  ].filter(({ value }) => value.length >= SHORTEST);
}

const named = (kind: string, value: string | null): Secret[] => (value === null ? [] : [{ kind, value }]);

/** The topic is the secret, yet may be a word that stands everywhere: it counts with its host, and alone when nobody would say it. */
function inAddress(kind: string, address: string): Secret[] {
  const url = new URL(address);
  const user = decodeURIComponent(url.username);
  const password = decodeURIComponent(url.password);
  const parts = [...url.pathname.split("/"), ...url.searchParams.values()].filter(
    (part) => part.length >= 16 && /\d/.test(part),
  );
  const values = [
    password,
    password === "" ? "" : `${user}:${password}`,
    ...(url.pathname.length > 1 ? [`${url.host}${url.pathname}${url.search}`, `${url.host}${url.pathname}`] : []),
    ...parts,
  ];
  return values.map((value) => ({ kind, value }));
}

function inKey(path: string): Secret[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  const kind = "private key";
  const lines = text.split(/\r?\n/).filter((line) => line !== "" && !line.startsWith("-----") && !line.includes(": "));
  return [text.trim(), lines.join(""), ...lines.filter((line) => line.length >= KEY_LINE)].map((value) => ({
    kind,
    value,
  }));
}

function inEnvironment(env: Readonly<Record<string, string | undefined>>): Secret[] {
  const kind = "agent credential";
  const given = agentEnvironment(env, { marker: "", config_dir: "", tmp_dir: "" });
  return Object.entries(given).flatMap(([name, value]) => {
    if (/_PROXY$/i.test(name))
      return URL.canParse(value) ? named(kind, decodeURIComponent(new URL(value).password)) : [];
    if (name === "ANTHROPIC_CUSTOM_HEADERS")
      return value.split("\n").flatMap((line) => named(kind, line.replace(/^[^:]*:/, "").trim()));
    // Some name a file, whose path is no secret.
    if (!CREDENTIAL.test(name) || value.startsWith("/") || name.startsWith("CLAUDE_CODE_SKIP_")) return [];
    return [{ kind, value }];
  });
}
