/** Settings and the door in the real server, over real connections: exit codes, peers as the kernel tells them, raw Hosts. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, runChild, startChild } from "../../src/child.ts";

const root = join(import.meta.dir, "../..");
const TOKEN = "a-long-enough-bearer-token";
let folder = "";
let server: Child;
let port = 0;

const spawn = (env: Record<string, string>) => ({
  argv: [process.execPath, "src/main.ts"],
  cwd: root,
  env: { PATH: process.env.PATH ?? "", HOME: folder, PORT: "0", BREAKGLASS_DATA_DIR: join(folder, "data"), ...env },
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "wire-"));
  port = await new Promise<number>((resolve, reject) => {
    const said: string[] = [];
    // A dual-stack listener, so that the peer arrives in its IPv6 coat.
    const env = {
      HOST: "::",
      API_BEARER_TOKEN: TOKEN,
      BREAKGLASS_TRUSTED_PROXIES: "127.0.0.1",
      BREAKGLASS_PROXY_SECRET: "shown-by-the-edge",
    };
    server = startChild(spawn(env), ({ text }) => {
      said.push(text);
      const found = /:(\d+)\/$/.exec(text);
      if (found) resolve(Number(found[1]));
    });
    void server.ended.then((ending) => reject(new Error(`${JSON.stringify(ending)} ${said.join("\n")}`)));
  });
});
afterAll(async () => {
  await server.stop(10_000);
  rmSync(folder, { recursive: true, force: true });
});

/** Raw, since a client library would mend what we send. */
async function raw(lines: string[], to = "127.0.0.1"): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, to, () => socket.write(`${[...lines, "Connection: close"].join("\r\n")}\r\n\r\n`));
    let got = "";
    socket.setTimeout(10_000, () => socket.destroy(new Error(`nothing more after ${JSON.stringify(got)}`)));
    socket.on("data", (data) => {
      got += data;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(got));
  });
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0);

test.each<[string, Record<string, string>, string]>([
  ["a wrong value", { BREAKGLASS_VMID: "abc" }, "BREAKGLASS_VMID"],
  ["an unknown name", { BREAKGLASS_PVE_HOSTS: "x" }, "BREAKGLASS_PVE_HOST?"],
  ["one host without the other", { BREAKGLASS_PVE_HOST: "192.0.2.1" }, "BREAKGLASS_DEVVM_HOST"],
  [
    "a real target that nobody could sign in to",
    { BREAKGLASS_PVE_HOST: "192.0.2.1", BREAKGLASS_DEVVM_HOST: "192.0.2.2" },
    "API_BEARER_TOKEN",
  ],
])("%s ends the start with exit code 2 and one sentence", async (_, env, names) => {
  const { ending, stdout, stderr } = await runChild({ ...spawn(env), limit_ms: 20_000 });
  expect([ending, stdout]).toEqual([{ is: "exited", code: 2 }, ""]);
  expect([stderr.trim().split("\n").length, stderr]).toEqual([1, expect.stringContaining(names)]);
});

test("the edge's header counts from the trusted peer with its secret, once, and from nobody else", async () => {
  const host = `Host: localhost:${port}`;
  const secret = "X-Breakglass-Proxy-Secret: shown-by-the-edge";
  const name = "X-authentik-username: viktor";
  const ask = (...lines: string[]) =>
    raw(["GET /sessions HTTP/1.1", host, "Accept: application/json", ...lines]).then(statusOf);
  expect(await ask(secret, name)).toBe(200);
  expect(await ask(name)).toBe(401);
  expect(await ask(secret)).toBe(401);
  expect(await ask(secret, name, "X-authentik-username: admin")).toBe(401);
  expect(await ask(secret, "X-authentik-username: viktor, admin")).toBe(401);
  expect(await ask(secret, secret, name)).toBe(401);
  const from6 = await raw(["GET /sessions HTTP/1.1", host, "Accept: application/json", secret, name], "::1");
  expect(statusOf(from6)).toBe(401);
});

test("a Host that is not ours gets nowhere, not even with the token; /health answers it", async () => {
  const bearer = `Authorization: Bearer ${TOKEN}`;
  expect(statusOf(await raw(["GET /sessions HTTP/1.1", `Host: localhost:${port}`, bearer]))).toBe(200);
  expect(statusOf(await raw(["GET /sessions HTTP/1.1", `Host: evil.example:${port}`, bearer]))).toBe(421);
  // An absolute address in the request line must not stand in for the Host.
  expect(
    statusOf(await raw([`GET http://localhost:${port}/sessions HTTP/1.1`, "Host: evil.example", bearer])),
  ).not.toBe(200);
  expect(
    statusOf(await raw(["GET /sessions HTTP/1.1", "Host: evil.example", `Host: localhost:${port}`, bearer])),
  ).not.toBe(200);
  expect(statusOf(await raw(["GET /health HTTP/1.1", "Host: evil.example"]))).toBe(200);
});

test("no trick with a path reaches a closed address through an open one", async () => {
  for (const path of [
    "/static/../sessions",
    "/static/%2e%2e/sessions",
    "/static/..%2fsessions",
    "/login/../sessions",
    "//sessions",
    "/health/../sessions",
    "/static/..;/sessions",
    "/STATIC/../sessions",
  ]) {
    const answer = await raw([`GET ${path} HTTP/1.1`, `Host: localhost:${port}`, "Accept: application/json"]);
    expect([path, [400, 401, 404].includes(statusOf(answer)), answer.includes("session_id")]).toEqual([
      path,
      true,
      false,
    ]);
  }
});
