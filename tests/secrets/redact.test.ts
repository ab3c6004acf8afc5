import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHECKS } from "../../src/checks/check.ts";
import { AsItComes, linesThrough, soFar } from "../../src/secrets/as-it-comes.ts";
import { formsOf } from "../../src/secrets/known.ts";
import { ourSecrets } from "../../src/secrets/ours.ts";
import { Redaction } from "../../src/secrets/redact.ts";
import { ORDINARY, pemKey, SAMPLES } from "./samples.ts";

const BEARER = "canary/of+the*console-0123456789";
const KEY = pemKey();
const dir = mkdtempSync(join(tmpdir(), "bg-secrets-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const redaction = new Redaction([{ kind: "bearer token", value: BEARER }]);

const hex = (text: string) => Buffer.from(text).toString("hex");
const base64 = (text: string) => Buffer.from(text).toString("base64");
const wrapped = (text: string, at: number) => text.replace(new RegExp(`.{${at}}`, "g"), "$&\n");

test("a value of the console is found in plain, base64 at each alignment, URL and hexadecimal form, also where lines are wrapped", () => {
  for (const before of ["", "a", "ab", "abc", "user:"]) {
    const text = `${before}${BEARER} and more`;
    for (const form of [text, hex(text), hex(text).toUpperCase(), encodeURIComponent(text), JSON.stringify(text)]) {
      const clean = redaction.text(form);
      expect(clean).toContain("[redacted: bearer token]");
      for (const known of formsOf(BEARER)) expect(clean).not.toContain(known);
    }
    const sent = base64(text);
    for (const form of [sent, wrapped(sent, 19), wrapped(sent, 23), Buffer.from(text).toString("base64url")]) {
      const clean = redaction.text(form);
      expect(clean, form).toContain("[redacted: bearer token]");
      // What is left can't be put together to it again.
      const left = Buffer.from(clean.replace(/\[redacted[^\]]*\]|\s/g, ""), "base64").toString();
      expect(left).not.toContain(BEARER.slice(4, -4));
    }
  }
});

test("every usual pattern is found, what is around it stays, and a second pass changes nothing", () => {
  for (const { kind, text, secret } of SAMPLES) {
    const clean = redaction.text(text);
    expect(clean, kind).not.toContain(secret);
    expect(clean, kind).toContain("[redacted: ");
    expect(redaction.text(clean), kind).toBe(clean);
    expect(clean.slice(0, 2), kind).toBe(text.startsWith(secret) ? "[r" : text.slice(0, 2));
  }
  for (const text of [
    KEY,
    KEY.replaceAll("\n", "\\n"),
    KEY.replace(/^/gm, "Nov 22 devvm cat[1]: "),
    KEY.split("\n").slice(0, 9).join("\n"),
  ]) {
    const clean = redaction.text(`before\n${text}\nafter that`);
    expect(clean).toContain("[redacted: private key]");
    for (const line of KEY.split("\n").slice(1, 9)) expect(clean).not.toContain(line);
    expect(clean).toStartWith("before\n");
    expect(clean).toEndWith("after that");
  }
});

test("what a VM prints on any day, the checks' own commands and ordinary identifiers stay as they are", () => {
  for (const line of ORDINARY.split("\n")) expect(redaction.text(line)).toBe(line);
  expect(redaction.text(ORDINARY)).toBe(ORDINARY);
  for (const check of Object.values(CHECKS))
    for (const text of [check.prompt, ...check.reads.map((read) => read.command)])
      expect(redaction.text(text)).toBe(text);
  for (let i = 0; i < 200; i++) {
    const line = `${crypto.randomUUID()} ${hex(crypto.randomUUID())} SHA256:${base64(crypto.randomUUID())} ${i}`;
    expect(redaction.text(line)).toBe(line);
  }
});

test("cut into two pieces at any place, or into lines, nothing gets through that would not get through whole", () => {
  const text = `${ORDINARY}${SAMPLES.map((s) => s.text).join("\n")}\n${KEY}\nx ${BEARER} y\n${wrapped(base64(`zz${BEARER}zz`), 17)}\nthe end\n`;
  const secrets = [...SAMPLES.map((s) => s.secret), ...KEY.split("\n").slice(1, -2), ...formsOf(BEARER)];
  const first = text.indexOf(SAMPLES[0]!.text);
  for (let at = first; at < text.length; at += 1) {
    const coming = new AsItComes(redaction.text);
    const shown = [coming.push(text.slice(0, at)), coming.push(text.slice(at)), coming.end()];
    const whole = shown.join("");
    if (secrets.some((secret) => whole.includes(secret))) throw new Error(`cut at ${at}: ${whole}`);
    if (at % 97 === 0) expect(whole).toStartWith(ORDINARY); // else an empty text would do
  }
  const heard: string[] = [];
  const through = linesThrough(redaction.text, ({ text }) => heard.push(text));
  for (const line of text.split("\n")) through.heard({ from: "stdout", text: line });
  through.end();
  const whole = heard.join("\n");
  for (const secret of secrets) expect(whole).not.toContain(secret);
  expect(whole).toContain("the end");
});

test("a flood of single words stays line for line what it was, and a value in the middle of it is found wherever it stands", () => {
  for (const length of [12, 40, 61]) {
    const lines = Array.from({ length: 6000 }, (_, i) => `${i}`.padStart(length, "abcdef"));
    const sent = wrapped(base64(`zz${BEARER}zz`), length);
    const heard: string[] = [];
    const through = linesThrough(redaction.text, ({ text }) => heard.push(text));
    for (const [i, text] of lines.entries()) {
      through.heard({ from: "stdout", text });
      if (i % 1000 === 999) for (const text of sent.split("\n")) through.heard({ from: "stdout", text });
    }
    const before = heard.length;
    through.end();
    expect(heard.length - before).toBeLessThan(66_000 / length); // what is held back is bounded
    expect(heard.join("\n").match(/\[redacted: bearer token\]/g)).toHaveLength(6);
    expect(lines.filter((line) => !heard.includes(line)).length).toBeLessThanOrEqual(6);
  }
});

test("words that are shown before they are whole never show the beginning of a secret", () => {
  for (const { text, secret } of SAMPLES)
    for (let n = 0; n <= text.length; n++) {
      const shown = soFar(redaction.text, text.slice(0, n));
      expect(shown).not.toContain(secret.slice(0, 12));
    }
  for (let n = 0; n < KEY.length; n += 7)
    expect(soFar(redaction.text, `Here:\n${KEY.slice(0, n)}`)).not.toContain(KEY.slice(40, 60));
  expect(soFar(redaction.text, "two words and")).toBe("two words ");
});

test("names and strings deep in a value are cleaned, and a value without secrets is given back as it is", () => {
  const plain = { a: [1, null, { b: "nothing of note" }], c: true };
  expect(redaction.deep(plain)).toBe(plain);
  const clean = redaction.deep({ [BEARER]: 1, input: { command: `echo ${BEARER}`, password: "tiny1" } });
  expect(JSON.stringify(clean)).toBe(
    '{"[redacted: bearer token]":1,"input":{"command":"echo [redacted: bearer token]","password":"[redacted: password]"}}',
  );
});

test("nothing that is replaced hides a command: whoever approves sees all that it does", () => {
  expect(redaction.text("PGPASSWORD=abc123; reboot")).toContain("; reboot");
  expect(redaction.text("TOKEN=$(reboot) PASSWORD=`reboot` X_TOKEN=abcdefgh$(reboot)")).toBe(
    "TOKEN=$(reboot) PASSWORD=`reboot` X_TOKEN=[redacted: secret]$(reboot)",
  );
  // A command is shown whole or not run: what looks like a secret may be what is run.
  for (const command of [
    "PGPASSWORD=abc123 psql; reboot",
    "api_key=mkfs.ext4; $api_key /dev/sda1",
    "PASSWORD=reboot-now; $PASSWORD",
    "echo '-----BEGIN PRIVATE KEY-----\nreboot\n-----END PRIVATE KEY-----'",
    "X_PASSWORD='; reboot #'",
  ]) {
    expect(redaction.text(command)).toContain("[redacted: "); // else there is nothing to hide
    expect(redaction.hiddenIn(command)).toMatchObject({ ours: false });
  }
  expect(redaction.hiddenIn(`curl -H 'X-Own: ${base64(BEARER)}' db:8080`)).toEqual({
    kind: "bearer token",
    ours: true,
  });
  for (const command of [
    "systemctl restart nginx",
    "mysql --defaults-file=/etc/mysql/debian.cnf -e 'show processlist'",
  ])
    expect(redaction.hiddenIn(command)).toBeNull();
});

test("the console's own secrets are its settings, its key line by line, and what signs the agent in; no region, no path", () => {
  const key_path = join(dir, "key");
  writeFileSync(key_path, KEY, { mode: 0o600 });
  const access = { bearer: BEARER, proxy_secret: "proxy-secret-0123", metrics_token: null } as never;
  const notify_url = "https://me:pass-of-ntfy@ntfy.example.org/breakglass?auth=QmVhcmVyIHRrX2xvbmcx";
  const env = {
    ANTHROPIC_API_KEY: "agent-key-0123456789",
    CLAUDE_CODE_OAUTH_TOKEN: "agent-oauth-0123456789",
    AWS_SECRET_ACCESS_KEY: "aws-0123456789abc",
    AWS_REGION: "eu-central-1",
    ANTHROPIC_CUSTOM_HEADERS: "x-gateway: gateway-0123456789",
    HTTPS_PROXY: "http://u:proxy-pass-01@proxy:3128",
    GOOGLE_APPLICATION_CREDENTIALS: "/run/secrets/google.json",
    SOMETHING_ELSE_TOKEN: "not-the-agents-0123",
  };
  const all = new Redaction(ourSecrets({ access, key_path, notify_url }, env));
  const values = [BEARER, "proxy-secret-0123", "pass-of-ntfy", "QmVhcmVyIHRrX2xvbmcx", "agent-key-0123456789"];
  values.push(
    "agent-oauth-0123456789",
    "aws-0123456789abc",
    "gateway-0123456789",
    "proxy-pass-01",
    "ntfy.example.org/breakglass",
  );
  for (const value of [...values, ...KEY.split("\n").filter((line) => line.length > 40 && !line.startsWith("-"))]) {
    expect(all.ours(`so ${value} it`), value).toStartWith("so [redacted: ");
    expect(all.ours(hex(`so ${value} it`))).toContain("[redacted: ");
  }
  const untouched = "the user breakglass in eu-central-1 reads /run/secrets/google.json, not-the-agents-0123";
  expect(all.ours(untouched)).toBe(untouched);
  expect(all.ours(wrapped(base64(KEY), 76)).replace(/\[redacted: private key\]|\s/g, "").length).toBeLessThan(120);
  const forget = all.learn({ kind: "token of a turn", value: "a-turn's-token-0123" });
  expect(all.text("a-turn's-token-0123")).toBe("[redacted: token of a turn]");
  forget();
  expect(all.ours("a-turn's-token-0123")).toBe("a-turn's-token-0123");
});
