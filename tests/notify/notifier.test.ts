/** Notices on their way: a real receiver on this machine, one that hangs, one that refuses, one that is not there. */
import { afterEach, expect, test } from "bun:test";
import { SqliteLog } from "../../src/log/sqlite.ts";
import { Notifier } from "../../src/notify/notifier.ts";
import { postTo } from "../../src/notify/post.ts";

interface Received {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function receiver(answer: (n: number) => Response | Promise<Response> = () => new Response("ok")) {
  const received: Received[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      received.push({
        path: pathname + search,
        headers: Object.fromEntries(request.headers),
        body: await request.text(),
      });
      return answer(received.length);
    },
  });
  closing.push(() => server.stop(true));
  return { received, url: `http://127.0.0.1:${server.port}` };
}

function desk(url: string, limit_ms = 5_000) {
  const log = new SqliteLog(":memory:");
  const post = postTo({ url, origin: "https://breakglass.example.org", limit_ms });
  const notifier = new Notifier({ log, post, fallback: "target:devvm" });
  closing.push(
    () => log.close(),
    () => notifier.close(),
  );
  const write = (kind: string, about: string, body: object, stream = "session:s1") =>
    log.append({ stream, kind, about, body });
  const turn = async (about: string) => {
    await write("prompted", about, { text: "secret", by: "lab", model: null });
    await write("turn_ended", about, { after_ms: 1 });
  };
  const remarks = () =>
    log.newest({ stream: null, kind: "remarked", limit: 99 }).map((e) => [e.stream, (e.body as { text: string }).text]);
  const until = async (holds: () => boolean) => {
    while (!holds()) await Bun.sleep(5);
  };
  return { log, notifier, write, turn, remarks, until };
}

test("a topic of ntfy gets words, a title, a priority and a link; nothing is sent but notices", async () => {
  const { received, url } = receiver();
  const { turn, until, write } = desk(`${url}/my-topic?x=1`);
  await write("said", "t1", { text: "secret" });
  await turn("t1");
  await until(() => received.length > 0);
  expect(received).toEqual([
    {
      path: "/my-topic?x=1",
      body: "It is done. Asked by lab.",
      headers: expect.objectContaining({
        title: "Breakglass: a turn ended",
        click: "https://breakglass.example.org/sessions/s1",
        priority: "default",
        "content-type": "text/plain; charset=utf-8",
      }),
    },
  ]);
});

test("#json makes it an object; credentials in the address become a header", async () => {
  const { received, url } = receiver();
  const { turn, until } = desk(`${url.replace("//", "//ann:p%40ss@")}/hook#json`);
  await turn("t1");
  await until(() => received.length > 0);
  expect(JSON.parse(received[0]!.body)).toEqual({
    kind: "turn_ended",
    title: "Breakglass: a turn ended",
    text: "It is done. Asked by lab.",
    link: "https://breakglass.example.org/sessions/s1",
    urgent: false,
  });
  expect(received[0]!.path).toBe("/hook");
  expect(received[0]!.headers.authorization).toBe(`Basic ${btoa("ann:p@ss")}`);
});

test("a receiver that hangs holds nothing up: entries are written, and the failure is told in the transcript, once", async () => {
  const { received, url } = receiver(() => new Promise(() => {}));
  const { turn, until, remarks, log } = desk(`${url}/secret-topic`, 150);
  for (const id of ["t1", "t2", "t3"]) await turn(id);
  expect(log.newest({ stream: "session:s1", kind: "turn_ended", limit: 9 })).toHaveLength(3);
  expect(received.length).toBeLessThan(3); // else it did not hang
  await until(() => received.length === 3 && remarks().length > 0);
  await Bun.sleep(250);
  expect(remarks()).toEqual([
    [
      "session:s1",
      "A notice could not be delivered: no answer within 0 s. Nobody was told; look at BREAKGLASS_NOTIFY_URL.",
    ],
  ]);
});

test("one that refuses, then takes them again: both are said", async () => {
  const { url } = receiver((n) => new Response(null, { status: n < 3 ? 403 : 200 }));
  const { turn, until, remarks } = desk(url);
  for (const id of ["t1", "t2", "t3"]) await turn(id);
  await until(() => remarks().length === 2);
  expect(remarks().map(([, text]) => text)).toEqual([
    "Notices are delivered again; 2 were lost.",
    "A notice could not be delivered: it answered 403. Nobody was told; look at BREAKGLASS_NOTIFY_URL.",
  ]);
});

test("nobody there: said in words, and never with the address", async () => {
  const gone = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
  const { port } = gone;
  await gone.stop(true);
  const { notifier, until, remarks } = desk(`http://127.0.0.1:${port}/secret-topic`);
  notifier.notify({ kind: "access", title: "t", text: "x", path: "/audit", urgent: true, stream: null });
  await until(() => remarks().length > 0);
  expect(remarks()[0]).toEqual([
    "target:devvm",
    expect.stringContaining("could not be delivered: the connection was refused"),
  ]);
  expect(JSON.stringify(remarks())).not.toContain("secret-topic");
});

test("a redirect is not followed", async () => {
  const elsewhere = receiver();
  const { url } = receiver(() => new Response(null, { status: 307, headers: { location: elsewhere.url } }));
  const { turn, until, remarks } = desk(url);
  await turn("t1");
  await until(() => remarks().length > 0);
  expect(remarks()[0]![1]).toContain("it answered 307");
  expect(elsewhere.received).toEqual([]);
});

test("what waits is bounded: the oldest give way", async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { received, url } = receiver(async () => {
    await gate;
    return new Response();
  });
  const { notifier, until } = desk(url);
  const notice = (n: number) =>
    ({ kind: "verb", title: `${n}`, text: `${n}`, path: "/", urgent: true, stream: "session:s1" }) as const;
  for (let n = 0; n < 200; n++) notifier.notify(notice(n));
  open();
  await until(() => received.at(-1)?.body === "199");
  expect(received.length).toBeLessThanOrEqual(52);
});

test("sign-ins come from access, and stop with it", async () => {
  const { received, url } = receiver();
  const { notifier, until } = desk(url);
  let tell = (_: { is: string; name: string | null; from: string }) => {};
  let followed = true;
  const stop = notifier.followAccess((told) => {
    tell = told;
    return () => {
      followed = false;
    };
  });
  tell({ is: "header_refused", name: "eve", from: "203.0.113.9" });
  tell({ is: "signed_in", name: "ann", from: "203.0.113.9" });
  await until(() => received.length > 0);
  expect(received.map(({ body, headers }) => [headers.title, body])).toEqual([
    ["Breakglass: a sign-in", "ann signed in at the console itself, from 203.0.113.9."],
  ]);
  stop();
  expect(followed).toBe(false);
});
