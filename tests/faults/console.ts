/** A console that may be killed at any moment: the real server process, started again on the same data, asked over HTTP. */
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { MUTATING, type VerbName } from "../../src/power/verb.ts";
import { TOKEN } from "../support/real-place.ts";
import { startServer, type TestServer } from "../support/server.ts";

export interface Answer {
  readonly status: number;
  readonly body: Record<string, any>;
}

export interface Written {
  readonly id: string;
  readonly verb: string;
  readonly override: string | null;
  readonly kinds: readonly string[];
}

export class FaultyConsole {
  kills = 0;
  private coming: Promise<void> | null = null;

  private constructor(
    readonly name: string,
    readonly dir: string,
    private readonly env: Record<string, string>,
    private server: TestServer,
  ) {}

  static async start(name: string, dir: string, env: Record<string, string>): Promise<FaultyConsole> {
    return new FaultyConsole(name, dir, env, await startServer(dir, env));
  }

  /** kill -9, then the same command on the same data. Resolves when it answers again. */
  killAndStart(meanwhile: () => void = () => {}): Promise<void> {
    this.coming ??= (async () => {
      this.kills++;
      await this.server.stop("SIGKILL");
      meanwhile();
      this.server = await startServer(this.dir, this.env);
    })().finally(() => {
      this.coming = null;
    });
    return this.coming;
  }

  /** Resolves when it is not being started. */
  async up(): Promise<void> {
    while (this.coming) await this.coming;
  }

  /** The answer, or null when there was none: the console died first. */
  async ask(method: "GET" | "POST", path: string, body?: unknown, wait = true): Promise<Answer | null> {
    try {
      const response = await fetch(`${this.server.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${TOKEN}`,
          "content-type": "application/json",
          ...(wait ? {} : { prefer: "respond-async" }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        keepalive: false,
      });
      return { status: response.status, body: (await response.json()) as Answer["body"] };
    } catch {
      return null;
    }
  }

  output(): string {
    return this.server.output();
  }

  /** Every mutating action in its log, with the kinds of entry in their order: a second reading, beside the console's own. */
  written(): Written[] {
    const db = new Database(join(this.dir, "breakglass.db"), { readonly: true });
    try {
      const rows = db
        .query<{ about: string; kind: string; body: string | null }, []>(
          `select about, kind, iif(kind = 'requested', body, null) as body from entry
             where stream = 'target:devvm' and about is not null order by seq`,
        )
        .all();
      const found = new Map<string, Written>();
      for (const { about, kind, body } of rows) {
        const asked = body ? (JSON.parse(body) as Pick<Written, "verb" | "override">) : null;
        const one = found.get(about) ?? {
          id: about,
          verb: asked?.verb ?? "",
          override: asked?.override ?? null,
          kinds: [],
        };
        found.set(about, { ...one, kinds: [...one.kinds, kind] });
      }
      return [...found.values()].filter((one) => MUTATING.includes(one.verb as VerbName));
    } finally {
      db.close();
    }
  }

  async end(): Promise<void> {
    await this.up();
    await this.server.stop();
  }
}
