/** The whole console on the lab, behind `app.request`: real log, real stream, real child processes, no socket for people. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAccess } from "../../src/access/access.ts";
import { createApp } from "../../src/app.ts";
import { openConsole } from "../../src/assemble.ts";
import { onPort, readConfig } from "../../src/config.ts";
import { readAssets } from "../../src/console/assets.ts";

export interface TestConsole {
  readonly dir: string;
  readonly parts: Awaited<ReturnType<typeof openConsole>>["parts"];
  /** As a program on this machine asks, from our own page; more headers win. */
  ask(path: string, init?: RequestInit & { peer?: string }): Promise<Response>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  close(): Promise<void>;
}

export async function openTestConsole(
  env: Record<string, string> = {},
  dir = mkdtempSync(join(tmpdir(), "bg-console-")),
): Promise<TestConsole> {
  const config = onPort(readConfig({ PORT: "0", BREAKGLASS_DATA_DIR: dir, ...env }), 8080);
  let peer = "127.0.0.1";
  const access = openAccess(config, { peer: () => peer, pause: async () => {} });
  const console = await openConsole(config, access, readAssets());
  const app = createApp(console.parts);
  await console.begin();
  const ask = async (path: string, init: RequestInit & { peer?: string } = {}) => {
    peer = init.peer ?? "127.0.0.1";
    const headers = new Headers(init.headers);
    if (!headers.has("host")) headers.set("host", "localhost:8080");
    return app.request(`http://localhost:8080${path}`, { ...init, headers });
  };
  return {
    dir,
    parts: console.parts,
    ask,
    post: (path, body, headers = {}) =>
      ask(path, {
        method: "POST",
        body: body === undefined ? undefined : JSON.stringify(body),
        headers: { "content-type": "application/json", "sec-fetch-site": "same-origin", ...headers },
      }),
    async close() {
      await console.close();
      access.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
