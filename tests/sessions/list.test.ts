/** All sessions can be had, however many there are; and the console attaches where something happened last, however long ago that began. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { openTestConsole, type TestConsole } from "../support/console.ts";

const HOW_MANY = 250;
let console_: TestConsole;
const ids = Array.from({ length: HOW_MANY }, () => crypto.randomUUID());
const opened = (id: string, target = "lab") => ({
  stream: `session:${id}`,
  kind: "opened",
  body: { target, by: "lab" },
});

beforeAll(async () => {
  console_ = await openTestConsole();
  const target = console_.parts.console.targets[0].id;
  await console_.parts.console.log.appendAll(ids.map((id) => opened(id, target)));
});
afterAll(() => console_.close());

async function list(at: string) {
  const answer = await console_.ask(at);
  return (await answer.json()) as { sessions: { session_id: string; last_seq: number }[]; older: string | null };
}

test("page by page every session is listed once, and the last page says that it is the last", async () => {
  const seen: string[] = [];
  let pages = 0;
  for (let at: string | null = "/sessions"; at !== null; pages++) {
    const { sessions, older }: Awaited<ReturnType<typeof list>> = await list(at);
    seen.push(...sessions.map((s) => s.session_id));
    at = older;
  }
  expect(pages).toBe(3);
  expect(seen.toSorted()).toEqual(ids.toSorted());
});

test("the page and the text lead to the next one, and back to the newest", async () => {
  const { older } = await list("/sessions");
  const ask = async (at: string, accept: string) => (await console_.ask(at, { headers: { accept } })).text();
  expect(await ask("/sessions", "text/html")).toContain(`<a href="${older}">`);
  expect(await ask("/sessions", "text/plain")).toEndWith(`Begun before these: ${older}\n`);
  const second = await ask(older!, "text/html");
  expect(second).toContain('<a href="/sessions">The newest</a>');
  const last = (await list(older!)).older!;
  expect(await ask(last, "text/plain")).not.toContain("Begun before");
  expect((await list("/sessions?before=nonsense")).older).toBe(older);
});

test("the console attaches to the session with the latest entry, though 249 were begun after it", async () => {
  const { log, sessions } = console_.parts.console;
  const first = ids[0]!;
  await log.append({ stream: `session:${first}`, kind: "titled", body: { title: "the old one", by: "lab" } });
  // What happens elsewhere is no session's.
  await log.append({ stream: "target:nowhere", kind: "observed", body: {} });
  expect((await (await console_.ask("/")).json()) as object).toMatchObject({ session_id: first });
  const elsewhere = crypto.randomUUID();
  await log.append(opened(elsewhere, "other"));
  expect(sessions.latest([console_.parts.console.targets[0].id])?.session_id).toBe(first);
  expect(sessions.latest(["other"])?.session_id).toBe(elsewhere);
  expect(sessions.latest(["a target without any"])).toBeNull();
});
