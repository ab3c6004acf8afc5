/** What may come in: how much of a body is read, over real connections to the real server, before and after signing in. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { BODY_LIMIT } from "../../src/console/body.ts";
import { cleanUp, startServer, type TestServer, tempDir } from "../support/server.ts";

const TOKEN = "a-long-enough-bearer-token";
const OWN = { "sec-fetch-site": "same-origin", accept: "application/json" };
const FORM = { ...OWN, "content-type": "application/x-www-form-urlencoded" };
const dir = tempDir("body");
let server: TestServer;

beforeAll(async () => {
  server = await startServer(dir, { HOST: "127.0.0.1", API_BEARER_TOKEN: TOKEN });
});
afterAll(async () => {
  await server.stop();
  cleanUp(dir);
});

/** Without a length beforehand; `sent` counts what was taken from us. */
function chunked(megabytes: number, sent = { mb: 0 }): ReadableStream<Uint8Array> {
  return new ReadableStream(
    {
      pull(stream) {
        if (sent.mb++ >= megabytes) stream.close();
        else stream.enqueue(new Uint8Array(1024 * 1024).fill(97));
      },
    },
    { highWaterMark: 0 },
  );
}

async function post(path: string, body: RequestInit["body"], headers: Record<string, string>) {
  const answer = await fetch(server.url + path, { method: "POST", body, headers });
  return { status: answer.status, text: await answer.text() };
}

/** The most memory that the server ever had, kB. */
const peak = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))![1]);

const SENTENCE = `the body has more than ${BODY_LIMIT} bytes, and nothing here needs so many; send less`;

/** Sends without end until something is answered, whatever that is, and reads nothing before: as a bad client does. */
function pour(path: string, headers: Record<string, string>, chunked: boolean): Promise<{ sent: number; got: string }> {
  const { host, hostname, port } = new URL(server.url);
  const lines = Object.entries({
    Host: host,
    ...headers,
    ...(chunked ? { "Transfer-Encoding": "chunked" } : { "Content-Length": String(ENDLESS) }),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const piece = Buffer.alloc(64 * 1024, "a");
  const out = chunked ? Buffer.concat([Buffer.from("10000\r\n"), piece, Buffer.from("\r\n")]) : piece;
  return new Promise((resolve, reject) => {
    let sent = 0;
    let got = "";
    const socket = connect(Number(port), hostname, () => {
      socket.write(`POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
      more();
    });
    const more = () => {
      while (!socket.destroyed && got === "" && sent < ENDLESS) {
        sent += out.length;
        if (!socket.write(out)) return void socket.once("drain", more);
      }
    };
    socket.on("data", (data) => {
      got += data;
      if (/\r\n\r\n(.+\}$)/s.test(got) || /^HTTP\/1.1 204 .*\r\n\r\n$/s.test(got)) socket.destroy();
    });
    socket.on("close", () => resolve({ sent, got }));
    // Cut by the server after it has answered.
    socket.on("error", (error) => (got === "" ? reject(error) : undefined));
  });
}
const ENDLESS = 2 ** 40;

test("a body without an end is answered by our sentence, with a length and in chunks, and takes no memory", async () => {
  await post("/login", "token=no", FORM);
  const before = peak();
  for (const path of ["/enrol/x", "/login", "/csp-report", "/api/session", "/no-such"])
    for (const chunked of [false, true]) {
      const own = ["/enrol/x", "/login"].includes(path);
      const all = await Promise.all([1, 2, 3].map(() => pour(path, FORM, chunked)));
      for (const { got } of all) {
        const status = own ? 413 : path === "/csp-report" ? 204 : 401;
        expect([path, chunked, got.slice(0, 12)]).toEqual([path, chunked, `HTTP/1.1 ${status}`]);
        if (own) expect(got).toEndWith(JSON.stringify({ detail: SENTENCE }));
      }
    }
  // What is signed in is counted as well.
  const bearer = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" };
  for (const path of ["/api/session", "/access/revoke", "/api/pve/cycle", "/lab/fault"])
    for (const chunked of [false, true]) {
      const { got } = await pour(path, bearer, chunked);
      expect([path, chunked, got.slice(0, 12)]).toEqual([path, chunked, "HTTP/1.1 413"]);
      expect(got).toContain(SENTENCE);
    }
  expect(peak() - before).toBeLessThan(80 * 1024);
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
});

test("a stranger's large form is not read, said to be large or not, and takes no memory", async () => {
  await post("/login", "token=no", FORM);
  const before = peak();
  const large = new Uint8Array(30 * 1024 * 1024).fill(97);
  for (const path of ["/enrol/x", "/login"]) {
    const said = await Promise.all([1, 2, 3].map(() => post(path, large, FORM)));
    expect(said.map(({ status }) => status)).toEqual([413, 413, 413]);
    // Cut while it is still being sent: either answer is one.
    const streamed = await post(path, chunked(30), FORM).catch(() => ({ status: 413 }));
    expect(streamed.status).toBe(413);
  }
  expect(peak() - before).toBeLessThan(80 * 1024);
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
});

test("a body over the limit gets our sentence in the caller's form, with a length and without one", async () => {
  const over = "x=".padEnd(BODY_LIMIT + 1, "a");
  expect(await post("/login", over, FORM)).toEqual({ status: 413, text: JSON.stringify({ detail: SENTENCE }) });
  const stream = new Blob([over]).stream();
  expect(await post("/login", stream, { ...FORM, accept: "text/plain" })).toEqual({
    status: 413,
    text: `${SENTENCE}\n`,
  });
});

test("where nothing in the body could prove our own page, it is refused for that before it is read", async () => {
  const over = "x=".padEnd(BODY_LIMIT + 1, "a");
  for (const path of ["/enrol/x", "/login"])
    for (const site of [{ "sec-fetch-site": "cross-site" }, {} as Record<string, string>])
      expect((await post(path, over, { "content-type": FORM["content-type"], ...site })).status).toBe(403);
});

test("a prompt may have 65,536 bytes in its longest spelling, and one more is refused by its own sentence", async () => {
  const bearer = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", accept: "application/json" };
  const { session_id } = JSON.parse((await post("/api/session", "{}", bearer)).text) as { session_id: string };
  const prompt = (bytes: number) =>
    post(`/api/session/${session_id}/prompt`, `{"prompt":"${"\\u0061".repeat(bytes)}"}`, bearer);
  expect(await prompt(65_537)).toEqual({
    status: 413,
    text: JSON.stringify({ detail: "the prompt has 65537 bytes, and 65536 is the most; send less" }),
  });
  expect((await prompt(65_536)).status).toBe(200);
});

test("forms of both kinds are read as they were written, and a broken one is refused", async () => {
  const bearer = { authorization: `Bearer ${TOKEN}`, accept: "application/json" };
  const { session_id } = JSON.parse((await post("/api/session", "", bearer)).text) as { session_id: string };
  const at = `/api/session/${session_id}/title`;
  const title = async (body: RequestInit["body"], type?: string) =>
    post(at, body, type ? { ...bearer, "content-type": type } : bearer);
  const titled = async (said: Promise<{ text: string }>) => (JSON.parse((await said).text) as { title: string }).title;
  expect(await titled(title("title=a+%C3%A9+b", "application/x-www-form-urlencoded"))).toBe("a é b");
  const form = new FormData();
  form.set("title", "in parts ü");
  expect(await titled(title(form))).toBe("in parts ü");
  expect((await title("--x\r\nnothing", "multipart/form-data")).status).toBe(400);
  expect((await title("{", "application/json")).status).toBe(400);
});
