/**
 * What most browser tests stand on: a browser, and a console on the lab as a real process. Both are there before the first test of
 * a file and gone after its last. A test may put another server in the place of the first.
 */
import { afterAll, beforeAll } from "bun:test";
import type { Browser } from "playwright";
import { openBrowser } from "./browser.ts";
import { cleanUp, startServer, type TestServer, tempDir } from "./server.ts";

export interface Stage {
  readonly dir: string;
  readonly browser: Browser;
  server: TestServer;
}

/** `settings` are the server's, beside a port and the data directory that they are given. */
export function openStage(name: string, settings: (dir: string) => Record<string, string> = () => ({})): Stage {
  const dir = tempDir(name);
  let browser: Browser | undefined;
  let server: TestServer | undefined;
  beforeAll(async () => {
    [browser, server] = await Promise.all([openBrowser(), startServer(dir, settings(dir))]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    cleanUp(dir);
  });
  return {
    dir,
    get browser() {
      return browser!;
    },
    get server() {
      return server!;
    },
    set server(other) {
      server = other;
    },
  };
}
