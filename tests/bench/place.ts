/** Where measurements happen: the real server process, in the lab or with a target that is not there, and an agent that pours. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SqliteLog } from "../../src/log/sqlite.ts";
import { cleanUp, startServer, type TestServer, tempDir } from "../support/server.ts";
import { sessionOf } from "./incident.ts";
import { openWire } from "./wire.ts";

const TOKEN = "a-token-for-measurements-0123456789";

export interface Place {
  readonly server: TestServer;
  /** What a request of ours needs to be let in. */
  readonly headers: Readonly<Record<string, string>>;
  newSession(): Promise<string>;
  /** Has the agent pour an incident into a session. */
  pour(session: string, wish: Readonly<Record<string, unknown>>): Promise<void>;
  end(): Promise<void>;
}

/** The lab, as a newcomer gets it. `before` may write into its data directory. */
export async function openLabPlace(before: (dir: string) => Promise<unknown> = async () => {}): Promise<Place> {
  const dir = tempDir("bench");
  await before(join(dir, "lab"));
  return placeOn(dir, {}, {});
}

/** A real target whose two hosts refuse every connection: the console by itself, without a simulated machine beside it. */
export async function openBarePlace(
  before: (dir: string) => Promise<unknown> = async () => {},
  env: Record<string, string> = {},
): Promise<Place> {
  const dir = tempDir("bench");
  await before(dir);
  return placeOn(dir, { ...bareTarget(), PATH: `${pouringAgent(dir)}:${process.env.PATH}`, ...env }, bearer());
}

export const bearer = () => ({ authorization: `Bearer ${TOKEN}` });

/** Port 1 of this machine: refused at once, and nothing leaves it. */
export const bareTarget = (): Record<string, string> => ({
  BREAKGLASS_PVE_HOST: "127.0.0.1",
  BREAKGLASS_PVE_PORT: "1",
  BREAKGLASS_DEVVM_HOST: "127.0.0.1",
  BREAKGLASS_DEVVM_PORT: "1",
  API_BEARER_TOKEN: TOKEN,
});

/** Writes sessions of these lengths, as if each incident had been lived through. Resolves with their ids. */
export async function writeSessions(dir: string, lengths: readonly number[], target = "devvm"): Promise<string[]> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const log = new SqliteLog(join(dir, "breakglass.db"));
  const ids: string[] = [];
  for (const entries of lengths) {
    const id = crypto.randomUUID();
    const drafts = sessionOf(id, target, entries);
    while (drafts.length > 0) await log.appendAll(drafts.splice(0, 1000));
    ids.push(id);
  }
  await log.close();
  return ids;
}

async function placeOn(dir: string, env: Record<string, string>, headers: Record<string, string>): Promise<Place> {
  const server = await startServer(dir, env);
  const post = async (path: string, body: object) => {
    const init = {
      method: "POST",
      headers: { ...headers, "sec-fetch-site": "same-origin" },
      body: JSON.stringify(body),
    };
    const answer = await fetch(`${server.url}${path}`, init);
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Record<string, string>;
  };
  return {
    server,
    headers,
    newSession: async () => (await post("/api/session", {})).session_id!,
    pour: async (session, wish) =>
      void (await post(`/api/session/${session}/prompt`, { prompt: JSON.stringify(wish) })),
    end: async () => {
      await server.stop();
      cleanUp(dir);
    },
  };
}

/** A folder with a `claude` that pours. */
function pouringAgent(dir: string): string {
  const bin = join(dir, "bin");
  const path = join(bin, "claude");
  mkdirSync(bin, { recursive: true });
  const program = join(import.meta.dir, "pouring-claude.ts");
  writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`);
  chmodSync(path, 0o755);
  return bin;
}

export const attach = (place: Place, session: string, more: { gzip: boolean; query?: string }) =>
  openWire(place.server.port, `/api/session/${session}/stream${more.query ?? ""}`, {
    ...place.headers,
    ...(more.gzip ? { "accept-encoding": "gzip" } : {}),
  });
