/**
 * WebKitGTK by its own driver, over plain W3C WebDriver: the engine of Safari, as near as a Debian machine comes to one. Its
 * small browser wants a screen, so there is one of ours.
 */
import { writeFileSync } from "node:fs";
import { type Engine, SIZE } from "./engine.ts";

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

export function webkitEngine(): Engine {
  const started: Bun.Subprocess[] = [];
  let driver = "";
  let session = "";
  let version = "";

  async function ask<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${driver}/session${path}`, {
      method,
      ...(body ? { body: JSON.stringify(body), headers: { "content-type": "application/json" } } : {}),
    });
    const { value } = (await response.json()) as { value: T & { error?: string; message?: string } };
    if (!response.ok) throw new Error(`WebKitWebDriver: ${value.error}: ${value.message}`);
    return value;
  }

  async function begin(): Promise<void> {
    const screen = Bun.spawn(["Xvfb", "-displayfd", "1", "-screen", "0", "500x1000x24", "-nolisten", "tcp"], {
      stdout: "pipe",
      stderr: "ignore",
    });
    started.push(screen);
    const reader = screen.stdout.getReader();
    const display = `:${new TextDecoder().decode((await reader.read()).value).trim()}`;
    const port = freePort();
    started.push(
      Bun.spawn(["WebKitWebDriver", `--port=${port}`, "--host=127.0.0.1"], {
        env: { ...process.env, DISPLAY: display, WEBKIT_DISABLE_COMPOSITING_MODE: "1", NO_AT_BRIDGE: "1" },
        stdout: "ignore",
        stderr: "ignore",
      }),
    );
    driver = `http://127.0.0.1:${port}`;
    while (!(await fetch(`${driver}/status`).catch(() => null))) await Bun.sleep(50);
    const [binary] = [...new Bun.Glob("usr/lib/*/webkit2gtk-4.*/MiniBrowser").scanSync({ cwd: "/", absolute: true })];
    const made = await ask<{ sessionId: string; capabilities: { browserVersion: string } }>("POST", "", {
      capabilities: { alwaysMatch: { "webkitgtk:browserOptions": { binary, args: ["--automation"] } } },
    });
    session = made.sessionId;
    version = `WebKitGTK ${made.capabilities.browserVersion}`;
    await ask("POST", `/${session}/window/rect`, { ...SIZE, x: 0, y: 0 });
  }

  const find = async (selector: string): Promise<string> =>
    (await ask<Record<string, string>>("POST", `/${session}/element`, { using: "css selector", value: selector }))[
      ELEMENT
    ]!;
  const run = <T>(script: string): Promise<T> => ask<T>("POST", `/${session}/execute/sync`, { script, args: [] });

  return {
    name: "webkit",
    version: () => version,
    async open(url) {
      if (!session) await begin();
      await ask("POST", `/${session}/url`, { url });
      return {
        read: <T>(expression: string) => run<T>(`return (${expression})`),
        tap: async (selector) => void (await ask("POST", `/${session}/element/${await find(selector)}/click`, {})),
        type: async (selector, text) => {
          const element = await find(selector);
          await ask("POST", `/${session}/element/${element}/clear`, {});
          await ask("POST", `/${session}/element/${element}/value`, { text });
        },
        reload: async () => void (await ask("POST", `/${session}/refresh`, {})),
        picture: async (file) =>
          writeFileSync(file, Buffer.from(await ask<string>("GET", `/${session}/screenshot`), "base64")),
      };
    },
    async close() {
      if (session) await ask("DELETE", `/${session}`).catch(() => {});
      for (const child of started.reverse()) child.kill();
      await Promise.all(started.map((child) => child.exited));
    },
  };
}

function freePort(): number {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  server.stop(true);
  return server.port;
}
