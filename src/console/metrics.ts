/**
 * What Prometheus may read: the console's own figures and no other. Counters follow the log; gauges are asked for when they are
 * read. It holds no names of people and no texts. The library is loaded at the first reading: the start must not wait for it.
 */
import type { Entry, Log } from "../log/log.ts";

export interface MetricsTools {
  readonly log: Log;
  readonly turnsRunning: () => number;
  readonly streamClients: () => number;
  readonly auditRows: () => number;
  /** Rows and entries that are in memory only, since the disk refuses. */
  readonly unsaved: () => number;
  /** Bytes. */
  readonly memory: () => number;
}

type Counts = Map<string, number>;

export class Metrics {
  private readonly turns: Counts = new Map();
  private readonly actions: Counts = new Map();
  private readonly checks: Counts = new Map();
  /** What each thing that runs is; gone when it ends. */
  private readonly verbs = new Map<string, string>();
  private readonly ends = new Map<string, string>();
  private page: Promise<{ type: string; read: () => Promise<string> }> | null = null;
  private readonly unfollow: () => void;

  constructor(private readonly tools: MetricsTools) {
    this.unfollow = tools.log.follow((entries) => {
      for (const entry of entries) this.count(entry);
    });
  }

  async read(): Promise<{ type: string; text: string }> {
    this.page ??= this.lay();
    const { type, read } = await this.page;
    return { type, text: await read() };
  }

  close(): void {
    this.unfollow();
  }

  private count({ stream, kind, about, body }: Entry): void {
    const id = about ?? "";
    switch (kind) {
      case "prompted":
        add(this.turns, "started");
        return;
      case "concluded":
        this.ends.set(id, (body as { is_error: boolean }).is_error ? "failed" : "done");
        return;
      case "failed":
        this.ends.set(id, "failed");
        return;
      case "cancelled":
        this.ends.set(id, "stopped");
        return;
      case "turn_ended":
        add(this.turns, this.ends.get(id) ?? "failed");
        this.ends.delete(id);
        return;
      case "requested":
        this.verbs.set(id, (body as { verb: string }).verb);
        add(this.actions, labels(this.verbOf(stream, id), "started"));
        return;
      case "finished":
      case "learned":
        add(this.actions, labels(this.verbOf(stream, id), (body as { outcome: string }).outcome));
        if ((body as { outcome: string }).outcome !== "unknown") this.verbs.delete(id);
        return;
      case "check_ended":
        add(this.checks, (body as { name: string }).name);
        return;
    }
  }

  /** An action that began before this start is looked up. */
  private verbOf(stream: string, id: string): string {
    const known = this.verbs.get(id);
    if (known !== undefined) return known;
    const requested = this.tools.log.about(stream, id).find((e) => e.kind === "requested");
    return (requested?.body as { verb: string } | undefined)?.verb ?? "unknown";
  }

  private async lay() {
    const { Counter, Gauge, Registry } = await import("prom-client");
    const registry = new Registry();
    const registers = [registry];
    const counter = (name: string, help: string, labelNames: readonly string[], counts: Counts) =>
      new Counter({
        name,
        help,
        labelNames: [...labelNames],
        registers,
        collect() {
          this.reset();
          for (const [key, n] of counts) {
            const values = key.split(" ");
            this.inc(Object.fromEntries(labelNames.map((label, i) => [label, values[i] ?? ""])), n);
          }
        },
      });
    const gauge = (name: string, help: string, value: () => number) =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(value());
        },
      });
    const { log, turnsRunning, streamClients, auditRows, unsaved, memory } = this.tools;
    counter("breakglass_turns_total", "Turns since the start, by what became of them.", ["state"], this.turns);
    counter(
      "breakglass_actions_total",
      "Actions since the start, by verb and by outcome as it was learnt (unknown may be followed by done or failed).",
      ["verb", "outcome"],
      this.actions,
    );
    counter("breakglass_checks_total", "Checks that ended since the start.", ["name"], this.checks);
    gauge("breakglass_turns_running", "Turns that run.", turnsRunning);
    gauge("breakglass_stream_clients", "Pages and programs attached to a stream.", streamClients);
    gauge("breakglass_log_seq", "The newest entry of the log.", () => log.head);
    gauge("breakglass_audit_rows", "Rows of the audit.", auditRows);
    gauge("breakglass_unsaved", "Rows of the audit that the disk has refused so far.", unsaved);
    gauge("process_resident_memory_bytes", "Memory of the console itself, without its children.", memory);
    return { type: registry.contentType, read: () => registry.metrics() };
  }
}

const labels = (...values: string[]): string => values.join(" ");

function add(counts: Counts, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
