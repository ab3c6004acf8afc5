/** The figures for Prometheus: the console's own, told by a real log, and opened by sign-in or the one token. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { openTestConsole, type TestConsole } from "../support/console.ts";

let console_: TestConsole;
const BEARER = { authorization: "Bearer a-long-enough-bearer-token" };
const READER = { authorization: "Bearer a-token-that-reads-metrics" };
beforeAll(async () => {
  console_ = await openTestConsole({
    API_BEARER_TOKEN: "a-long-enough-bearer-token",
    BREAKGLASS_METRICS_TOKEN: "a-token-that-reads-metrics",
  });
});
afterAll(() => console_.close());

const read = async () => (await console_.ask("/metrics", { headers: READER })).text();
const value = (text: string, series: string) =>
  Number(
    text
      .split("\n")
      .find((line) => line.startsWith(`${series} `))
      ?.split(" ")
      .at(-1),
  );

test("turns, actions by verb and outcome, checks and what is at work are counted, and nobody's name is in it", async () => {
  await console_.post("/api/pve/status", {}, BEARER);
  const { session_id } = (await (await console_.post("/api/session", {}, BEARER)).json()) as { session_id: string };
  await console_.post("/api/check/disk", { session: session_id }, BEARER);
  const text = await read();
  expect(value(text, 'breakglass_actions_total{verb="status",outcome="started"}')).toBe(1);
  expect(value(text, 'breakglass_actions_total{verb="status",outcome="done"}')).toBe(1);
  expect(value(text, 'breakglass_checks_total{name="disk"}')).toBe(1);
  expect(value(text, "breakglass_log_seq")).toBe(console_.parts.console.log.head);
  expect(value(text, "breakglass_stream_clients")).toBe(0);
  expect(value(text, "breakglass_audit_rows")).toBeGreaterThan(5);
  expect(value(text, "process_resident_memory_bytes")).toBeGreaterThan(1e7);
  expect(text).not.toContain("token:");
});

test("it is Prometheus's own form, whoever asks", async () => {
  for (const accept of ["text/html", "application/json", "*/*"]) {
    const got = await console_.ask("/metrics", { headers: { ...READER, accept } });
    expect([got.status, got.headers.get("content-type")]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
  }
});
