/** Secrets of every kind in every form, through every way in; then every byte that the console wrote, sent and printed is searched. */
import { Database } from "bun:sqlite";
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formsOf } from "../../src/secrets/known.ts";
import { CALL, callingClaude } from "../support/calling-claude.ts";
import { startRealPlace, TOKEN } from "../support/real-place.ts";
import { cleanUp, scrubbed, startServer, tempDir } from "../support/server.ts";
import { SAMPLES } from "./samples.ts";

setDefaultTimeout(120_000);
const dir = tempDir("canaries");
const place = await startRealPlace();
afterAll(async () => {
  await place.end();
  cleanUp(dir);
});

/** An ordinary word: it must be found wherever a secret must not, or the search proves nothing. */
const WORD = "marmalade";
const PROXY = "pxy-0123456789z";
const METRICS = "metrics-canary-0123456789";
const API_KEY = "agent/canary+key?0123456789";

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((one) =>
    one.isDirectory() ? filesBelow(join(folder, one.name)) : one.isFile() ? [join(folder, one.name)] : [],
  );

test("no secret that was typed, printed by the VM or the host, or told by the agent stands in the log, a stream, a file or the journal", async () => {
  const key = readFileSync(place.settings().BREAKGLASS_KEY_PATH!, "utf8");
  const known = [TOKEN, PROXY, METRICS, API_KEY];
  const forms = known.flatMap((value) => [...formsOf(value)]);
  const secrets = [...forms, ...SAMPLES.map((s) => s.secret), ...key.split("\n").filter((l) => l.length > 40)];
  const all = [
    WORD,
    ...SAMPLES.map((s) => s.text),
    ...known.flatMap((value) => [value, Buffer.from(`a ${value} z`).toString("base64"), encodeURIComponent(value)]),
    ...known.map((value) => Buffer.from(value).toString("hex")),
    key,
  ].join("\n");
  mkdirSync(join(dir, "vm"));
  const file = join(dir, "vm", "notes");
  writeFileSync(file, `${all}\n`);
  const long = join(dir, "vm", "long");
  writeFileSync(long, `${`${all}\n${`${WORD} and toast, every morning\n`.repeat(300)}`.repeat(8)}\n`);
  // What the host prints: the VM's config, in the evidence and in the check that reads it.
  appendFileSync(join(place.host.world, "config"), all.replace(/^/gm, "description: ").concat("\n"));

  const data = join(dir, "data");
  const server = await startServer(data, {
    ...place.settings(),
    PATH: callingClaude(dir).PATH!,
    ANTHROPIC_API_KEY: API_KEY,
    BREAKGLASS_TRUSTED_PROXIES: "192.0.2.9",
    BREAKGLASS_PROXY_SECRET: PROXY,
    BREAKGLASS_METRICS_TOKEN: METRICS,
    BREAKGLASS_AGENT_POWER: "autonomous",
  });
  const seen: Record<string, string> = {};
  try {
    const ask = (path: string, init: RequestInit = {}) =>
      fetch(server.url + path, {
        ...init,
        headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", ...init.headers },
      });
    const post = (path: string, body: unknown) => ask(path, { method: "POST", body: JSON.stringify(body) });
    const { session_id } = (await (await post("/api/session", {})).json()) as { session_id: string };
    const at = `/api/session/${session_id}`;
    for (const [name, query] of [
      ["stream, JSON", "?format=json"],
      ["stream, HTML", ""],
    ] as const) {
      seen[name] = "";
      void (async () => {
        const decoder = new TextDecoder();
        for await (const chunk of (await ask(`${at}/stream${query}`)).body!)
          seen[name] += decoder.decode(chunk, { stream: true });
      })().catch(() => {});
    }
    const run = (command: string) => CALL("vm_run", { command, reason: `for ${WORD} ${PROXY}`, timeout_s: 60 });
    const prompt = [
      all,
      // Byte by byte: each may be a chunk of its own.
      run(`dd if='${file}' bs=1 2>/dev/null`),
      run(`cat '${file}' >&2; exit 3`),
      run(`cat '${long}'`),
      run(`echo ${WORD} ${METRICS}`),
      CALL("check", { name: "qemu" }),
      CALL("power", { verb: "forensics", reason: WORD }),
    ].join("\n");
    const body = { prompt, request_id: "canaries-0001" };
    const sent = await post(`${at}/prompt`, body);
    expect(await sent.text()).toContain("started");
    // The same again is still the same, although what was written differs from what was sent.
    expect((await post(`${at}/prompt`, body)).status).toBe(200);
    const until = performance.now() + 90_000;
    while (!seen["stream, JSON"]!.includes('"turn_end"') && performance.now() < until) await Bun.sleep(50);
    expect(seen["stream, JSON"]).toContain('"turn_end"');
    const action = (await (await post("/api/pve/cycle", {})).json()) as { action: string; outcome: string };
    expect(action.outcome).toBe("done");
    seen["evidence, download"] = await (await ask(`/api/pve/actions/${action.action}/forensics?download=1`)).text();
    seen["evidence, page"] = await (
      await ask(`/api/pve/actions/${action.action}/forensics`, { headers: { accept: "text/html" } })
    ).text();
    seen["the console's page"] = await (
      await ask(`/sessions/${session_id}`, { headers: { accept: "text/html" } })
    ).text();
    const kept = /\/sessions\/[\w-]+\/outputs\/[\w-]+/.exec(seen["stream, HTML"]!)?.[0];
    expect(kept).toBeDefined(); // else no output was long enough to be kept
    seen["output, download"] = await (await ask(kept!)).text();
    seen.sessions = await (await ask("/sessions")).text();
    seen.audit = await (await ask("/audit")).text();
    for (const path of filesBelow(data)) {
      // Of others: the simulated far ends have their files elsewhere.
      seen[path.slice(data.length + 1)] = readFileSync(path, "latin1");
      expect(statSync(path).mode & 0o077, path).toBe(0);
    }
  } finally {
    await server.stop();
  }
  seen["the database after the end"] = readFileSync(join(data, "breakglass.db"), "latin1");
  seen["stdout and stderr"] = server.output();

  const places = Object.keys(seen);
  const hits = places.flatMap((name) =>
    secrets.filter((secret) => seen[name]!.includes(secret)).map((secret) => `${name}: ${secret}`),
  );
  expect(hits).toEqual([]);
  // The sense of the search: each way in was gone through, and an ordinary word came through all of them.
  for (const name of ["stream, JSON", "stream, HTML", "evidence, download", "evidence, page", "output, download"])
    expect(seen[name], name).toContain(WORD);
  expect(seen["the database after the end"]).toContain(WORD);
  expect(places.some((name) => name.startsWith("outputs/") && seen[name]!.includes(WORD))).toBe(true);
  expect(places.some((name) => name.startsWith("runs/") && seen[name]!.includes(WORD))).toBe(true);
  expect(places).toContain("breakglass.db-wal");
  for (const kind of [
    "bearer token",
    "proxy secret",
    "metrics token",
    "agent credential",
    "private key",
    "password",
    "JWT",
  ])
    expect(seen["stream, JSON"], kind).toContain(`[redacted: ${kind}]`);
  const db = new Database(join(data, "breakglass.db"), { readonly: true });
  const bodies = (kind: string) =>
    (db.query("select body from entry where kind = ?").all(kind) as { body: string }[])
      .map(({ body }) => body)
      .join("\n");
  for (const kind of ["prompted", "called", "returned", "printed", "check_ended"]) {
    expect(bodies(kind), kind).toContain(WORD);
    expect(bodies(kind), kind).toContain("[redacted: proxy secret]");
  }
  db.close();
});

test("what the console prints has no secrets in it", async () => {
  const script = `
    import { Redaction } from "${join(import.meta.dir, "../../src/secrets/redact.ts")}";
    import { cleanPrinted } from "${join(import.meta.dir, "../../src/secrets/printed.ts")}";
    cleanPrinted(new Redaction([{ kind: "bearer token", value: process.env.CANARY }]).text);
    console.error("turn:", new Error("${WORD} " + process.env.CANARY), { deep: [process.env.CANARY] });
    console.log("%s", process.env.CANARY, "PASSWORD=hunter2");`;
  const child = Bun.spawn([process.execPath, "-e", script], {
    env: scrubbed({ CANARY: METRICS }),
    stdout: "pipe",
    stderr: "pipe",
  });
  const printed = (await new Response(child.stdout).text()) + (await new Response(child.stderr).text());
  expect(printed).toContain(WORD);
  expect(printed.match(/\[redacted: bearer token\]/g)?.length).toBeGreaterThanOrEqual(3);
  expect(printed).not.toContain(METRICS);
  expect(printed).not.toContain("hunter2");
});
