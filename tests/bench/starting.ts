/** From the operator's `bun start` to the first good `/health`, and what the process holds once it rests. */
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { cleanUp, scrubbed, tempDir } from "../support/server.ts";
import { processorMs } from "./process.ts";

const START = join(import.meta.dir, "../../src/start.ts");
const LIMIT_MS = 20_000;

export interface Started {
  readonly health_ms: number;
  /** Processor time until then: what it takes wherever nothing else runs. */
  readonly processor_ms: number;
}

/** `settings` is what the operator has set beside the port and the data directory. */
export async function startOnce(settings: Record<string, string>): Promise<Started> {
  const dir = tempDir("start");
  const port = await freePort();
  const began = performance.now();
  const child = Bun.spawn([process.execPath, START], {
    env: scrubbed({ PORT: String(port), BREAKGLASS_DATA_DIR: dir, ...settings }),
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  try {
    while (!(await healthy(port))) {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
      if (performance.now() - began > LIMIT_MS) throw new Error("the server did not start");
      await Bun.sleep(2);
    }
    return { health_ms: performance.now() - began, processor_ms: processorMs(child.pid) };
  } finally {
    child.kill();
    await child.exited;
    // What the lab had just begun at its far end may still write there.
    await Bun.sleep(200);
    cleanUp(dir);
  }
}

const healthy = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/health`).then(
    (answer) => answer.ok,
    () => false,
  );

/** Free a moment ago; the server's own port 0 would have to be read from what it prints, which comes later. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const taken = createServer().listen(0, "127.0.0.1", () => {
      const { port } = taken.address() as AddressInfo;
      taken.close(() => resolve(port));
    });
  });
}
