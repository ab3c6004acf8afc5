/** The way in for the day when the edge is down, walked by a phone and by w3m: link, password, recovery code, wall board, way out. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Browser, Page } from "playwright";
import { runChild } from "../../src/child.ts";
import { violations } from "../support/axe.ts";
import { openBrowser, openPage, PHONE } from "../support/browser.ts";
import { cleanUp, scrubbed, startServer, type TestServer, tempDir } from "../support/server.ts";

setDefaultTimeout(120_000);

const PASSWORD = "seven lamps and a ladder";
let browser: Browser;
let server: TestServer;
const dir = tempDir("access");
const env = { API_BEARER_TOKEN: "a-long-enough-bearer-token", BREAKGLASS_STEP_UP: "1" };

beforeAll(async () => {
  [browser, server] = await Promise.all([openBrowser(), startServer(dir, env)]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  cleanUp(dir);
});

/** As at the server's own terminal, while the console runs. */
async function access(...words: string[]): Promise<string> {
  const { stdout, stderr, ending } = await runChild({
    argv: [process.execPath, join(import.meta.dir, "../../src/terminal.ts"), ...words],
    env: scrubbed({ PORT: String(server.port), BREAKGLASS_DATA_DIR: dir, ...env }),
    limit_ms: 20_000,
  });
  expect([stderr, ending]).toEqual(["", { is: "exited", code: 0 }]);
  return stdout;
}

const faults = async (page: Page) => (await violations(page)).map((fault) => `${page.url()} ${fault}`);

const live = (page: Page) => page.getByRole("status", { name: "Link" }).getByText("live", { exact: true }).waitFor();

test("enrolled by a link, signed in by password and by code; revoked at the terminal the open page says so and keeps the draft; a wall board; out", async () => {
  const [link] = (await access("enrol", "viktor")).split("\n");
  expect(link).toMatch(/^http:\/\/localhost:\d+\/enrol\/[\w-]{32}$/);
  const { page, close } = await openPage(browser, link!, PHONE);
  const found = await faults(page);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("The same again").fill(PASSWORD);
  await page.getByRole("button", { name: "Set the password" }).tap();
  await page.locator("ol.codes").waitFor();
  const codes = await page.locator("ol.codes code").allInnerTexts();
  expect(codes.length).toBe(10);
  found.push(...(await faults(page)));
  await page.getByRole("link", { name: "to the console" }).first().tap();
  await live(page);
  expect((await page.context().cookies()).filter(({ httpOnly }) => !httpOnly)).toEqual([]);

  // Revoked at the terminal: the live page learns it by itself.
  await page.getByRole("textbox", { name: "Describe the problem" }).fill("half a thought");
  expect(await access("sessions")).toContain("local:viktor");
  await access("revoke", "viktor");
  await page.getByText("You are signed out").waitFor();
  await page.getByRole("link", { name: "Sign in" }).tap();
  await page.getByLabel("Password").waitFor();
  found.push(...(await faults(page)));
  expect(await page.getByText("LAB", { exact: true }).isVisible()).toBe(true);

  await page.getByLabel("Name").first().fill("Viktor");
  await page.getByLabel("Password").fill("not the right password");
  await page.getByRole("button", { name: "Sign in" }).tap();
  await page.getByText("Nothing is locked").waitFor();
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).tap();
  await live(page);
  expect(await page.getByRole("textbox", { name: "Describe the problem" }).inputValue()).toBe("half a thought");

  await page.goto(`${new URL(page.url()).origin}/access`);
  await page.getByText("Enrolled operators").waitFor();
  found.push(...(await faults(page)));
  await page.getByRole("button", { name: "Sign out" }).tap();
  await page.waitForURL(/\/login$/);
  await page.getByText("Use a recovery code instead").tap();
  await page.getByLabel("Name").nth(1).fill("viktor");
  await page.getByLabel("Recovery code").fill(codes[0]!);
  await page.getByRole("button", { name: "Use the code" }).tap();
  await live(page);

  await page.goto(`${new URL(page.url()).origin}/access`);
  await page.getByRole("button", { name: "Open the wall board on this device" }).tap();
  await page.waitForURL(/\/kiosk$/);
  const elsewhere = await page.goto(`${new URL(page.url()).origin}/sessions`);
  expect(elsewhere!.status()).toBe(403);
  await page.goto(`${new URL(page.url()).origin}/kiosk`);
  await access("revoke", "all");
  const gone = await page.goto(`${new URL(page.url()).origin}/kiosk`);
  expect(gone!.status()).toBe(401);
  expect(found).toEqual([]);
  await close();
});

test("w3m shows the sign-in page as words, and signs in by the form alone", async () => {
  const link = (await access("enrol", "anna")).split("\n")[0]!;
  const enrolled = await fetch(`${server.url}${new URL(link).pathname}`, {
    method: "POST",
    headers: { "sec-fetch-site": "same-origin", "content-type": "application/json" },
    body: JSON.stringify({ password: PASSWORD, again: PASSWORD }),
  });
  expect(enrolled.status).toBe(200);
  await access("revoke", "all");
  const dump = await runChild({
    argv: ["w3m", "-dump", "-cols", "80", `${server.url}/sessions`],
    env: scrubbed({ TERM: "dumb" }),
    limit_ms: 20_000,
  });
  for (const word of ["Name", "Password", "Sign in", "Recovery code", "Token"]) expect(dump.stdout).toContain(word);
  const page = await fetch(`${server.url}/login`, { headers: { accept: "text/html" } });
  const id = /name="request_id" value="([^"]+)"/.exec(await page.text())![1]!;
  const cookie = page.headers.getSetCookie()[0]!.split(";")[0]!;
  const post = (request_id: string) =>
    runChild({
      argv: [
        ...["w3m", "-dump_extra", "-post", "-", "-header", `Cookie: ${cookie}`],
        ...["-header", "Content-Type: application/x-www-form-urlencoded", `${server.url}/login`],
      ],
      env: scrubbed({ TERM: "dumb" }),
      stdin: new URLSearchParams({ request_id, name: "anna", password: PASSWORD, next: "/sessions" }).toString(),
      limit_ms: 20_000,
    });
  expect(await access("sessions")).toContain("Nobody is signed in");
  await post("made-up-elsewhere-1234");
  expect(await access("sessions")).toContain("Nobody is signed in");
  await post(id);
  const listed = await access("sessions");
  expect([listed.includes("local:anna"), listed.includes("w3m")]).toEqual([true, true]);
});

test("a console that only an enrolled operator can enter starts, and enrolling needs no console that runs", async () => {
  const data = tempDir("alone");
  const REAL = {
    BREAKGLASS_PVE_HOST: "127.0.0.1",
    BREAKGLASS_PVE_PORT: "1",
    BREAKGLASS_DEVVM_HOST: "127.0.0.1",
    BREAKGLASS_DEVVM_PORT: "1",
  };
  const run = (file: string, ...words: string[]) =>
    runChild({
      argv: [process.execPath, join(import.meta.dir, "../../src", file), ...words],
      env: scrubbed({ PORT: "0", BREAKGLASS_DATA_DIR: data, ...REAL }),
      limit_ms: 20_000,
    });
  const refused = await run("main.ts");
  expect([refused.ending, refused.stderr]).toEqual([
    { is: "exited", code: 2 },
    expect.stringContaining("bun run access enrol"),
  ]);
  const link = (await run("terminal.ts", "enrol", "viktor")).stdout.split("\n")[0]!;
  const alone = await startServer(data, REAL);
  const page = await fetch(`${alone.url}${new URL(link).pathname}`, { headers: { accept: "text/html" } });
  expect([page.status, (await page.text()).includes("viktor")]).toEqual([200, true]);
  await alone.stop();
  cleanUp(data);
});
