/** The wiring: settings, log, far ends, the app, Bun.serve, signals. Imports everything; nothing imports it. */
import { mkdirSync } from "node:fs";
import type { Context } from "hono";
import { openAccess } from "./access/access.ts";
import { Undeclared } from "./access/policy.ts";
import { createApp } from "./app.ts";
import { openConsole } from "./assemble.ts";
import { BadSetting, type Config, onPort, readConfig } from "./config.ts";
import { readAssets } from "./console/assets.ts";
import { SOCKET_BODY_LIMIT } from "./console/body.ts";
import { ProbedDisk } from "./log/disk.ts";
import { ourSecrets } from "./secrets/ours.ts";
import { cleanPrinted } from "./secrets/printed.ts";
import { Redaction } from "./secrets/redact.ts";
import { KeyTrouble } from "./target/keychain.ts";

/** Streams end by themselves; this is for whatever does not. SAFETY.md: out within 10 s. */
const STOP_WITHIN_MS = 8_000;

process.umask(0o077);
// A fault in one turn or one action must not end the console for everybody.
process.on("uncaughtException", (error) => console.error("uncaught:", error));
process.on("unhandledRejection", (error) => console.error("unhandled:", error));

const config = configOrExit();
const redaction = new Redaction(ourSecrets(config, process.env));
cleanPrinted(redaction.text);
mkdirSync(config.data_dir, { recursive: true, mode: 0o700 });
for (const warning of config.warnings) console.error(`breakglass: ${warning}`);

const disk = new ProbedDisk(config.data_dir);
const peers = new WeakMap<Request, string>();
let app: ReturnType<typeof createApp> | null = null;
const server = serveOrExit();
const settled = onPort(config, server.port ?? config.port);
const access = openAccess(settled, { peer: (c: Context) => peers.get(c.req.raw) ?? "", disk });
for (const trouble of access.troubles) console.error(`breakglass: ${trouble}`);
const assets = readAssets();
const breakglass = await openConsole(settled, access, assets, redaction, disk).catch((error) => {
  if (error instanceof KeyTrouble) exitWith(error.message);
  throw error;
});
app = appOrExit();
console.log(
  `Breakglass ${config.lab ? "LAB (simulated VM; nothing real is touched) " : ""}at http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${server.port}/`,
);
void assets.compress();
void breakglass.begin();

let stopping = false;
for (const signal of ["SIGTERM", "SIGINT"] as const)
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    console.log(`Breakglass: ${signal}, stopping. Runs on the PVE host go on there.`);
    setTimeout(() => leave(1), STOP_WITHIN_MS).unref();
    // Known in good time, whatever else the stop waits for.
    void disk.asked();
    void breakglass
      .close()
      .catch((error) => console.error("stop:", error))
      .then(() => server.stop(true))
      .then(() => access.close())
      .finally(() => leave(0));
  });

function leave(code: number): void {
  // An exit closes the databases, and on a disk that does not answer it would wait for it (measured, Bun 1.4.5).
  if (disk.trouble !== null) process.kill(process.pid, "SIGKILL");
  process.exit(code);
}

function serveOrExit() {
  try {
    return Bun.serve({
      hostname: config.host,
      port: config.port,
      // Streams beat every BREAKGLASS_SSE_KEEPALIVE_SECONDS; the default of 10 s would cut them (measured). A POST that waits for a
      // verb is not cut by it: Bun counts from the answer's first byte (330 s waited for with 255, Bun 1.4.5).
      idleTimeout: 255,
      maxRequestBodySize: SOCKET_BODY_LIMIT,
      fetch(request, server) {
        peers.set(request, server.requestIP(request)?.address ?? "");
        return app ? app.fetch(request) : new Response("starting", { status: 503, headers: { "Retry-After": "1" } });
      },
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    exitWith(
      `PORT ${config.port} on HOST ${config.host} can't be taken (${why}); stop what holds it, or set another PORT.`,
    );
  }
}

function appOrExit() {
  try {
    return createApp(breakglass.parts);
  } catch (error) {
    if (error instanceof Undeclared) exitWith(error.message);
    throw error;
  }
}

function configOrExit(): Config {
  try {
    return readConfig(process.env);
  } catch (error) {
    if (error instanceof BadSetting) exitWith(error.message);
    throw error;
  }
}

function exitWith(sentence: string): never {
  console.error(`breakglass: ${sentence}`);
  process.exit(2);
}
