/**
 * A client whose link is cut again and again: it reads as a browser does, keeps what came whole, and comes back by its last id. It
 * knows nothing of what it should have seen.
 */
import type { TestServer } from "../support/server.ts";
import { readBytes } from "./byte-reader.ts";
import type { CuttingProxy } from "./cutting.ts";
import { type Fold, PageFold, ProgramFold, SseParser } from "./folding.ts";
import type { Findings } from "./result.ts";

export interface Kind {
  readonly format: "html" | "json";
  readonly gzip: boolean;
  /** `both`: as a page does, whose address keeps the position that it was rendered at. */
  readonly resumes: "header" | "after" | "both";
  readonly thin?: boolean;
}

export class CutClient {
  readonly fold: Fold;
  /** The seq that everybody must reach in the end; none yet. */
  upto = Number.POSITIVE_INFINITY;
  private last = "";
  private isGivenUp = false;
  private leave = () => {};

  constructor(
    readonly name: string,
    readonly kind: Kind,
    private readonly server: TestServer,
    private readonly session: string,
    private readonly proxy: CuttingProxy,
    private readonly findings: Findings,
  ) {
    this.fold = kind.format === "html" ? new PageFold() : new ProgramFold();
  }

  get at(): number {
    return Number(this.last);
  }

  giveUp(): void {
    this.isGivenUp = true;
    this.leave();
  }

  /** Comes back until it has everything. */
  async read(): Promise<void> {
    while (this.at < this.upto && !this.isGivenUp) await this.once();
  }

  private async once(): Promise<void> {
    const { kind, findings, name } = this;
    const parser = new SseParser(this.last);
    const before = this.at;
    let events = 0;
    const reading = readBytes(this.proxy.port, this.path(), this.headers(), (text) => {
      for (const { name: event, data } of parser.take(text)) {
        events++;
        if (event === null) this.fold.take(data);
      }
      this.last = parser.last;
      if (this.at >= this.upto) reading.leave();
    });
    this.leave = reading.leave;
    const head = await reading.over;
    if (head && (head.status !== 200 || !head.headers.get("content-type")?.startsWith("text/event-stream")))
      findings.bad("unresolved", `${name} met ${head.status} ${head.headers.get("content-type")}`);
    // Cut links that the server has not noticed yet count among its clients; beyond a number of them it answers plain.
    if (head?.headers.get("content-encoding") === "gzip") findings.count("compressed");
    const cut = this.proxy.last();
    if (cut?.silent) findings.count("in silence");
    else if (!head) findings.count("in the head");
    else findings.count(parser.begun > 0 ? "in a frame" : "between frames");
    if (this.at > before) findings.count("came further");
    findings.note(
      `${name} ${kind.format} from ${before} to ${this.at}: ${events} events, ${parser.begun} characters of one more, ${cut?.bytes ?? "all"} bytes`,
    );
  }

  private path(): string {
    const query = new URLSearchParams();
    if (this.kind.format === "json") query.set("format", "json");
    if (this.kind.resumes === "after" && this.last) query.set("after", this.last);
    if (this.kind.resumes === "both") query.set("after", "0");
    return `/api/session/${this.session}/stream?${query}`;
  }

  private headers(): Record<string, string> {
    return {
      // The console answers to its own name only.
      host: `127.0.0.1:${this.server.port}`,
      "accept-encoding": this.kind.gzip ? "gzip" : "identity",
      ...(this.kind.thin ? { "save-data": "on" } : {}),
      ...(this.kind.resumes !== "after" && this.last ? { "last-event-id": this.last } : {}),
    };
  }
}
