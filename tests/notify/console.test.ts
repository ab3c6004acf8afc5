/** The whole console tells a receiver on this machine what happens in the lab, and shows on its page when it can't. */
import { expect, test } from "bun:test";
import { openTestConsole } from "../support/console.ts";

test("a turn and a verb are told with links to the console's own address; a receiver that fails is told on the page", async () => {
  const received: { title: string; text: string; link: string }[] = [];
  let status = 200;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      received.push((await request.json()) as (typeof received)[number]);
      return new Response(null, { status });
    },
  });
  const console_ = await openTestConsole({ BREAKGLASS_NOTIFY_URL: `http://127.0.0.1:${server.port}/hook#json` });
  const told = async (title: string, n = 1) => {
    while (received.filter((notice) => notice.title === title).length < n) await Bun.sleep(10);
    return received.find((notice) => notice.title === title)!;
  };
  try {
    const { session_id } = (await (await console_.post("/api/session")).json()) as { session_id: string };
    const ask = () => console_.post(`/api/session/${session_id}/prompt`, { preset: "memory" });
    expect((await ask()).status).toBe(200);
    expect((await told("Breakglass: a turn ended")).link).toBe(`http://localhost:8080/sessions/${session_id}`);

    const id = "notice-of-a-stop";
    const stop = await console_.post("/api/pve/stop", {}, { "idempotency-key": id, prefer: "respond-async" });
    expect(stop.status).toBe(202);
    const { text } = await told("Breakglass: stop on devvm");
    expect(text).toMatch(/^lab asked for stop on devvm\. It begins now\. Audit \d+:[0-9a-f]{64}$/);
    expect((await told("Breakglass: stop on devvm: done")).link).toBe(`http://localhost:8080/api/pve/actions/${id}`);
    // What it links to is there.
    expect((await console_.ask(`/api/pve/actions/${id}`, { headers: { accept: "text/html" } })).status).toBe(200);

    status = 500;
    expect((await ask()).status).toBe(200);
    await told("Breakglass: a turn ended", 2);
    const page = async () =>
      (await console_.ask(`/sessions/${session_id}`, { headers: { accept: "text/html" } })).text();
    while (!(await page()).includes("A notice could not be delivered: it answered 500.")) await Bun.sleep(20);
  } finally {
    await console_.close();
    await server.stop(true);
  }
}, 60_000);
