/** Times as people say them. Pure: `now` comes in. console.js says the same words and keeps them ticking. */

type Moment = number | string;
const ms = (at: Moment): number => (typeof at === "number" ? at : Date.parse(at));

/** To the second: what is shown is never finer, and every byte is sent to a phone. */
const iso = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`;

export function agoWords(at: Moment, now: number): string {
  const s = Math.max(0, Math.floor((now - ms(at)) / 1000));
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} d ago`;
}

/** "940 ms", "3.4 s", "12 s", "4 min 10 s". */
export function durationWords(took_ms: number): string {
  if (took_ms < 1000) return `${Math.max(0, Math.round(took_ms))} ms`;
  if (took_ms < 9950) return `${(took_ms / 1000).toFixed(1)} s`;
  const s = Math.round(took_ms / 1000);
  if (s < 60) return `${s} s`;
  return s < 3600
    ? `${Math.floor(s / 60)} min ${s % 60} s`
    : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

export function clockWords(from: Moment, now: number): string {
  const s = Math.max(0, Math.floor((now - ms(from)) / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const minutes = `${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return s < 3600 ? minutes : `${Math.floor(s / 3600)}:${minutes}`;
}

/** "03:12:04 UTC", with the day in front when it is not today's. */
export function utcWords(at: Moment, now = ms(at)): string {
  const text = new Date(ms(at)).toISOString();
  const day = text.slice(0, 10) === new Date(now).toISOString().slice(0, 10) ? "" : `${text.slice(0, 10)} `;
  return `${day}${text.slice(11, 19)} UTC`;
}

export const Ago = ({ at, now }: { at: Moment; now: number }) => (
  <time datetime={iso(ms(at))}>{agoWords(at, now)}</time>
);

/** Runs down: how long there is to answer. */
export const Left = ({ until, now }: { until: Moment; now: number }) => (
  <>
    <time class="until" datetime={iso(ms(until))}>
      {clockWords(now, ms(until))}
    </time>{" "}
    left
  </>
);

/** Runs up: how long something has been at work. */
export const Clock = ({ from, now }: { from: Moment; now: number }) => (
  <time class="clock" datetime={iso(ms(from))}>
    {clockWords(from, now)}
  </time>
);
