/** Host keys against real sshd: a VM that was rebuilt, a PVE host that is not the one it was, keys that the settings pin. */
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runChild } from "../../src/child.ts";
import { hostKey } from "../../src/target/host-key.ts";
import { openTestConsole, type TestConsole } from "../support/console.ts";
import { until } from "../support/pve-host.ts";
import { TOKEN } from "../support/real-place.ts";
import { tempDir } from "../support/server.ts";
import { type Sshd, startSshd } from "../support/sshd.ts";

setDefaultTimeout(90_000);

const TERMINAL = join(import.meta.dir, "../../src/terminal.ts");
const bearer = { authorization: `Bearer ${TOKEN}` };

const dir = tempDir("keys");
const open: (() => Promise<unknown>)[] = [];
/** A PVE host that says one thing whatever it is asked: what it does is not the matter here. */
let pve: Sshd;

beforeAll(async () => {
  pve = await startSshd({ dir: join(dir, "pve"), forced: "/bin/echo status: running" });
});
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});
afterAll(async () => {
  await pve?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Of a console whose VM is this one, and whose PVE host is the one above or another. */
const settingsOf = (vm: Pick<Sshd, "port">, host: Pick<Sshd, "port"> = pve) => ({
  API_BEARER_TOKEN: TOKEN,
  BREAKGLASS_PVE_HOST: "127.0.0.1",
  BREAKGLASS_PVE_PORT: String(host.port),
  BREAKGLASS_PVE_USER: pve.user,
  BREAKGLASS_DEVVM_HOST: "127.0.0.1",
  BREAKGLASS_DEVVM_PORT: String(vm.port),
  BREAKGLASS_DEVVM_USER: pve.user,
  BREAKGLASS_KEY_PATH: pve.identity,
});

/** One more sshd for the place, which takes the console's key; on the port of another it is that machine, rebuilt. */
async function machine(name: string, wishes: { port?: number; keyType?: "ecdsa"; forced?: string } = {}) {
  const sshd = await startSshd({ dir: join(dir, name), ...wishes });
  const ours = readFileSync(`${pve.identity}.pub`, "utf8");
  const bound = wishes.forced ? `command="${wishes.forced}",restrict ` : "";
  appendFileSync(join(dir, name, "authorized_keys"), `${bound}${ours}`);
  const [type, key] = readFileSync(join(dir, name, "host_key.pub"), "utf8").split(" ");
  let stopped = false;
  const stop = async () => {
    if (!stopped) await sshd.stop();
    stopped = true;
  };
  open.push(stop);
  return { ...sshd, stop, print: hostKey(type!, key!).fingerprint };
}

async function consoleOn(settings: Record<string, string>) {
  const console_ = await openTestConsole(settings);
  open.push(() => console_.close());
  return { settings: { ...settings, BREAKGLASS_DATA_DIR: console_.dir }, ...doors(console_) };
}

function doors(console_: TestConsole) {
  const get = async (path: string) => (await (await console_.ask(path, { headers: bearer })).json()) as any;
  const post = async (path: string, body: unknown = {}) => {
    const response = await console_.post(path, body, bearer);
    return { status: response.status, body: (await response.json()) as any };
  };
  /** The state after a reading that began after this call: the one under way may be older, so it is the second one. */
  const look = async (target = "devvm"): Promise<any> => {
    const state = () => get(`/status?target=${target}`).then((s) => s.state);
    for (const _ of [1, 2]) {
      const before = (await state()).heard_at ?? 0;
      await post("/api/pve/status", { target });
      await until("a fresh reading", async () => ((await state()).heard_at ?? 0) > before);
    }
    return state();
  };
  return {
    console_,
    get,
    post,
    look,
    page: async (path: string) =>
      (await console_.ask(path, { headers: { ...bearer, accept: "text/html" } })).text() as Promise<string>,
    logged: (kind: string, target = "devvm"): any[] =>
      console_.parts.console.log.newest({ stream: `target:${target}`, kind, limit: 50 }).map((e) => e.body),
    check: async () => {
      const { session_id } = (await post("/api/session")).body;
      return (await post("/api/check/disk", { session: session_id })).body;
    },
  };
}

test("a rebuilt VM: refused and said, both fingerprints shown, accepted by an explicit act, and it works again", async () => {
  const old = await machine("vm-old");
  const { look, get, post, page, logged, check } = await consoleOn(settingsOf(old));
  expect((await look()).is).toBe("running");
  expect(logged("contacted").map((c) => [c.end, c.fingerprint])).toContainEqual(["vm", old.print]);
  await old.stop();
  const rebuilt = await machine("vm-new", { port: old.port });
  expect(rebuilt.print).not.toBe(old.print); // else this proves nothing

  const state = await look();
  expect(state).toMatchObject({ is: "key-changed", leads: null });
  expect(state.keys).toMatchObject([
    { end: "vm", old: { fingerprint: old.print }, offered: { fingerprint: rebuilt.print }, pinned_by: "contact" },
  ]);
  await look();
  expect(logged("key_changed")).toHaveLength(1);
  // Nothing reaches it; the verbs to the PVE host go on.
  const read = await check();
  expect(JSON.stringify(read.readings.filter((r: any) => !r.key.startsWith("host_")))).toContain(
    "Host key verification",
  );
  expect(rebuilt.log()).not.toContain("Accepted publickey");
  expect((await post("/api/pve/status")).body).toMatchObject({ exit_code: 0 });
  expect(await page("/")).toContain('href="/host-key?target=devvm"');
  const compare = await page("/host-key?target=devvm");
  for (const shown of [old.print, rebuilt.print, "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"])
    expect(compare).toContain(shown);

  const body = { target: "devvm", end: "vm", fingerprint: rebuilt.print, request_id: "accept-rebuilt-1" };
  const accepted = await post("/host-key", body);
  expect(accepted).toMatchObject({ status: 200, body: { end: "vm", old: { fingerprint: old.print } } });
  expect(await post("/host-key", body)).toEqual(accepted);
  expect((await post("/host-key", { ...body, fingerprint: old.print })).status).toBe(422);
  expect(logged("key_accepted")).toMatchObject([
    { by: "token:bearer", end: "vm", old: { fingerprint: old.print }, new: { fingerprint: rebuilt.print } },
  ]);
  expect(await look()).toMatchObject({ is: "running", keys: [] });
  expect((await get("/host-key")).ends[0]).toMatchObject({ changed: null, pinned: [{ fingerprint: rebuilt.print }] });
  expect((await post("/host-key", { ...body, request_id: "accept-rebuilt-2" })).status).toBe(422);
  expect(logged("contacted").filter((c) => c.end === "vm")).toHaveLength(1);
});

test("a third key in between is not accepted, and shown instead; what is no fingerprint is refused", async () => {
  const first = await machine("vm-1");
  const { look, post, page, logged } = await consoleOn(settingsOf(first));
  await look();
  await first.stop();
  const second = await machine("vm-2", { port: first.port });
  expect((await look()).keys[0].offered.fingerprint).toBe(second.print);
  await second.stop();
  const third = await machine("vm-3", { port: first.port });
  const late = await post("/host-key", { fingerprint: second.print });
  expect(late.status).toBe(409);
  expect(late.body.detail).toContain(third.print);
  expect(logged("key_accepted")).toEqual([]);
  expect(await page("/host-key")).toContain(third.print);
  for (const fingerprint of ["", "MD5:aa", `${third.print}x`, undefined])
    expect((await post("/host-key", { fingerprint })).status).toBe(422);
  expect((await post("/host-key", { fingerprint: third.print, end: "both" })).status).toBe(422);
  expect((await post("/host-key", { fingerprint: third.print, target: "nobody" })).status).toBe(404);
  await third.stop();
  expect((await post("/host-key", { fingerprint: third.print })).status).toBe(409);
  expect(logged("key_accepted")).toEqual([]);
});

test("a key of another type is a changed key, and no first contact", async () => {
  const old = await machine("vm-ed");
  const { console_, look, logged, page } = await consoleOn(settingsOf(old));
  await look();
  await old.stop();
  const other = await machine("vm-ec", { port: old.port, keyType: "ecdsa" });
  const state = await look();
  expect(state.is).toBe("key-changed");
  expect(state.keys[0].offered).toEqual({ type: "ecdsa-sha2-nistp256", fingerprint: other.print });
  expect(other.log()).not.toContain("Accepted publickey");
  // A session shows what happened since it began.
  await page("/");
  // As a browser without JavaScript does it: the form of the page, as it stands there.
  const [, request_id] = /name="request_id" value="([^"]+)"/.exec(await page("/host-key"))!;
  const form = await console_.ask("/host-key", {
    method: "POST",
    body: new URLSearchParams({ request_id: request_id!, target: "devvm", end: "vm", fingerprint: other.print }),
    headers: { ...bearer, accept: "text/html" },
  });
  expect([form.status, form.headers.get("location")]).toEqual([303, "/?target=devvm"]);
  expect(await page("/")).toContain("host key accepted");
  expect((await look()).is).toBe("running");
  expect(logged("contacted").filter((c) => c.end === "vm")).toHaveLength(1);
});

test("a changed PVE key: verbs are refused with a sentence, no page accepts it, the server's own terminal does", async () => {
  const vm = await machine("vm-p");
  const host = await machine("pve-old", { forced: "/bin/echo status: running" });
  const { settings, look, post, page, logged } = await consoleOn(settingsOf(vm, host));
  expect((await look()).is).toBe("running");
  await host.stop();
  const other = await machine("pve-new", { port: host.port, forced: `/usr/bin/touch ${join(dir, "reached")}` });
  for (const verb of ["cycle", "status", "stop"]) {
    const { status, body } = await post(`/api/pve/${verb}`);
    expect(status).toBe(502);
    expect(body).toMatchObject({ outcome: "failed", exit_code: 255 });
    expect(body.why).toContain("bun run access accept-key pve devvm");
  }
  // The target is free at once: nothing ran that could be asked for.
  expect((await post("/api/pve/start")).body.rejected).toBe(true);
  const state = await look();
  expect(state.is).toBe("unreachable");
  expect(state.says).toContain("not the pinned one");
  expect(state.keys).toMatchObject([
    { end: "pve", old: { fingerprint: host.print }, offered: { fingerprint: other.print } },
  ]);
  expect(logged("key_changed")).toHaveLength(1);
  const compare = await page("/host-key");
  for (const shown of [host.print, other.print, "bun run access accept-key pve devvm"])
    expect(compare).toContain(shown);
  expect(compare).not.toContain("<form");
  const refused = await post("/host-key", { end: "pve", fingerprint: other.print });
  expect(refused.status).toBe(403);
  expect(refused.body.detail).toContain("bun run access accept-key pve devvm");

  const terminal = (...words: string[]) => atTerminal(settings, words);
  expect(await terminal("accept-key", "pve")).toMatchObject({
    code: 2,
    said: expect.stringContaining("--fingerprint"),
  });
  const wrong = await terminal("accept-key", "pve", "devvm", "--fingerprint", host.print);
  expect(wrong).toMatchObject({ code: 1, said: expect.stringContaining("nothing was accepted") });
  expect((await look()).keys).toHaveLength(1);
  expect(other.log()).not.toContain("Accepted publickey");
  const right = await terminal("accept-key", "pve", "devvm", "--fingerprint", other.print);
  expect(right.code).toBe(0);
  for (const shown of [host.print, other.print, "Accepted"]) expect(right.said).toContain(shown);
  // The running console takes it over: the log, and the fact that is none any more.
  await look();
  expect((await look()).keys).toEqual([]);
  expect(logged("key_accepted")).toMatchObject([
    {
      end: "pve",
      by: expect.stringMatching(/^terminal:/),
      old: { fingerprint: host.print },
      new: { fingerprint: other.print },
    },
  ]);
  expect((await post("/api/pve/status")).body.exit_code).toBe(0);
  expect(await terminal("accept-key", "pve")).toMatchObject({ code: 0, said: expect.stringContaining("the same") });
  expect(logged("contacted").filter((c) => c.end === "pve")).toHaveLength(1);
});

test("at a terminal the word yes accepts, anything else does not; a console that is down logs it at its next start", async () => {
  const vm = await machine("vm-t");
  const first = await consoleOn(settingsOf(vm));
  await first.look();
  const data = join(dir, "data-t");
  await runChild({ argv: ["cp", "-r", first.console_.dir, data], env: { PATH: process.env.PATH! } });
  await vm.stop();
  const rebuilt = await machine("vm-t2", { port: vm.port });
  const settings = { ...first.settings, BREAKGLASS_DATA_DIR: data };
  for (const [word, code] of [
    ["no", 1],
    ["", 1],
    ["y", 1],
    ["yes", 0],
  ] as const) {
    const { ending, stdout } = await runChild({
      argv: ["script", "-qec", `${process.execPath} ${TERMINAL} accept-key vm`, "/dev/null"],
      env: { ...settings, PATH: process.env.PATH!, USER: "kim" },
      stdin: `${word}\n`,
      limit_ms: 30_000,
    });
    expect(stdout).toContain(rebuilt.print);
    expect(ending).toEqual({ is: "exited", code });
  }
  const second = await openTestConsole(settings, data);
  open.push(() => second.close());
  const { logged, look } = doors(second);
  expect(logged("key_accepted")).toMatchObject([
    { by: "terminal:kim", end: "vm", new: { fingerprint: rebuilt.print } },
  ]);
  expect((await look()).is).toBe("running");
});

test("keys pinned by settings: nobody accepts another, and the sentence names the setting; power goes on", async () => {
  const vm = await machine("vm-s");
  const [type, key] = readFileSync(join(dir, "vm-s", "host_key.pub"), "utf8").split(" ");
  const [pveType, pveKey] = readFileSync(pve.known_hosts, "utf8").trim().split(" ").slice(1);
  const known = join(dir, "known-s");
  writeFileSync(known, `[127.0.0.1]:${vm.port} ${type} ${key}\n[127.0.0.1]:${pve.port} ${pveType} ${pveKey}\n`);
  const toml = join(dir, "s.toml");
  writeFileSync(
    toml,
    `[[target]]\nid = "devvm"\nvmid = 102\nvm_host = "127.0.0.1"\nvm_port = ${vm.port}\nvm_user = "${vm.user}"\nvm_host_key = "${type} ${key}"\npve_host = "127.0.0.1"\npve_port = ${pve.port}\npve_user = "${pve.user}"\npve_host_key = "${pveType} ${pveKey} root@pve"\n`,
  );
  const byFile = await consoleOn({ ...settingsOf(vm), BREAKGLASS_KNOWN_HOSTS: known });
  const table = { API_BEARER_TOKEN: TOKEN, BREAKGLASS_KEY_PATH: pve.identity, BREAKGLASS_CONFIG: toml };
  const second = await openTestConsole(table);
  open.push(() => second.close());
  const byTable = { ...doors(second), settings: { ...table, BREAKGLASS_DATA_DIR: second.dir } };
  const both = [byFile, byTable];
  for (const { look, logged } of both) {
    expect((await look()).is).toBe("running");
    expect(logged("contacted")).toEqual([]);
  }
  await vm.stop();
  const rebuilt = await machine("vm-s2", { port: vm.port });
  const before = readFileSync(known, "utf8");
  for (const { look, post, page, settings } of both) {
    const state = await look();
    expect(state.keys).toMatchObject([{ end: "vm", pinned_by: "settings", offered: { fingerprint: rebuilt.print } }]);
    const refused = await post("/host-key", { fingerprint: rebuilt.print });
    expect(refused.status).toBe(403);
    expect(refused.body.detail).toContain("BREAKGLASS_KNOWN_HOSTS");
    expect(await page("/host-key")).not.toContain("<form");
    const terminal = await atTerminal(settings, ["accept-key", "vm", "--fingerprint", rebuilt.print]);
    expect(terminal).toMatchObject({ code: 1, said: expect.stringContaining("vm_host_key") });
    expect((await post("/api/pve/status")).body.exit_code).toBe(0);
  }
  expect(readFileSync(known, "utf8")).toBe(before);
  expect(rebuilt.log()).not.toContain("Accepted publickey");
});

async function atTerminal(settings: Record<string, string>, words: readonly string[]) {
  const { ending, stdout, stderr } = await runChild({
    argv: [process.execPath, TERMINAL, ...words],
    env: { ...settings, PATH: process.env.PATH! },
    limit_ms: 30_000,
  });
  return { code: ending.is === "exited" ? ending.code : null, said: stdout + stderr };
}
