/**
 * What browsers report that our policy kept from acting: a healthy console has none, so each is worth a line. Anybody may
 * post here (a browser does so before sign-in, too): so it is bounded, counted, and said at most once a minute.
 */
import { Hono } from "hono";
import { plain } from "../../views/plain.tsx";
import type { Env } from "../access/operator.ts";

/** Where `report-uri` in the policy points. */
export const REPORT_PATH = "/csp-report";
/** As much of a report as is read, bytes; a real one has some 600. */
const MOST = 8 * 1024;
const SAID_EVERY_MS = 60_000;

export class Reports {
  count = 0;
  private told = 0;
  private said_at = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly say: (line: string) => void = (line) => console.error(line),
    private readonly clock_ms: () => number = () => performance.now(),
  ) {}

  add(report: string): void {
    this.count++;
    const now = this.clock_ms();
    if (now - this.said_at < SAID_EVERY_MS) return;
    const more = this.count - this.told - 1;
    this.told = this.count;
    this.said_at = now;
    this.say(
      `breakglass: Reports counted: ${this.count}. A browser kept something on our page from acting: ${inWords(report)}${more > 0 ? `; ${more} more since the last line` : ""}`,
    );
  }
}

export function reportRoutes(reports: Reports) {
  const app = new Hono<Env>();
  app.post(REPORT_PATH, async (c) => {
    reports.add(await beginningOf(c.req.raw.body));
    return c.body(null, 204);
  });
  return app;
}

/** A stranger wrote it: one line, what it says cut short, nothing that could pass for a line of ours. */
function inWords(report: string): string {
  const field = (name: string) => {
    const found = new RegExp(`"${name}"\\s*:\\s*"([^"\\\\]{0,200})`).exec(report)?.[1] ?? "?";
    // Behind it is a link that is good once: who can read our log could use it first.
    return plain(found.replace(/(\/enrol\/).*/s, "$1…")).replace(/\s+/g, " ");
  };
  return `${field("effective-directive")} kept out ${field("blocked-uri")} (${field("source-file")})`;
}

async function beginningOf(body: ReadableStream<Uint8Array> | null): Promise<string> {
  if (!body) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (text.length < MOST) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
  }
  // Not waited for: it is over only when the sender is.
  void reader.cancel().catch(() => {});
  return text.slice(0, MOST);
}
