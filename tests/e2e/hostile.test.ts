/** Text that wants to act, through all of it: the agent's line, the log, the view, the stream, the DOM of a real browser. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright";
import { plain } from "../../views/plain.tsx";
import { DESKTOP, openBrowser, openPage } from "../support/browser.ts";
import { hostile } from "../support/hostile.ts";
import { cleanUp, startServer, type TestServer, tempDir } from "../support/server.ts";

setDefaultTimeout(120_000);

const COUNT = 320;
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
let browser: Browser;
let server: TestServer;
const dir = tempDir("hostile");
const asked: string[] = [];
const canary = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request) {
    asked.push(request.url);
    return new Response("");
  },
});

beforeAll(async () => {
  const bin = join(dir, "bin");
  mkdirSync(bin, { recursive: true });
  const program = join(import.meta.dir, "../support/hostile-claude.ts");
  writeFileSync(join(bin, "claude"), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`);
  chmodSync(join(bin, "claude"), 0o755);
  const env = { BREAKGLASS_LAB_AGENT: "claude", PATH: `${bin}:${process.env.PATH}` };
  [browser, server] = await Promise.all([openBrowser(), startServer(dir, env)]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await canary.stop(true);
  cleanUp(dir);
});

/** What is in the transcript that is not ours: elements, attributes, addresses. */
const STRANGERS = `(() => {
  const ours = new Set("OL LI P SMALL B TIME CODE PRE SPAN DETAILS SUMMARY A H3 H4 H5 H6 UL BLOCKQUOTE TABLE THEAD TBODY TR TH TD EM STRONG S HR FORM INPUT BUTTON".split(" "));
  const found = [];
  for (const e of document.querySelectorAll("#transcript > li:not(#earlier) *")) {
    if (!ours.has(e.tagName)) found.push(e.tagName);
    for (const { name, value } of e.attributes)
      if (/^(on|hx-|src|style|srcdoc)/.test(name) || (name === "href" && !/^(https?:|mailto:|\\/sessions\\/)/.test(value))) found.push(name + "=" + value);
  }
  return found;
})()`;

test(`${COUNT} strings that want to act do nothing in a browser, and are read as the text they are`, async () => {
  const { page, complaints, close } = await openPage(browser, "about:blank", DESKTOP);
  const requests: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  await page.addInitScript(`
    window.seen = {}; window.broken = [];
    document.addEventListener("securitypolicyviolation", (e) => broken.push(e.violatedDirective + " " + e.blockedURI));
    // As they come: a long transcript leaves the page again at its far end.
    new MutationObserver(() => {
      for (const li of document.querySelectorAll("#transcript > li.ret, #transcript > li.said"))
        seen[li.id] ??= [li.className, li.className === "ret" ? li.querySelector("pre")?.textContent : li.textContent];
    }).observe(document, { childList: true, subtree: true });
  `);
  await page.goto(`${server.url}/`);
  await page.getByRole("status", { name: "Link" }).getByText("live", { exact: true }).waitFor();
  const url = `http://127.0.0.1:${canary.port}`;
  await page
    .getByRole("textbox", { name: "Describe the problem" })
    .fill(JSON.stringify({ seed: SEED, count: COUNT, canary: url }));
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("log").getByText("finished").waitFor({ timeout: 60_000 });
  const strings = hostile(SEED, COUNT, url).map((text) => plain(text));
  const seen = Object.values((await page.evaluate("seen")) as Record<string, [string, string | null]>);
  const printed = seen.flatMap(([kind, text]) => (kind === "ret" ? [text] : []));
  const said = seen.flatMap(([kind, text]) => (kind === "said" ? [text] : []));
  expect(printed, `seed ${SEED}`).toEqual(strings);
  expect(said.length, `seed ${SEED}`).toBe(COUNT);
  expect(said.filter((text) => !text?.includes("begin"))).toEqual([]);
  expect(await page.evaluate(STRANGERS), `seed ${SEED}`).toEqual([]);
  // Some thousand items have come in: the far end left the page, and Earlier brings it back.
  const shown = await page.locator("#transcript > li").count();
  expect(shown).toBeLessThan(200);
  expect((await page.evaluate("document.querySelectorAll('*').length")) as number).toBeLessThan(2500);
  await page.getByRole("button", { name: "Earlier" }).click();
  await page
    .locator("#transcript > li")
    .nth(shown + 30)
    .waitFor({ state: "attached" });
  const ids = await page.locator("#transcript > li[id^=e]").evaluateAll((all) => all.map((li) => +li.id.slice(1) || 0));
  expect(ids.slice(1)).toEqual([...new Set(ids.slice(1))].sort((a, b) => a - b));

  // The same once more as a page.
  await page.reload();
  await page.getByRole("status", { name: "Link" }).getByText("live", { exact: true }).waitFor();
  expect(await page.evaluate(STRANGERS), `seed ${SEED}`).toEqual([]);
  for (const name of ["State", "Power"]) expect(await page.getByRole("region", { name }).count()).toBe(1);
  expect(asked).toEqual([]);
  expect(requests.filter((address) => !address.startsWith(server.url))).toEqual([]);
  expect(requests.filter((address) => /\/api\/pve|logout/.test(address))).toEqual([]);
  expect(await page.evaluate("broken")).toEqual([]);
  expect(complaints).toEqual([]);
  expect(server.output()).not.toContain("Reports counted");

  // The sense of it: what does act is kept from it, seen, and counted.
  await page.evaluate(`document.body.insertAdjacentHTML("beforeend", "<img src='${url}/seen.png'>")`);
  while (!server.output().includes("Reports counted: 1.")) await Bun.sleep(50);
  expect(await page.evaluate("broken")).toEqual([`img-src ${url}/seen.png`]);
  expect(asked).toEqual([]);
  await close();
});
