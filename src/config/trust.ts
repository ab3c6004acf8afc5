/** Rules between the settings of access: somebody must be able to sign in, and not everybody. Pure. */
import { isEverybody } from "../access/network.ts";
import type { Config } from "../config.ts";
import { BadSetting } from "./setting.ts";

type Access = Config["access"];

/** A public address without any sign-in is nobody's wish; a real target without one is an emergency console that stays shut. */
export function refuseUnreachable(access: Access, lab: boolean, host: string, enrolled: () => boolean): void {
  if (access.bearer !== null || access.trusted_proxies.length > 0 || access.open_lab || enrolled()) return;
  throw new BadSetting(
    "API_BEARER_TOKEN",
    lab
      ? `HOST is ${host}, which others can reach, and nobody could sign in to the lab there: set API_BEARER_TOKEN (or BREAKGLASS_TRUSTED_PROXIES, or enrol an operator: bun run access enrol <name>), or leave HOST at 127.0.0.1.`
      : "Nobody could sign in: set API_BEARER_TOKEN, or BREAKGLASS_TRUSTED_PROXIES for the edge in front, or enrol an operator (bun run access enrol <name>).",
  );
}

const SHORT_SECRET = 16;

export function refuseTrustInEverybody(access: Access): void {
  const everybody = access.trusted_proxies.find(isEverybody);
  if (everybody && (access.proxy_secret === null || access.proxy_secret.length < SHORT_SECRET))
    throw new BadSetting(
      "BREAKGLASS_TRUSTED_PROXIES",
      `BREAKGLASS_TRUSTED_PROXIES has ${everybody.text}, which trusts everybody: name the edge's own address, or set a BREAKGLASS_PROXY_SECRET of ${SHORT_SECRET} characters or more.`,
    );
  if (access.proxy_secret !== null && access.trusted_proxies.length === 0)
    throw new BadSetting(
      "BREAKGLASS_PROXY_SECRET",
      "BREAKGLASS_PROXY_SECRET is set without BREAKGLASS_TRUSTED_PROXIES, so nobody is let in by it: name the edge's address there.",
    );
  if (access.trusted_users !== null && access.trusted_proxies.length === 0)
    throw new BadSetting(
      "BREAKGLASS_TRUSTED_USERS",
      "BREAKGLASS_TRUSTED_USERS is set without BREAKGLASS_TRUSTED_PROXIES, so nobody's name counts: name the edge's address there.",
    );
  if (access.metrics_token !== null && access.metrics_token === access.bearer)
    throw new BadSetting(
      "BREAKGLASS_METRICS_TOKEN",
      "BREAKGLASS_METRICS_TOKEN is the same as API_BEARER_TOKEN: whoever reads the metrics would hold the keys; give it a value of its own.",
    );
}

export function secondThoughts(access: Access): string[] {
  const short = (name: string, value: string | null) =>
    value !== null && value.length < SHORT_SECRET
      ? [`${name} has fewer than ${SHORT_SECRET} characters; it opens root on the PVE host, so make it longer.`]
      : [];
  const plain = access.insecure_http
    ? [
        "BREAKGLASS_INSECURE_HTTP lets people sign in over plain http: whoever is on that network can read what they type.",
      ]
    : [];
  return [
    ...short("API_BEARER_TOKEN", access.bearer),
    ...short("BREAKGLASS_PROXY_SECRET", access.proxy_secret),
    ...plain,
  ];
}
