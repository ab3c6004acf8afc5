/** Which model a prompt may name, and sending one again that came to nothing: the whole console, and no claude on its PATH. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { openTestConsole, type TestConsole } from "../support/console.ts";

let console_: TestConsole;
let path: string | undefined;
beforeAll(async () => {
  path = process.env.PATH;
  process.env.PATH = "/usr/bin:/bin";
  expect(Bun.which("claude", { PATH: process.env.PATH })).toBeNull(); // else nothing fails here
  console_ = await openTestConsole({ BREAKGLASS_LAB_AGENT: "claude", BREAKGLASS_MODEL: "big, small" });
});
afterAll(async () => {
  await console_.close();
  process.env.PATH = path;
});

const newSession = async () =>
  ((await (await console_.post("/api/session")).json()) as { session_id: string }).session_id;
const prompt = (session: string, body: object) => console_.post(`/api/session/${session}/prompt`, body);
const entries = (session: string) =>
  console_.parts.sessions.log.read({ streams: [{ stream: `session:${session}` }], after: 0, limit: 999 });
const of = (session: string, kind: string) => entries(session).filter((e) => e.kind === kind);
async function ended(session: string, n: number) {
  while (of(session, "turn_ended").length < n) await Bun.sleep(5);
}
const page = async (session: string) =>
  (await console_.ask(`/sessions/${session}`, { headers: { accept: "text/html" } })).text();

test("a model is one of the list; any other is refused with the list, and the usual one is no choice", async () => {
  const session = await newSession();
  const refused = await prompt(session, { prompt: "x", model: "huge" });
  expect([refused.status, await refused.json()]).toEqual([
    422,
    { detail: "there is no model 'huge' here; choose one of big, small, or leave it out" },
  ]);
  for (const [n, model] of ["small", "big", "", null].entries()) {
    expect((await prompt(session, { prompt: "x", model })).status).toBe(200);
    await ended(session, n + 1);
  }
  expect(of(session, "prompted").map((e) => (e.body as { model: string | null }).model)).toEqual([
    "small",
    null,
    null,
    null,
  ]);
  const html = await page(session);
  expect(html).toContain('<select name="model" aria-label="Model"><option>big</option><option>small</option></select>');
  expect(html.match(/<\/time> · small/g)).toHaveLength(1);
});

test("the same request id with another model is another request, and refused", async () => {
  const session = await newSession();
  expect((await prompt(session, { prompt: "x", model: "small", request_id: "once-1234" })).status).toBe(200);
  await ended(session, 1);
  expect((await prompt(session, { prompt: "x", model: "small", request_id: "once-1234" })).status).toBe(200);
  expect((await prompt(session, { prompt: "x", request_id: "once-1234" })).status).toBe(422);
});

test("a prompt that came to nothing can be sent again: the same words and model, once for all taps", async () => {
  const session = await newSession();
  await prompt(session, { prompt: "  the disk\n is full ", model: "small" });
  await ended(session, 1);
  const html = await page(session);
  const form =
    /<li id="e\d+" class="broke">.*?name="request_id" value="([\w-]+)".*?name="again" value="([\w-]+)"/s.exec(html);
  expect(form).not.toBeNull();
  const [, request_id, again] = form!;
  const answers = await Promise.all([1, 2, 3].map(() => prompt(session, { again, request_id })));
  expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
  await ended(session, 2);
  expect((await prompt(session, { again })).status).toBe(200);
  const prompts = of(session, "prompted").map((e) => e.body);
  expect(prompts).toHaveLength(2);
  expect(prompts[1]).toEqual(prompts[0]);
  // The button is on the newest one alone.
  expect((await page(session)).match(/Try again<\/button>/g)).toHaveLength(1);
});

test("what was never asked here can't be sent again", async () => {
  const [one, other] = [await newSession(), await newSession()];
  await prompt(one, { prompt: "x" });
  await ended(one, 1);
  const turn = of(one, "prompted")[0]!.about;
  for (const [session, again] of [
    [other, turn],
    [one, "nowhere"],
  ] as const) {
    const refused = await prompt(session, { again });
    expect([refused.status, await refused.json()]).toEqual([
      422,
      { detail: "that prompt is not in this session; write it, then send" },
    ]);
  }
});

test("sent again while the turn that failed is still ending, it waits for that end", async () => {
  const session = await newSession();
  await prompt(session, { prompt: "x" });
  // The turn's id is known before its end.
  const again = of(session, "prompted")[0]!.about;
  expect((await prompt(session, { again })).status).toBe(200);
  await ended(session, 2);
});
