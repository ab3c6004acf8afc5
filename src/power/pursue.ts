/**
 * Asks on about runs that were let go: rarely, for days, and at once when the host answers again, its key was accepted, or an
 * operator taps "Ask again". It holds no target: whoever acts meanwhile meets the host's own lock.
 */
import type { Target } from "../target/target.ts";
import type { Age } from "./age.ts";
import type { Pve, Request } from "./host.ts";
import { type Answer, askOnce, type Lesson } from "./learn.ts";

export interface PursueTools {
  readonly pve: Pve;
  readonly tell: (request: Request, lesson: Lesson) => Promise<void>;
  /** Waits between questions, ms; the last one repeats. */
  readonly pursue_every_ms?: readonly number[];
}

const EVERY_MS = [30_000, 60_000, 120_000, 300_000];
/** Then nobody asks by itself any more: a host keeps its newest runs (200), and after a week a person has looked. */
export const PURSUE_FOR_MS = 7 * 86_400_000;

/**
 * What an earlier process let go is asked about for so long at least, however old it seems: a clock that was set in between is no reason
 * to leave an outcome unlearnt.
 */
const AT_LEAST_MS = 86_400_000;

interface Pursued {
  readonly request: Request;
  wake: () => void;
}

export class Pursuits {
  private readonly open = new Map<string, Pursued>();
  private readonly told = new Set<string>();
  private closed = false;

  constructor(private readonly tools: PursueTools) {}

  /** `anew`: an earlier process let it go. */
  begin(request: Request, age: Age, anew = false): void {
    if (this.closed || this.open.has(request.id)) return;
    const pursued: Pursued = { request, wake: () => {} };
    this.open.set(request.id, pursued);
    void this.goOn(pursued, age, Math.max(PURSUE_FOR_MS - age.least(), anew ? AT_LEAST_MS : 0))
      .catch((error) => console.error(`action ${request.id}:`, error))
      .finally(() => this.open.delete(request.id));
  }

  /** The host of this target answers again: it is asked now. */
  wake(target: Target): void {
    for (const { request, wake } of this.open.values()) if (request.target.id === target.id) wake();
  }

  close(): void {
    this.closed = true;
    for (const { wake } of this.open.values()) wake();
  }

  /** One question, asked because somebody wants to know now. What it teaches is told. */
  async ask(request: Request, age: Age): Promise<Answer> {
    const answer = await askOnce(request, this.tools.pve, age);
    if (answer.is === "learnt") await this.conclude(request, answer.lesson);
    return answer;
  }

  /** Two questions may be under way at once; the first answer is written, and no second. */
  private async conclude(request: Request, lesson: Lesson): Promise<void> {
    if (this.told.has(request.id)) return;
    this.told.add(request.id);
    await this.tools.tell(request, lesson);
    this.open.get(request.id)?.wake();
  }

  private async goOn(pursued: Pursued, age: Age, for_ms: number): Promise<void> {
    const began = performance.now();
    const waits = this.tools.pursue_every_ms ?? EVERY_MS;
    for (let n = 0; !this.closed && performance.now() - began < for_ms; n++) {
      await this.rest(pursued, waits[Math.min(n, waits.length - 1)]!);
      if (this.closed || this.told.has(pursued.request.id)) return;
      const answer = await askOnce(pursued.request, this.tools.pve, age);
      if (this.closed || answer.is !== "learnt") continue;
      return this.conclude(pursued.request, answer.lesson);
    }
  }

  private rest(pursued: Pursued, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      pursued.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
