/**
 * A process that runs and is of no use: it never says that it is up, it falls silent, or it shows signs of life and
 * brings nothing on. Pure: the times come in. Whether a tool call of ours is under way, which excuses all three, is the
 * caller's to know.
 */
export interface Idle {
  readonly is: "never_began" | "silent" | "stuck";
  readonly after_ms: number;
}

/** How long each may last, milliseconds. */
export interface IdleLimits {
  /** Until it says that it is up. */
  readonly begin: number;
  /** Without a line. */
  readonly silence: number;
  /** With lines that bring nothing on: pings, statuses. */
  readonly progress: number;
}

/**
 * A start takes 0.5 to 2 s. A stream of the API that stalls midway is never noticed by the CLI itself (100 s and more
 * were seen).
 */
const LIMITS: IdleLimits = { begin: 60_000, silence: 180_000, progress: 300_000 };

/** A slow backend's own limit, where the operator set one, is waited for. */
export function idleLimits(env: Readonly<Record<string, string | undefined>>): IdleLimits {
  const limit = Number(env.API_TIMEOUT_MS);
  if (!Number.isFinite(limit) || limit <= 0) return LIMITS;
  const longer = (ms: number) => Math.max(ms, limit + 10_000);
  return { ...LIMITS, silence: longer(LIMITS.silence), progress: longer(LIMITS.progress) };
}

/** What a process has shown so far: by the clock of `now`, and how many lines brought something on. */
export interface Shown {
  readonly heard_at: number;
  readonly progress_at: number;
  readonly progress: number;
}

export function idleOf({ heard_at, progress_at, progress }: Shown, limits: IdleLimits, now: number): Idle | null {
  if (progress === 0 && now - progress_at > limits.begin) return { is: "never_began", after_ms: limits.begin };
  if (now - heard_at > limits.silence) return { is: "silent", after_ms: limits.silence };
  if (now - progress_at > limits.progress) return { is: "stuck", after_ms: limits.progress };
  return null;
}
