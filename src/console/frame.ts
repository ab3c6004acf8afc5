/** Entries → the bytes of one frame of the stream. Pure but for what a `Draw` remembers; it knows no client. */
import type { Entry } from "../log/log.ts";

export type Format = "html" | "json";

/** Makes the data of frames. One per attached session and format; it may remember what it has drawn. */
export interface Draw {
  /** A batch of entries as one HTML event's data, "" when they draw nothing. */
  html(entries: readonly Entry[]): string;
  /** One entry as JSON, null when it is none for readers. `passed`: nobody needs its data, it is only to be remembered. */
  json(entry: Entry, passed?: boolean): string | null;
  /** What an entry's data is the whole state of, so that in one frame the last of it says all; null for what stands for itself. */
  subject?(entry: Entry): string | null;
}

export function frame(entries: readonly Entry[], format: Format, draw: Draw): Uint8Array {
  if (format === "html") return bytes(frameOf(entries.at(-1)!.seq, draw.html(entries)));
  const last = new Map<string, number>();
  for (const entry of entries) {
    const subject = draw.subject?.(entry) ?? null;
    if (subject !== null) last.set(subject, entry.seq);
  }
  let text = "";
  for (const entry of entries) {
    const subject = draw.subject?.(entry) ?? null;
    const data = draw.json(entry, subject !== null && last.get(subject) !== entry.seq);
    if (data !== null) text += frameOf(entry.seq, data);
  }
  return bytes(text);
}

/** The first of them, as many as make a frame of about so many bytes; at least one. Of a subject only the last is sent, so it counts once. */
export function firstOf(entries: readonly Entry[], about_bytes: number, draw: Draw): readonly Entry[] {
  const counted = new Set<string>();
  let sum = 0;
  const over = entries.findIndex((entry) => {
    const subject = draw.subject?.(entry) ?? null;
    if (subject !== null && counted.has(subject)) return false;
    if (subject !== null) counted.add(subject);
    sum += JSON.stringify(entry.body).length;
    return sum > about_bytes;
  });
  return over < 0 ? entries : entries.slice(0, Math.max(1, over));
}

/** One event; CR, LF and CRLF in the data become data lines of their own, so that no output can end a field. */
export function frameOf(id: number | null, data: string): string {
  const head = id === null ? "" : `id: ${id}\n`;
  if (data === "") return id === null ? "" : `${head}\n`;
  return `${head}data: ${data.includes("\r") || data.includes("\n") ? data.split(/\r\n|\r|\n/).join("\ndata: ") : data}\n\n`;
}

const encoder = new TextEncoder();
export const bytes = (text: string): Uint8Array => encoder.encode(text);
