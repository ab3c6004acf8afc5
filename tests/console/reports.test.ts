import { expect, test } from "bun:test";
import { Reports, reportRoutes } from "../../src/console/reports.ts";
import { openTestConsole } from "../support/console.ts";

const report = (uri: string) =>
  JSON.stringify({
    "csp-report": { "effective-directive": "script-src-elem", "blocked-uri": uri, "source-file": "x" },
  });

function desk() {
  const lines: string[] = [];
  let now = 0;
  const reports = new Reports(
    (line) => lines.push(line),
    () => now,
  );
  const app = reportRoutes(reports);
  const post = (body: RequestInit["body"]) => app.request("/csp-report", { method: "POST", body });
  return { lines, reports, post, wait: (ms: number) => (now += ms) };
}

test("every report is counted, and one line a minute says so", async () => {
  const { lines, reports, post, wait } = desk();
  for (let i = 0; i < 100; i++) expect((await post(report("http://evil.example/a.js"))).status).toBe(204);
  expect(reports.count).toBe(100);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("Reports counted: 1.");
  expect(lines[0]).toContain("script-src-elem kept out http://evil.example/a.js");
  wait(60_000);
  await post(report("inline"));
  expect(lines).toHaveLength(2);
  expect(lines[1]).toContain("Reports counted: 101.");
  expect(lines[1]).toContain("99 more since the last line");
});

test("a report is a stranger's: whatever it holds makes one short line, and no more of it is read than 8 kB", async () => {
  const { lines, post, wait } = desk();
  const odd = [
    report("a\nbreakglass: all is well"),
    report("\x1b[2J\x1b]52;c;AAAA\x07"),
    `{"blocked-uri":"${"x".repeat(100_000)}`,
    "{",
    "",
    "\0".repeat(50_000),
  ];
  for (const body of odd) {
    await post(body);
    wait(60_000);
  }
  let asked = 0;
  const endless = new ReadableStream({
    pull(controller) {
      asked++;
      controller.enqueue(new Uint8Array(4096));
    },
  });
  expect((await post(endless)).status).toBe(204);
  expect(asked).toBeLessThan(10);
  expect(lines).toHaveLength(odd.length + 1);
  for (const line of lines) {
    expect(line.length).toBeLessThan(900);
    expect(line).not.toMatch(/[\n\x00-\x1f]/);
  }
});

test("the link of an enrolment is not in what is said of a report on its page", async () => {
  const { lines, post } = desk();
  const link = "http://console.example/enrol/AbCdEf0123456789";
  await post(
    JSON.stringify({ "csp-report": { "effective-directive": "img-src", "blocked-uri": link, "source-file": link } }),
  );
  expect(lines[0]).toContain("img-src kept out http://console.example/enrol/… (http://console.example/enrol/…)");
  expect(lines[0]).not.toContain("AbCd");
});

test("the policy names the address, and it is open to a browser that is not signed in, for a POST only", async () => {
  const console_ = await openTestConsole({ API_BEARER_TOKEN: "a-token-of-the-tests-0123456789" });
  const page = await console_.ask("/", { headers: { accept: "text/html" } });
  expect(page.status).toBe(401);
  expect(page.headers.get("content-security-policy")).toContain("report-uri /csp-report");
  const post = await console_.ask("/csp-report", { method: "POST", body: report("inline") });
  expect(post.status).toBe(204);
  expect((await console_.ask("/csp-report")).status).toBe(401);
  expect((await console_.ask("/csp-report", { method: "POST", headers: { host: "evil.example" } })).status).toBe(421);
  await console_.close();
});
