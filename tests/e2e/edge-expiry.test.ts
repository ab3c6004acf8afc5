/**
 * The edge's own sign-in ends under an open page, in each manner in which edges say so: the page tells it, keeps what was typed, asks
 * at most 12 times in a real minute, and goes on where it was when the edge lets it in again. Counted at the edge, not in the page.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser, Page } from "playwright";
import { openBrowser, openPage, PHONE } from "../support/browser.ts";
import { BEHIND_AN_EDGE, type Edge, MANNERS, type Manner, startEdge } from "../support/edge.ts";
import { cleanUp, startServer, type TestServer, tempDir } from "../support/server.ts";

setDefaultTimeout(240_000);

const TOKEN = "a-long-enough-bearer-token";
const DRAFT = "half a thought";
const MOST = 12;
const MINUTE = 60_000;

interface One {
  readonly manner: Manner;
  /** Whether it expires before the page's stream was ever there. */
  readonly early: boolean;
  readonly edge: Edge;
}

const dir = tempDir("expiry");
let browser: Browser;
let server: TestServer;
const ones: One[] = [];

beforeAll(async () => {
  const early: Manner[] = ["redirect elsewhere", "a page"];
  const edge = () => startEdge(() => server.port);
  ones.push(...MANNERS.map((manner) => ({ manner, early: false, edge: edge() })));
  ones.push(...early.map((manner) => ({ manner, early: true, edge: edge() })));
  const env = {
    ...BEHIND_AN_EDGE,
    API_BEARER_TOKEN: TOKEN,
    BREAKGLASS_SSE_KEEPALIVE_SECONDS: "1",
    BREAKGLASS_ORIGINS: ones.map(({ edge }) => edge.url).join(","),
  };
  [browser, server] = await Promise.all([openBrowser(), startServer(dir, env)]);
});
afterAll(async () => {
  await browser?.close();
  for (const { edge } of ones) edge.stop();
  await server?.stop();
  cleanUp(dir);
});

/** As a program on the same machine, past every edge. */
async function ask(path: string, body?: object): Promise<Record<string, any>> {
  const headers = { host: new URL(ones[0]!.edge.url).host, authorization: `Bearer ${TOKEN}` };
  const got = await fetch(`${server.url}${path}`, {
    method: body ? "POST" : "GET",
    headers: { ...headers, accept: "application/json", "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  return (await got.json()) as Record<string, any>;
}

const link = (page: Page) => page.getByRole("status", { name: "Link" });
const live = (page: Page) => link(page).getByText("live", { exact: true }).waitFor({ timeout: 90_000 });
const told = (page: Page) => page.locator("#notice").getByText("You are signed out").waitFor({ timeout: 60_000 });
const box = (page: Page) => page.getByRole("textbox", { name: "Describe the problem" });
const items = (page: Page): Promise<string[]> =>
  page.evaluate(`[...document.querySelectorAll("#transcript > li[id]")].map((li) => li.id)`);
/** The console's page, and not the edge's in its place or in the midst of it. */
const isWhole = async (page: Page) =>
  (await page.locator("#power, #composer, #state").count()) === 3 &&
  (await page.getByText("Sign in at the edge").count()) === 0 &&
  (await page.locator("#from-the-edge").count()) === 0;

test("an edge that expires is told, the draft is kept, at most 12 requests go out in a minute, and then nothing is lost or doubled", async () => {
  const open = async (one: One) => {
    const { session_id: session } = await ask("/api/session", {});
    if (one.early) one.edge.expire(one.manner, true);
    const watched = await openPage(browser, `${one.edge.url}/sessions/${session}`, PHONE);
    return { ...one, ...watched, session, name: `${one.manner}${one.early ? ", from the first" : ""}` };
  };
  const opened = await Promise.all(ones.map(open));
  const all = (then: (one: (typeof opened)[number]) => Promise<void>) =>
    Promise.all(
      opened.map((one) =>
        then(one).catch(async (error: Error) => {
          const shows = await one.page.locator("#notice").innerHTML({ timeout: 1000 }).catch(String);
          throw new Error(`${one.name}: ${error.message}\n${shows.slice(0, 400)}\n${one.edge.asked.join("; ")}`);
        }),
      ),
    );

  /** Something happens in each session, past the edge; where it will stand on each page. */
  const checked = async () => {
    const at: Record<string, string> = {};
    for (const { name, session } of opened) at[name] = `#c-${(await ask("/api/check/memory", { session })).id}`;
    return at;
  };

  // A short one: the page comes back by itself, and has what happened meanwhile.
  await all(async ({ page, early }) => {
    if (!early) await live(page);
    await box(page).fill(DRAFT);
  });
  for (const { edge, manner, early } of opened) if (!early) edge.expire(manner);
  await all(async ({ page }) => {
    await told(page);
    expect(await link(page).textContent()).toBe("signed out");
  });
  const short = await checked();
  await all(async ({ page, name }) => expect(await page.locator(short[name]!).count()).toBe(0)); // else the edge let it through
  for (const { edge } of opened) edge.letIn();
  await all(async ({ page, name }) => {
    await live(page);
    await page.locator(short[name]!).waitFor();
    expect(await box(page).inputValue()).toBe(DRAFT);
    expect(await page.getByText("You are signed out").count()).toBe(0);
  });

  // A long one.
  for (const { edge, manner, early } of opened) edge.expire(manner, early);
  await all(async ({ page, early }) => {
    if (early) await page.reload();
  });
  const begun = performance.now();
  await all(async ({ page }) => {
    await told(page);
    await page.getByRole("button", { name: "Send" }).tap();
    await page.locator("#notice").getByText("nothing was done").waitFor();
    expect(await box(page).inputValue()).toBe(DRAFT);
  });
  const long = await checked();
  await Bun.sleep(MINUTE - (performance.now() - begun));
  await all(async ({ page, edge }) => {
    // One is the tap's; the others are the page's own.
    expect(edge.asked.length, edge.asked.join("; ")).toBeLessThanOrEqual(MOST);
    expect(edge.asked.filter((what) => what.endsWith("/stream")).length).toBeGreaterThan(1); // else it never tried
    expect(await isWhole(page)).toBe(true);
    expect(await link(page).textContent()).toBe("signed out");
  });

  // Let in again: some by the link that the page shows, the others because their operator comes back from the tab where they signed in.
  for (const { edge } of opened) edge.letIn();
  await all(async ({ page, manner, name }) => {
    if (manner === "redirect here" || manner === "204")
      await page.locator("#notice").getByRole("link", { name: "Sign in" }).tap();
    else await page.evaluate(`document.dispatchEvent(new Event("visibilitychange"))`);
    await live(page);
    await page.locator(long[name]!).waitFor();
    expect(await box(page).inputValue()).toBe(DRAFT);
    expect(await page.locator("li.user").count()).toBe(0); // what was tapped meanwhile was not queued anywhere
  });

  // What was refused goes out now, once, and the transcript is the log's.
  const [{ page }] = opened as [(typeof opened)[0]];
  await page.getByRole("button", { name: "Send" }).tap();
  await page.locator("li.user").filter({ hasText: DRAFT }).waitFor();
  await page.getByRole("button", { name: "Send" }).waitFor({ timeout: 60_000 });
  expect(await page.locator("li.user").filter({ hasText: DRAFT }).count()).toBe(1);
  await all(async ({ page, close }) => {
    const seen = await items(page);
    await page.reload();
    await live(page);
    expect(seen).toEqual(await items(page));
    expect(new Set(seen).size).toBe(seen.length);
    await close();
  });
});
