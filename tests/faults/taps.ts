/**
 * What the clients did and what they were told: every answer is judged as it comes, by the contract alone, and what was
 * acknowledged is kept for the reckoning. An answer to one who was killed with the console is no answer.
 */
import type { Answer, FaultyConsole } from "./console.ts";
import type { Findings } from "./result.ts";

export interface Tap {
  readonly id: string;
  readonly verb: string;
  readonly override: string | null;
}

export class Taps {
  /** Request ids by console that acknowledged them, with the body that it acknowledged. */
  readonly acknowledged = new Map<string, Map<string, Tap>>();
  private readonly sent: Tap[] = [];
  /** What a console last said came of an id, once that can't change any more. */
  private readonly settled = new Map<string, string>();

  constructor(private readonly findings: Findings) {}

  /** Some tap of before, or null when there was none. The newest are the likeliest: they may still run. */
  earlier(at: number): Tap | null {
    return this.sent[this.sent.length - 1 - Math.floor(at * at * this.sent.length)] ?? null;
  }

  async send(to: FaultyConsole, tap: Tap, wait: boolean): Promise<void> {
    const { id, verb, override } = tap;
    if (!this.sent.some((one) => one.id === id)) this.sent.push(tap);
    const words = `${to.name} ${verb} ${id}${override ? ` override=${override}` : ""}${wait ? " (waits)" : ""}`;
    this.findings.note(`${words} …`);
    const answer = await to.ask(
      "POST",
      `/api/pve/${verb}`,
      { request_id: id, ...(override ? { override } : {}) },
      wait,
    );
    this.findings.note(`${words}: ${inWords(answer)}`);
    if (!answer) return this.findings.count("without an answer");
    this.judge(to, tap, wait, answer);
  }

  async look(at: FaultyConsole, chance: number): Promise<void> {
    if (chance < 0.3) {
      const answer = await at.ask("POST", "/api/pve/status", {});
      this.findings.note(`${at.name} status: ${inWords(answer)}`);
      if (answer && ![200, 502].includes(answer.status)) this.findings.bad("lost", `status met ${answer.status}`);
      return;
    }
    const answer = await at.ask("GET", chance < 0.6 ? "/status" : "/api/pve/actions");
    this.findings.note(`${at.name} is looked at: ${answer?.status}`);
    if (answer && answer.status !== 200) this.findings.bad("lost", `a look met ${answer.status}`);
    for (const action of answer?.body.actions ?? []) this.remember(at, action);
  }

  /** `done` and `failed` never change. */
  remember(at: FaultyConsole, action: { id: string; state: string; outcome: string | null; exit_code: number | null }) {
    if (action.state !== "ended" || action.outcome === "unknown") return;
    const key = `${at.name} ${action.id}`;
    const now = `${action.outcome} (${action.exit_code})`;
    const before = this.settled.get(key) ?? now;
    this.settled.set(key, now);
    if (before !== now) this.findings.bad("unresolved", `${key}: was ${before}, then ${now}`);
  }

  private judge(to: FaultyConsole, tap: Tap, wait: boolean, { status, body }: Answer): void {
    const { id, verb } = tap;
    const known = this.acknowledged.get(to.name)?.get(id);
    const same = !known || (known.verb === verb && known.override === tap.override);
    if (typeof body.detail === "string") {
      // Refused by the console itself: busy, or the id means something else here.
      if (status === 409) this.findings.count("busy at the console");
      else if (status === 422) this.findings.count("refused as another request");
      else this.findings.bad("lost", `${to.name} ${verb} ${id} met ${status}: ${body.detail}`);
      if (known && same)
        this.findings.bad("lost", `${to.name} ${verb} ${id} was known and met ${status}: ${body.detail}`);
      return;
    }
    const acknowledges = wait ? body.action : body.id;
    const expected = wait ? (body.exit_code === 0 ? 200 : body.exit_code === 75 ? 409 : 502) : 202;
    if (acknowledges !== id || status !== expected || body.verb !== verb)
      this.findings.bad("lost", `${to.name} ${verb} ${id} met ${status} ${JSON.stringify(body).slice(0, 200)}`);
    if (!same) this.findings.bad("duplicated", `${to.name} took ${id} as ${verb}, which it knows as ${known?.verb}`);
    if (wait && body.exit_code === 75) this.findings.count("busy at the host");
    const here = this.acknowledged.get(to.name) ?? new Map<string, Tap>();
    this.acknowledged.set(to.name, here.set(id, known ?? tap));
    if (!wait) this.remember(to, body as Parameters<Taps["remember"]>[1]);
    else if (body.outcome !== "unknown")
      this.remember(to, { id, state: "ended", outcome: body.outcome, exit_code: body.exit_code });
  }
}

function inWords(answer: Answer | null): string {
  if (!answer) return "no answer";
  const { detail, outcome, exit_code, why, state } = answer.body;
  return `${answer.status} ${detail ?? [state, outcome, exit_code, why].filter((word) => word !== undefined).join(" ")}`;
}
