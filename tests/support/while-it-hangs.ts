/**
 * What must hold while the console's own disk hangs, as a dead controller or a lost network volume makes it: no error, no end. The
 * page and the verbs go on, and what could not be written is written once when it answers. Whose disk hangs, and how, comes in.
 */
import { Database } from "bun:sqlite";
import { expect } from "bun:test";
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { verifyFile } from "../../src/audit/terminal.ts";
import { cleanUp, startServer, type TestServer, tempDir } from "./server.ts";
import { caughtUp, readSse } from "./sse.ts";

export interface Hanging {
  readonly dir: string;
  /** What the console's environment needs for it. */
  readonly env?: Readonly<Record<string, string>>;
  hang(): void;
  heal(): void;
}

/** A lab whose console has its data on that disk. The simulated host is another machine, and has its own. */
export async function withConsole(disk: Hanging, work: (console_: TestServer, data: string) => Promise<void>) {
  const world = tempDir("hung-world");
  const data = join(disk.dir, "data", "lab");
  mkdirSync(data, { recursive: true, mode: 0o700 });
  symlinkSync(world, join(data, "world"));
  const console_ = await startServer(join(disk.dir, "data"), { ...disk.env });
  try {
    await work(console_, data);
  } finally {
    disk.heal();
    await console_.stop("SIGKILL");
    cleanUp(world);
    rmSync(world, { recursive: true, force: true });
  }
}

export const jsonOf = async (response: Response) => (await response.json()) as Record<string, any>;

export function client({ url }: TestServer) {
  const headers = { origin: url, "content-type": "application/json", accept: "application/json" };
  return {
    get: (path: string, accept = "text/html") => fetch(url + path, { headers: { accept } }),
    post: (path: string, body: unknown = {}, more: Record<string, string> = {}) =>
      fetch(url + path, { method: "POST", headers: { ...headers, ...more }, body: JSON.stringify(body) }),
  };
}

export async function goesOnWhileItHangs(disk: Hanging): Promise<void> {
  await withConsole(disk, async (server, data) => {
    const { get, post } = client(server);
    const session = (await jsonOf(await post("/api/session"))).session_id as string;
    const html = readSse(await get(`/api/session/${session}/stream`));
    const stream = readSse(await get(`/api/session/${session}/stream?format=json`));
    await Promise.all([html.until(caughtUp), stream.until(caughtUp)]);

    disk.hang();
    expect((await get("/health")).status).toBe(200);
    expect((await get("/")).status).toBe(200);
    expect((await get("/status")).status).toBe(200);
    const status = await jsonOf(await post("/api/pve/status"));
    expect([status.outcome, status.verb]).toEqual(["done", "status"]);
    const cycled = await jsonOf(await post("/api/pve/cycle", { request_id: "hung-cycle-1" }));
    expect(cycled.outcome).toBe("done");
    const ran = async () =>
      (await jsonOf(await get("/api/pve/actions", "application/json"))).actions.map((a: { id: string }) => a.id);
    const [, status_id] = await ran();
    expect(await ran()).toEqual(["hung-cycle-1", status_id]);
    await stream.until((frames) =>
      [status_id, "hung-cycle-1"].every((id) =>
        frames.some((f) => f.data?.includes(`"id":"${id}"`) && f.data.includes('"outcome":"done"')),
      ),
    );
    await html.until((frames) => frames.some((f) => f.data?.includes("disk does not answer")));
    const says = "disk does not answer: verbs work, prompts and checks are refused";
    const shown = async () => (await (await get("/")).text()).includes(says);
    expect(await shown()).toBe(true);
    expect(await (await get("/status", "text/plain")).text()).toContain("disk does not answer");
    const prompt = await post(`/api/session/${session}/prompt`, { prompt: "is it up?" });
    expect([prompt.status, (await jsonOf(prompt)).detail]).toEqual([503, expect.stringContaining("does not answer")]);
    const sentinel = JSON.parse(
      server
        .output()
        .split("\n")
        .find((line) => line.startsWith('{"audit":') && line.includes("hung-cycle-1"))!,
    );
    expect(sentinel).toMatchObject({ audit: { what: "cycle" }, not_on_disk: expect.stringContaining("not answer") });
    const audit = await jsonOf(await get("/audit", "application/json"));
    expect(audit.chain).toMatchObject({ is: "whole", trouble: expect.stringContaining("does not answer") });
    expect(audit.chain.pending).toBeGreaterThan(0);
    // The same again, while nothing is on the disk: the first action, and no second run.
    expect(await jsonOf(await post("/api/pve/cycle", { request_id: "hung-cycle-1" }))).toEqual(cycled);
    expect(await ran()).toEqual(["hung-cycle-1", status_id]);

    disk.heal();
    while ((await jsonOf(await get("/audit", "application/json"))).chain.pending > 0) await Bun.sleep(50);
    expect(await shown()).toBe(false);
    expect((await jsonOf(await get("/audit", "application/json"))).chain).toMatchObject({ is: "whole", trouble: "" });
    expect((await post(`/api/session/${session}/prompt`, { prompt: "is it up?" })).status).toBe(200);
    expect(await server.stop()).toBe(0);

    const path = join(data, "breakglass.db");
    const db = new Database(path, { readonly: true });
    const of = (sql: string) => db.query(sql).all();
    expect(of("select kind, about from entry where kind in ('requested', 'finished') order by seq")).toEqual(
      [status_id, "hung-cycle-1"].flatMap((about) => [
        { kind: "requested", about },
        { kind: "finished", about },
      ]),
    );
    expect(of("select outcome from audit where request_id = 'hung-cycle-1' order by n")).toEqual([
      { outcome: "" },
      { outcome: "done" },
    ]);
    db.close();
    expect(await verifyFile(path, [])).toMatchObject({ is: "whole" });
  });
}
